/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "../scratch.h"
#include "base/file.h"
#include "runner/guest_files.h"
#include "runner/run_events.h"
#include "runner/run_lost.h"
#include "runner/state.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static json_t *written(const struct run_state *s, const struct tail *t)
{
	static char text[STATE_RECORD + 1];
	int fd = memfd_create("state", MFD_CLOEXEC);
	struct stat st;
	json_t *o;

	assert_int_equal(state_write(fd, s, t), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, STATE_RECORD);
	assert_int_equal(pread(fd, text, STATE_RECORD, 0), STATE_RECORD);
	close(fd);
	o = json_loads(text, 0, NULL);
	assert_true(json_is_object(o));
	return o;
}

static void test_record(void **state _unused_)
{
	struct run_state s = { .phase = RUN_ENDED,
		.end = END_FAILED,
		.since = 7,
		.runner = 3,
		.error = "QEMU did not start",
		.lost = json_pack("[{s:s, s:s}, {s:s, s:s, s:b}]", "id", "device0", "name",
			"nic2 (0000:02:00.0)", "id", "net1", "name", "uplink/3", "asked", 1),
		.accel_reason = "no KVM" };
	struct tail t = { 0 };
	json_t *o;
	_cleanup_free_ char *why = NULL, *lost = NULL;

	tail_add(&t, "qemu: could not open disk", strlen("qemu: could not open disk"));
	o = written(&s, &t);
	why = state_why(o);
	assert_int_equal(state_phase(o), RUN_ENDED);
	assert_int_equal(state_end(o), END_FAILED);
	assert_string_equal(why, "QEMU did not start");
	lost = state_lost(o);
	assert_string_equal(lost, "nic2 (0000:02:00.0)");
	assert_null(json_object_get(o, "pid"));
	json_decref(o);
	json_decref(s.lost);
}

/* The longest of everything still fits, at the cost of the oldest lines. */
static void test_record_never_overflows(void **state _unused_)
{
	static char line[TAIL_WIDTH + 50];
	char error[600];
	struct run_state s = { .phase = RUN_RUNNING, .error = error, .lost = json_array() };
	struct tail t = { 0 };
	json_t *o, *lines;
	size_t n;

	memset(line, '"', sizeof(line));
	memset(error, '\\', sizeof(error));
	error[sizeof(error) - 1] = '\0';
	for (int i = 0; i < GUEST_DEVICES_MAX; i++)
		json_array_append_new(
			s.lost, json_pack("{s:s, s:s}", "id", "device00", "name",
					"a-device-of-a-name-that-is-long (0000:00:00.0)"));
	for (int i = 0; i < 100; i++)
		tail_add(&t, line, sizeof(line));
	tail_add(&t, "last", 4);
	o = written(&s, &t);
	lines = json_object_get(o, "stderr");
	n = json_array_size(lines);
	assert_true(n > 1 && n < TAIL_LINES);
	assert_string_equal(json_string_value(json_array_get(lines, n - 1)), "last");
	json_decref(o);
	json_decref(s.lost);
}

static void test_text_is_made_plain(void **state _unused_)
{
	char out[12];

	plain_text(out, sizeof(out), "a\033[1mb\xff\xc3\xa4", 9);
	assert_string_equal(out, "a?[1mb?\xc3\xa4");
	plain_text(out, 4, "ab\xc3\xa4", 4);
	assert_string_equal(out, "ab");
}

static void test_tail_keeps_the_last(void **state _unused_)
{
	struct tail t = { 0 };

	assert_null(tail_line(&t, 0));
	for (int i = 0; i < TAIL_LINES + 3; i++) {
		char text[8];

		snprintf(text, sizeof(text), "%d", i);
		tail_add(&t, text, strlen(text));
	}
	assert_string_equal(tail_line(&t, 0), "3");
	assert_string_equal(tail_line(&t, TAIL_LINES - 1), "14");
	assert_null(tail_line(&t, TAIL_LINES));
}

static const struct guest guest;

static void test_events(void **state _unused_)
{
	json_t *off = json_pack("{s:b, s:s}", "guest", 1, "reason", "guest-shutdown");
	json_t *io = json_pack("{s:s, s:s, s:s}", "node-name", "disk\033", "operation", "write",
		"reason", "No space left on device");

	assert_true(run_event(&guest, "SHUTDOWN", off).powered_off);
	assert_false(run_event(&guest, "SHUTDOWN", NULL).powered_off);
	assert_string_equal(run_event(&guest, "BLOCK_IO_ERROR", io).text,
		"writing to disk? fails: No space left on device");
	assert_true(run_event(&guest, "STOP", NULL).paused);
	assert_true(run_event(&guest, "RESUME", NULL).resumed);
	assert_non_null(run_event(&guest, "GUEST_PANICKED", NULL).text);
	assert_null(run_event(&guest, "RTC_CHANGE", NULL).text);
	json_decref(off);
	json_decref(io);
}

static void assert_lost(const struct runner *r, const char *names)
{
	json_t *record = json_pack("{s:O}", "lost", r->state.lost);
	_cleanup_free_ char *lost = state_lost(record);

	assert_true(streq_null(lost, names));
	json_decref(record);
}

static void clients_say(struct runner *r, const char *command, enum control_progress at)
{
	json_t *msg = json_loads(command, 0, NULL);

	assert_non_null(msg);
	run_lost_command(r, msg, at);
	json_decref(msg);
}

static void begin_lost(struct runner *r, struct arena *a)
{
	static struct assigned interfaces[] = { { .what = NULL },
		{ .what = "uplink/3", .address = "0000:01:10.6" } };
	static struct assigned devices[] = { { .what = "nic2", .address = "0000:02:00.0" } };

	*r = (struct runner){ .record = -1 };
	r->spec.guest = guest_from(a,
		"kernel: {image: /k}\ninterfaces: [{bridge: b}, {vf: uplink}]\ndevices: [nic2]\n");
	r->spec.assigned = (struct assignment){ interfaces, devices };
	run_lost_begin(r);
}

/* By the ids of its devices: those of the host count, and once the guest is told to stop none. */
static void test_lost(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	json_t *plug =
		json_pack("{s:s, s:s}", "device", "net1", "path", "/machine/peripheral/net1");
	static struct runner r;

	begin_lost(&r, a);
	assert_string_equal(run_event(&guest, "DEVICE_DELETED", plug).deleted, "net1");
	assert_null(run_event(&guest, "DEVICE_DELETED", NULL).deleted);
	assert_false(run_lost(&r, "net0"));
	assert_false(run_lost(&r, "disk0"));
	assert_lost(&r, NULL);
	assert_true(run_lost(&r, "net1"));
	assert_true(run_lost(&r, "device0"));
	assert_lost(&r, "uplink/3 (0000:01:10.6), nic2 (0000:02:00.0)");
	r.told = true;
	assert_false(run_lost(&r, "device0"));
	run_lost_end(&r);
	json_decref(plug);
}

#define ADD \
	"{\"execute\": \"device_add\", \"arguments\": {\"id\": \"device1\", \"host\": " \
	"\"0000:03:00.0\"}}"
#define DEL "{\"execute\": \"device_del\", \"arguments\": {\"id\": \"device1\"}}"

static void test_plugged_out_is_not_lost(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	static struct runner r;

	begin_lost(&r, a);
	clients_say(&r, ADD, CONTROL_SENT);
	clients_say(&r, ADD, CONTROL_REFUSED);
	assert_false(run_lost(&r, "device1"));
	clients_say(&r, ADD, CONTROL_DONE);
	assert_true(run_lost(&r, "device1"));
	assert_lost(&r, "0000:03:00.0");
	/* It is back. */
	clients_say(&r, ADD, CONTROL_DONE);
	assert_lost(&r, NULL);
	/* Somebody asked in vain, and it is pulled later. */
	clients_say(&r, DEL, CONTROL_SENT);
	clients_say(&r, DEL, CONTROL_REFUSED);
	assert_true(run_lost(&r, "device1"));
	assert_lost(&r, "0000:03:00.0");
	clients_say(&r, ADD, CONTROL_DONE);
	clients_say(&r, DEL, CONTROL_SENT);
	clients_say(&r, DEL, CONTROL_DONE);
	assert_true(run_lost(&r, "device1"));
	assert_lost(&r, NULL);
	assert_int_equal(json_array_size(r.state.lost), 1);
	run_lost_end(&r);
}

/* A guest's agent names its own interfaces. */
static void test_what_a_guest_says_is_made_plain(void **state _unused_)
{
	json_t *said = plain_json(json_loads("[{\"na\\u0007me\": \"eth0\\u001b[2J\", \"n\": 7}, "
					     "[\"\\u009b2J\", \"\303\244\"], null]",
		0, NULL));
	_cleanup_free_ char *text = json_dumps(said, JSON_COMPACT | JSON_SORT_KEYS);

	assert_string_equal(text, "[{\"n\":7,\"na?me\":\"eth0?[2J\"},[\"?2J\",\"\303\244\"],null]");
	json_decref(said);
	said = plain_json(json_string("\033c"));
	assert_string_equal(json_string_value(said), "?c");
	json_decref(said);
	assert_null(plain_json(NULL));
}

static void test_a_record_that_says_more_than_it_should(void **state _unused_)
{
	char dir[] = "/tmp/kvmhost-state-XXXXXX";
	_cleanup_free_ char *path = NULL, *why = NULL;
	_cleanup_close_ int root = -1;
	static const char record[] =
		"{\"state\": \"ended\", \"error\": \"\\u001b]0;owned\\u0007\\ngone\"}";
	json_t *o = NULL;

	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	path = xstrdup(guest_path("g", FILE_STATE).s);
	assert_int_equal(file_write_atomic(root, path, record, strlen(record), 0644), 0);
	assert_int_equal(state_read(root, "g", &o), 0);
	why = state_why(o);
	assert_string_equal(why, "?]0;owned??gone");
	json_decref(o);
	scratch_remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_never_overflows),
		cmocka_unit_test(test_text_is_made_plain),
		cmocka_unit_test(test_tail_keeps_the_last),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_plugged_out_is_not_lost),
		cmocka_unit_test(test_what_a_guest_says_is_made_plain),
		cmocka_unit_test(test_a_record_that_says_more_than_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
