/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor for supervised services: systemd over one connection, calls
 * pipelined, against plain fork and exec.
 *
 *   units transient PREFIX N   StartTransientUnit, until every job is done
 *   units start     PREFIX N   StartUnit (the unit files are there)
 *   units stop      PREFIX N   StopUnit
 *   units list      PATTERN    ListUnitsByPatterns
 *   units spawn     N          fork and exec of the same program, no manager
 *   units reload    N          N reloads of kvmhostd by one client that stays
 *
 * Prints microseconds as JSON. Services are PREFIX<i>.service and run `sleep
 * infinity`. UNITS_PRIVATE=1: by systemd's own socket, no broker between.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>

#define DEST "org.freedesktop.systemd1"
#define OBJECT "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT_ROW "(ssssssouso)"

extern char **environ;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void check(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-r));
	exit(1);
}

static sd_bus *connect_bus(void)
{
	sd_bus *bus;

	if (!getenv("UNITS_PRIVATE")) {
		check(sd_bus_open_system(&bus), "the system bus");
		return bus;
	}
	check(sd_bus_new(&bus), "bus");
	check(sd_bus_set_address(bus, "unix:path=/run/systemd/private"), "bus");
	check(sd_bus_start(bus), "systemd's private socket");
	return bus;
}

/* Jobs by their object paths; one may be reported as done before the answer that names it. */
struct jobs {
	char **asked, **done;
	int n_asked, n_done, replies, failed;
};

static void push(char ***v, int *n, const char *path)
{
	*v = realloc(*v, ((size_t)*n + 1) * sizeof(**v));
	(*v)[(*n)++] = strdup(path);
}

static int on_removed(sd_bus_message *m, void *data, sd_bus_error *e)
{
	const char *path, *unit, *result;
	struct jobs *j = data;
	unsigned id;

	(void)e;
	check(sd_bus_message_read(m, "uoss", &id, &path, &unit, &result), "JobRemoved");
	if (strcmp(result, "done")) {
		j->failed++;
		fprintf(stderr, "%s: %s\n", unit, result);
	}
	push(&j->done, &j->n_done, path);
	return 0;
}

static int on_reply(sd_bus_message *m, void *data, sd_bus_error *e)
{
	struct jobs *j = data;
	const char *path;

	(void)e;
	j->replies++;
	if (sd_bus_message_is_method_error(m, NULL)) {
		fprintf(stderr, "%s\n", sd_bus_message_get_error(m)->message);
		j->failed++;
		return 0;
	}
	check(sd_bus_message_read(m, "o", &path), "the answer");
	push(&j->asked, &j->n_asked, path);
	return 0;
}

static bool all_done(const struct jobs *j, int n)
{
	if (j->replies < n)
		return false;
	for (int i = 0; i < j->n_asked; i++) {
		int k = 0;

		while (k < j->n_done && strcmp(j->asked[i], j->done[k]))
			k++;
		if (k == j->n_done)
			return false;
	}
	return true;
}

static void call_transient(sd_bus *bus, struct jobs *j, const char *unit)
{
	sd_bus_message *m;

	check(sd_bus_message_new_method_call(bus, &m, DEST, OBJECT, MANAGER, "StartTransientUnit"),
		"message");
	check(sd_bus_message_append(m, "ss", unit, "fail"), "message");
	check(sd_bus_message_open_container(m, 'a', "(sv)"), "message");
	check(sd_bus_message_append(m, "(sv)", "Description", "s", unit), "message");
	check(sd_bus_message_append(m, "(sv)", "CollectMode", "s", "inactive-or-failed"),
		"message");
	check(sd_bus_message_append(m, "(sv)", "ExecStart", "a(sasb)", 1, "/usr/bin/sleep", 2,
		      "sleep", "infinity", 0),
		"message");
	check(sd_bus_message_close_container(m), "message");
	check(sd_bus_message_append(m, "a(sa(sv))", 0), "message");
	check(sd_bus_call_async(bus, NULL, m, on_reply, j, 0), "call");
	sd_bus_message_unref(m);
}

static int run_jobs(const char *verb, const char *prefix, int n)
{
	double begin = now_us();
	sd_bus *bus = connect_bus();
	struct jobs j = { .done = 0 };
	int r;

	check(sd_bus_call_method(bus, DEST, OBJECT, MANAGER, "Subscribe", NULL, NULL, ""),
		"Subscribe");
	check(sd_bus_match_signal(bus, NULL, DEST, OBJECT, MANAGER, "JobRemoved", on_removed, &j),
		"match");
	for (int i = 0; i < n; i++) {
		char unit[64];

		snprintf(unit, sizeof(unit), "%s%d.service", prefix, i);
		if (!strcmp(verb, "transient"))
			call_transient(bus, &j, unit);
		else
			check(sd_bus_call_method_async(bus, NULL, DEST, OBJECT, MANAGER,
				      !strcmp(verb, "start") ? "StartUnit" : "StopUnit", on_reply,
				      &j, "ss", unit, "replace"),
				"call");
	}
	while (!all_done(&j, n)) {
		r = sd_bus_process(bus, NULL);
		check(r, "process");
		if (!r)
			check(sd_bus_wait(bus, UINT64_C(60000000)), "wait");
	}
	printf("{\"what\":\"%s\",\"n\":%d,\"total_us\":%.1f,\"failed\":%d}\n", verb, n,
		now_us() - begin, j.failed);
	return j.failed != 0;
}

static int list(const char *pattern)
{
	double begin = now_us();
	sd_bus *bus = connect_bus();
	sd_bus_message *reply;
	int n = 0;

	check(sd_bus_call_method(bus, DEST, OBJECT, MANAGER, "ListUnitsByPatterns", NULL, &reply,
		      "asas", 0, 1, pattern),
		"ListUnitsByPatterns");
	check(sd_bus_message_enter_container(reply, 'a', UNIT_ROW), "the answer");
	while (sd_bus_message_skip(reply, UNIT_ROW) > 0)
		n++;
	printf("{\"what\":\"list\",\"n\":%d,\"total_us\":%.1f}\n", n, now_us() - begin);
	return 0;
}

/* Whole reloads as kvmhostd answers them, without a client's own start. */
static int reload(int n)
{
	sd_bus *bus;

	check(sd_bus_open_system(&bus), "the system bus");
	for (int i = 0; i < n; i++) {
		sd_bus_error e = SD_BUS_ERROR_NULL;
		double begin = now_us();
		int r = sd_bus_call_method(bus, "org.kvmhost1", "/org/kvmhost1",
			"org.kvmhost1.Manager", "Reload", &e, NULL, "");

		if (r < 0)
			fprintf(stderr, "%s\n", e.message);
		check(r, "Reload");
		printf("{\"what\":\"reload\",\"round\":%d,\"total_us\":%.1f}\n", i,
			now_us() - begin);
	}
	return 0;
}

static int spawn(int n)
{
	char *argv[] = { (char[]){ "sleep" }, (char[]){ "infinity" }, NULL };
	pid_t *pids = calloc((size_t)n, sizeof(*pids));
	double begin = now_us();

	for (int i = 0; i < n; i++)
		check(-posix_spawn(&pids[i], "/usr/bin/sleep", NULL, NULL, argv, environ), "spawn");
	printf("{\"what\":\"spawn\",\"n\":%d,\"total_us\":%.1f}\n", n, now_us() - begin);
	for (int i = 0; i < n; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	free(pids);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 3 && !strcmp(verb, "spawn") && atoi(argv[2]) > 0)
		return spawn(atoi(argv[2]));
	if (argc == 3 && !strcmp(verb, "reload"))
		return reload(atoi(argv[2]));
	if (argc == 3 && !strcmp(verb, "list"))
		return list(argv[2]);
	if (argc == 4 &&
		(!strcmp(verb, "transient") || !strcmp(verb, "start") || !strcmp(verb, "stop")))
		return run_jobs(verb, argv[2], atoi(argv[3]));
	fputs("usage: units transient|start|stop PREFIX N | list PATTERN | spawn N | reload N\n",
		stderr);
	return 2;
}
