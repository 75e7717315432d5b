/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The floor for guests: QEMU started directly, all side by side, until QMP
 * says of each that it runs. No unit, no user of its own, no record.
 *
 *   machines start FILE N CMD [ARG...]   N times CMD, with a QMP monitor added
 *   machines stop  FILE                  ends them
 *
 * FILE keeps their process ids. An @ in an argument becomes the machine's
 * number.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static _Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

struct machine {
	pid_t pid;
	int qmp;
	bool runs;
	char text[4096]; /* what QMP said last */
	size_t len;
};

static char *numbered(const char *arg, unsigned i)
{
	const char *at = strchr(arg, '@');
	char *out = NULL;

	if (!at)
		return strdup(arg);
	if (asprintf(&out, "%.*s%u%s", (int)(at - arg), arg, i, at + 1) < 0)
		die("out of memory");
	return out;
}

static void start(struct machine *m, unsigned i, char **command)
{
	posix_spawn_file_actions_t files;
	char *argv[64], chardev[48];
	int pair[2], n = 0, r;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		die("socketpair: %m");
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	for (; command[n] && n < 58; n++)
		argv[n] = numbered(command[n], i);
	snprintf(chardev, sizeof(chardev), "socket,id=qmp,fd=%d", pair[1]);
	argv[n] = (char[]){ "-chardev" };
	argv[n + 1] = chardev;
	argv[n + 2] = (char[]){ "-mon" };
	argv[n + 3] = (char[]){ "chardev=qmp,mode=control" };
	argv[n + 4] = NULL;
	posix_spawn_file_actions_init(&files);
	r = posix_spawnp(&m->pid, argv[0], &files, NULL, argv, environ);
	if (r)
		die("%s: %s", argv[0], strerror(r));
	while (n)
		free(argv[--n]);
	close(pair[1]);
	m->qmp = pair[0];
}

static void say(const struct machine *m, const char *text)
{
	if (write(m->qmp, text, strlen(text)) < 0)
		die("QMP: %m");
}

/* Greeting, then the answer to qmp_capabilities, then that to query-status. */
static void hear(struct machine *m)
{
	ssize_t n = read(m->qmp, m->text + m->len, sizeof(m->text) - 1 - m->len);
	char *end;

	if (n <= 0)
		die("a machine ended before it ran");
	m->len += (size_t)n;
	m->text[m->len] = '\0';
	while ((end = strchr(m->text, '\n'))) {
		*end = '\0';
		if (strstr(m->text, "\"QMP\""))
			say(m, "{\"execute\":\"qmp_capabilities\"}");
		else if (strstr(m->text, "\"status\": \"running\""))
			m->runs = true;
		else if (strstr(m->text, "\"return\""))
			say(m, "{\"execute\":\"query-status\"}");
		m->len -= (size_t)(end + 1 - m->text);
		memmove(m->text, end + 1, m->len + 1);
	}
}

static void wait_all(struct machine *v, unsigned n)
{
	struct pollfd *poll_fds = calloc(n, sizeof(*poll_fds));
	unsigned left = n;

	while (left) {
		for (unsigned i = 0; i < n; i++)
			poll_fds[i] = (struct pollfd){ v[i].runs ? -1 : v[i].qmp, POLLIN, 0 };
		if (poll(poll_fds, n, 60000) <= 0)
			die("the machines do not start");
		for (unsigned i = 0; i < n; i++)
			if (poll_fds[i].revents) {
				hear(&v[i]);
				left -= v[i].runs;
			}
	}
	free(poll_fds);
}

static int start_all(const char *path, unsigned n, char **command)
{
	struct machine *v = calloc(n, sizeof(*v));
	FILE *to = fopen(path, "we");

	if (!to || !v)
		die("%s: %m", path);
	for (unsigned i = 0; i < n; i++) {
		start(&v[i], i, command);
		fprintf(to, "%d\n", (int)v[i].pid);
	}
	fclose(to);
	wait_all(v, n);
	free(v);
	return 0;
}

/* Killed, and gone: what they held is free for the next ones. */
static void end(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd gone = { fd, POLLIN, 0 };

	if (fd < 0)
		return;
	kill(pid, SIGKILL);
	poll(&gone, 1, 60000);
	close(fd);
}

static int stop_all(const char *path)
{
	FILE *from = fopen(path, "re");
	char line[32];

	if (!from)
		die("%s: %m", path);
	while (fgets(line, sizeof(line), from))
		if (atoi(line) > 1)
			end(atoi(line));
	fclose(from);
	return unlink(path) < 0;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "start") && atoi(argv[3]) > 0)
		return start_all(argv[2], (unsigned)atoi(argv[3]), argv + 4);
	if (argc == 3 && !strcmp(argv[1], "stop"))
		return stop_all(argv[2]);
	fputs("usage: machines start FILE N CMD [ARG...] | stop FILE\n", stderr);
	return 2;
}
