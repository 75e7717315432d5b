/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When an installation is done, by what QEMU says; the test is the QEMU. */
#include "fixture.h"
#include "runner/run_install.h"
#include "runner/run_stop.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct talk {
	struct runner r;
	struct arena *a;
	int qemu; /* QEMU's end */
	int asked; /* id of the last command */
	char commands[400];
};

static void on_event(void *arg, const char *event, json_t *msg)
{
	run_install_event(arg, event, json_object_get(msg, "data"));
}

static int setup(void **state)
{
	struct talk *t = xmalloc(sizeof(*t));
	int v[2];

	memset(t, 0, sizeof(*t));
	t->a = arena_new();
	t->r.spec.guest = guest_from(t->a,
		"{install: {pxe: true}, disks: [{path: /a.img}], interfaces: [{network: n}]}");
	t->r.record = t->r.notify = t->r.dir = -1;
	t->r.ran = true;
	t->r.install.note = memfd_create("note", MFD_CLOEXEC);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	qmp_init(&t->r.qmp, v[0], on_event, &t->r);
	t->qemu = v[1];
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct talk *t = *state;

	qmp_close(&t->r.qmp);
	close(t->qemu);
	close(t->r.install.note);
	arena_free(t->a);
	free(t);
	return 0;
}

/* QEMU says that; what it is told then: "set-action reset, system_reset". */
static const char *told(struct talk *t, const char *says)
{
	char text[2000] = "";
	ssize_t n;

	assert_int_equal(write(t->qemu, says, strlen(says)), strlen(says));
	assert_int_equal(qmp_process(&t->r.qmp), 0);
	assert_int_equal(qmp_process(&t->r.qmp), 0);
	n = recv(t->qemu, text, sizeof(text) - 1, MSG_DONTWAIT);
	*t->commands = '\0';
	for (char *rest = n > 0 ? text : NULL, *line; rest && (line = strsep(&rest, "\n"));) {
		json_t *o = json_loads(line, 0, NULL);
		const char *what = json_string_value(json_object_get(o, "execute"));
		const char *reboot = json_string_value(
			json_object_get(json_object_get(o, "arguments"), "reboot"));
		size_t at = strlen(t->commands);

		if (what && !streq(what, "qmp_capabilities"))
			snprintf(t->commands + at, sizeof(t->commands) - at, "%s%s%s%s",
				at ? ", " : "", what, reboot ? " " : "", reboot ? reboot : "");
		if (o)
			t->asked = (int)json_integer_value(json_object_get(o, "id"));
		json_decref(o);
	}
	return t->commands;
}

#define EVENT(name, reason) \
	"{\"event\": \"" name "\", \"timestamp\": {}, \"data\": {\"reason\": \"" reason "\"}}\n"
#define REBOOT EVENT("SHUTDOWN", "guest-reset")
#define OFF EVENT("SHUTDOWN", "guest-shutdown")
#define BY_HAND EVENT("SHUTDOWN", "host-qmp-system-reset")
#define STOP EVENT("STOP", "")
#define RESET EVENT("RESET", "host-qmp-system-reset")
#define RESUME EVENT("RESUME", "")
#define AGAIN "set-action reset, system_reset"

static const char *answered(struct talk *t, int writes)
{
	char text[300];

	snprintf(text, sizeof(text),
		"{\"id\": %d, \"return\": [{\"qdev\": \"/machine/peripheral/storage0/virtio\", "
		"\"stats\": {\"wr_operations\": %d}}]}\n",
		t->asked, writes);
	return told(t, text);
}

static void begins(struct talk *t)
{
	told(t, "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\n");
}

static bool noted(struct talk *t)
{
	char text[10] = "";

	return pread(t->r.install.note, text, sizeof(text) - 1, 0) > 0 && streq(text, "done\n");
}

static void test_written(void **state)
{
	struct talk *t = *state;

	begins(t);
	assert_string_equal(told(t, REBOOT STOP), "query-blockstats");
	assert_string_equal(answered(t, 1), "quit");
	assert_true(t->r.install.done && t->r.guest_off && noted(t));
}

static void test_nothing_written(void **state)
{
	struct talk *t = *state;

	begins(t);
	assert_string_equal(told(t, REBOOT STOP), "query-blockstats");
	assert_string_equal(answered(t, 0), AGAIN);
	assert_string_equal(told(t, RESET), "set-action shutdown, cont");
	assert_string_equal(told(t, RESUME), "");
	/* The BIOS's own. */
	assert_string_equal(told(t, REBOOT STOP), AGAIN);
	assert_string_equal(told(t, RESET), "set-action shutdown, cont");
	assert_string_equal(told(t, RESUME), "");
	assert_string_equal(told(t, OFF STOP), "query-blockstats");
	assert_string_equal(answered(t, 0), "quit");
	assert_int_equal(t->r.install.in_vain, 2);
	assert_false(t->r.install.done || noted(t));
}

/* A BIOS that asks for its reset in two ways, and the second when the machine stands still. */
static void test_one_end_said_twice(void **state)
{
	struct talk *t = *state;

	begins(t);
	assert_string_equal(told(t, REBOOT STOP REBOOT), "query-blockstats");
	assert_string_equal(answered(t, 0), AGAIN);
	assert_string_equal(told(t, REBOOT), "");
	assert_string_equal(told(t, RESET), "set-action shutdown, cont");
	assert_string_equal(told(t, RESUME), "");
	assert_string_equal(told(t, REBOOT STOP REBOOT), AGAIN);
	assert_string_equal(told(t, RESET), "set-action shutdown, cont");
	assert_string_equal(told(t, RESUME), "");
	assert_int_equal(t->r.install.in_vain, 1);
}

static void test_reset_by_hand_meanwhile(void **state)
{
	struct talk *t = *state;

	begins(t);
	assert_string_equal(told(t, BY_HAND STOP), AGAIN);
	assert_string_equal(told(t, RESET), "set-action shutdown, cont");
	/* It was reset already, and is about to run. */
	assert_string_equal(told(t, BY_HAND), "");
	assert_string_equal(told(t, RESET), "");
	assert_string_equal(told(t, RESUME), "");
	assert_int_equal(t->r.install.in_vain, 0);
	assert_string_equal(told(t, OFF STOP), "query-blockstats");
}

/* Nobody is there to press a power button for. */
static void test_stopped_at_its_end(void **state)
{
	struct talk *t = *state;

	begins(t);
	assert_string_equal(told(t, REBOOT STOP), "query-blockstats");
	run_stop(&t->r);
	assert_string_equal(answered(t, 0), "quit");
	assert_int_equal(t->r.install.in_vain, 0);
	assert_false(t->r.install.done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_end_said_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_by_hand_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_at_its_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
