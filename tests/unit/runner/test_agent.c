/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The channel of a guest's agent, whose other end the guest has. */
#include "fixture.h"
#include "runner/agent.h"
#include <sys/socket.h>
#include <time.h>

struct talk {
	struct agent a;
	int guest;
	int answers;
	char last[100];
};

static void on_answer(void *arg, json_t *result, const char *error)
{
	struct talk *t = arg;

	t->answers++;
	snprintf(t->last, sizeof(t->last), "%s", error ? error : json_string_value(result));
}

static int setup(void **state)
{
	struct talk *t = xmalloc(sizeof(*t));
	int v[2];

	*t = (struct talk){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	agent_init(&t->a, v[0]);
	t->a.open = true;
	t->guest = v[1];
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct talk *t = *state;

	agent_close(&t->a);
	close(t->guest);
	free(t);
	return 0;
}

static const char *ask(struct talk *t)
{
	json_t *question = json_pack("{s:s}", "execute", "guest-info");
	const char *why = agent_ask(&t->a, question, on_answer, t);

	json_decref(question);
	return why;
}

static void say(struct talk *t, const char *text)
{
	assert_int_equal(write(t->guest, text, strlen(text)), strlen(text));
	agent_process(&t->a);
}

static void test_an_answer_follows_its_number(void **state)
{
	struct talk *t = *state;
	char number[64];

	assert_null(ask(t));
	assert_non_null(ask(t)); /* one at a time */
	say(t, "{\"return\": \"stale\"}\n");
	assert_int_equal(t->answers, 0);
	snprintf(number, sizeof(number), "\xff{\"return\": %lld}\n", (long long)t->a.number);
	say(t, number);
	say(t, "junk\n{\"ret");
	assert_int_equal(t->answers, 0);
	say(t, "urn\": \"fresh\"}\n");
	assert_int_equal(t->answers, 1);
	assert_string_equal(t->last, "fresh");
}

/* 1 MiB of ends of lines is no more work than of anything else. */
static void test_a_flood_of_lines(void **state)
{
	static char lines[64 * 1024];
	struct talk *t = *state;
	clock_t begun = clock();

	memset(lines, '\n', sizeof(lines));
	for (int i = 0; i < 16; i++) {
		size_t sent = 0;

		while (sent < sizeof(lines)) {
			ssize_t n =
				send(t->guest, lines + sent, sizeof(lines) - sent, MSG_DONTWAIT);

			if (n < 0)
				break;
			sent += (size_t)n;
		}
		agent_process(&t->a);
	}
	assert_int_equal(t->a.in.len, 0);
	assert_true(clock() - begun < CLOCKS_PER_SEC / 4);
}

/* Questions that it leaves in its channel, each given up in time, do not pile up here. */
static void test_a_guest_that_takes_nothing(void **state)
{
	static char junk[4096];
	struct talk *t = *state;
	int asked = 0;

	while (send(t->a.fd, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	for (; asked < 100000 && !ask(t); asked++)
		agent_overdue(&t->a);
	assert_true(asked > 0 && asked < 100000);
	assert_true(t->a.out.len < 2 * AGENT_LINE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_an_answer_follows_its_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_flood_of_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_guest_that_takes_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
