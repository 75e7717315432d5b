/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/qmp.h"
#include <poll.h>
#include <sys/socket.h>

struct talk {
	struct qmp q;
	int qemu; /* QEMU's end */
	int answers, events;
	char last[200];
	size_t length; /* of the last error's text */
	bool close_in_callback;
};

static void on_event(void *arg, const char *event, json_t *msg)
{
	struct talk *t = arg;
	const char *reason =
		json_string_value(json_object_get(json_object_get(msg, "data"), "reason"));

	t->events++;
	snprintf(t->last, sizeof(t->last), "%s %s", event, reason ? reason : "-");
	if (t->close_in_callback)
		qmp_close(&t->q);
}

static void on_answer(void *arg, json_t *result, const char *error)
{
	struct talk *t = arg;

	t->answers++;
	t->length = error ? strlen(error) : 0;
	snprintf(t->last, sizeof(t->last), "%s", error ? error : result ? "ok" : "?");
}

static int setup(void **state)
{
	struct talk *t = xmalloc(sizeof(*t));
	int v[2];

	*t = (struct talk){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	qmp_init(&t->q, v[0], on_event, t);
	t->qemu = v[1];
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct talk *t = *state;

	qmp_close(&t->q);
	if (t->qemu >= 0)
		close(t->qemu);
	free(t);
	return 0;
}

static void say(struct talk *t, const char *text)
{
	assert_int_equal(write(t->qemu, text, strlen(text)), strlen(text));
}

static void test_commands_go_out_before_the_greeting(void **state)
{
	struct talk *t = *state;
	char text[200] = "";

	assert_int_equal(qmp_events(&t->q), POLLIN | POLLOUT);
	qmp_command(&t->q, "cont", NULL, on_answer);
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(qmp_events(&t->q), POLLIN);
	assert_true(read(t->qemu, text, sizeof(text) - 1) > 0);
	assert_string_equal(text,
		"{\"execute\":\"qmp_capabilities\",\"id\":1}\n{\"execute\":\"cont\",\"id\":2}\n");
	assert_false(t->q.greeted);
}

static void test_an_errors_text_is_one_short_line(void **state)
{
	struct talk *t = *state;
	char line[5000];

	qmp_command(&t->q, "cont", NULL, on_answer);
	snprintf(line, sizeof(line),
		"{\"id\": 2, \"error\": {\"desc\": \"a\\u001b[2J\\nforged %04000d\"}}\n", 0);
	say(t, line);
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(t->answers, 1);
	assert_int_equal(strncmp(t->last, "a?[2J?forged", strlen("a?[2J?forged")), 0);
	assert_true(t->length < QMP_WORDS_MAX);
}

static void test_bytes_one_by_one(void **state)
{
	static const char text[] = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
				   "{\"return\": {}, \"id\": 1}\r\n"
				   "{\"timestamp\": {}, \"event\": \"SHUTDOWN\", \"data\": "
				   "{\"reason\": \"guest-shutdown\"}}\r\n"
				   "{\"return\": {}, \"id\": 2}\r\n";
	struct talk *t = *state;

	qmp_command(&t->q, "cont", NULL, on_answer);
	for (size_t i = 0; i + 1 < sizeof(text); i++) {
		assert_int_equal(write(t->qemu, text + i, 1), 1);
		assert_int_equal(qmp_process(&t->q), 0);
		assert_int_equal(t->answers, i + 2 == sizeof(text));
	}
	assert_true(t->q.greeted);
	assert_int_equal(t->events, 1);
	assert_string_equal(t->last, "ok");
}

static void test_answers_find_their_question(void **state)
{
	struct talk *t = *state;

	qmp_command(&t->q, "cont", NULL, on_answer);
	say(t, "{\"return\": {}, \"id\": 99}\n{\"return\": {}}\n");
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(t->answers, 0);
	say(t, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no disk\"}, \"id\": 2}\n");
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(t->answers, 1);
	assert_string_equal(t->last, "no disk");
	say(t, "{\"return\": {}, \"id\": 2}\n");
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(t->answers, 1);
}

/* A balloon says so of what its guest does not know; it was taken for no JSON, and QEMU killed. */
static void test_numbers_beyond_whole_ones(void **state)
{
	struct talk *t = *state;

	qmp_command(&t->q, "qom-get", NULL, on_answer);
	say(t, "{\"return\": {\"stat-swap-in\": 18446744073709551615, \"last-update\": 7}, \"id\": "
	       "2}\n");
	assert_int_equal(qmp_process(&t->q), 0);
	assert_int_equal(t->answers, 1);
	assert_string_equal(t->last, "ok");
}

static void test_questions_are_bounded(void **state)
{
	struct talk *t = *state;

	for (int i = 1; i < QMP_PENDING_MAX; i++)
		assert_int_equal(qmp_command(&t->q, "cont", NULL, NULL), 0);
	assert_int_equal(qmp_command(&t->q, "cont", json_object(), NULL), -EBUSY);
}

static void test_junk_ends_it(void **state)
{
	static const char *const junk[] = { "hello\n", "[1]\n", "{\"a\"\n", "\xff\xfe\n", "1\n" };

	for (size_t i = 0; i < ARRAY_SIZE(junk); i++) {
		struct talk *t;

		teardown(state);
		setup(state);
		t = *state;
		say(t, junk[i]);
		assert_int_equal(qmp_process(&t->q), -EBADMSG);
		assert_int_equal(t->q.fd, -1);
		assert_int_equal(qmp_events(&t->q), 0);
		assert_int_equal(qmp_command(&t->q, "cont", NULL, NULL), -ENOTCONN);
	}
}

static void test_a_line_without_end(void **state)
{
	struct talk *t = *state;
	char chunk[4096];
	int r = 0, rounds = 0;

	memset(chunk, ' ', sizeof(chunk));
	chunk[0] = '{';
	while (r == 0 && rounds++ < 1000) {
		assert_int_equal(write(t->qemu, chunk, sizeof(chunk)), sizeof(chunk));
		r = qmp_process(&t->q);
	}
	assert_int_equal(r, -EBADMSG);
	assert_true(rounds <= QMP_LINE_MAX / (int)sizeof(chunk) + 1);
}

static void test_the_end(void **state)
{
	struct talk *t = *state;

	say(t, "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"x\"}}\n{\"cut");
	close(t->qemu);
	t->qemu = -1;
	assert_int_equal(qmp_process(&t->q), -ECONNRESET);
	assert_int_equal(t->events, 1);
	assert_int_equal(qmp_process(&t->q), -ENOTCONN);
}

static void test_closing_from_a_callback(void **state)
{
	struct talk *t = *state;

	t->close_in_callback = true;
	say(t, "{\"event\": \"A\"}\n{\"event\": \"B\"}\n");
	qmp_process(&t->q);
	assert_int_equal(t->events, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_commands_go_out_before_the_greeting, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_an_errors_text_is_one_short_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bytes_one_by_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_find_their_question, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers_beyond_whole_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(test_questions_are_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_junk_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_line_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closing_from_a_callback, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
