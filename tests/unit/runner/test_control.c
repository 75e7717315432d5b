/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhost's own side of a guest's control socket, whose far end a guest may have taken over. */
#include "fixture.h"
#include "runner/guestctl_qmp.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

struct talk {
	struct guest_qmp q;
	pid_t qemu;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Says the line again and again, and nothing else. */
static void begin(struct talk *t, const char *line)
{
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	*t = (struct talk){ .q = { .name = "g", .fd = v[0], .patience_ms = 200 } };
	t->qemu = fork();
	if (t->qemu == 0) {
		close(v[0]);
		while (send(v[1], line, strlen(line), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(v[1]);
	alarm(20);
}

static void end(struct talk *t)
{
	guest_qmp_close(&t->q);
	kill(t->qemu, SIGKILL);
	waitpid(t->qemu, NULL, 0);
	alarm(0);
}

static void test_a_flood_of_events_is_no_answer(void **state _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	int64_t begun = now_ms();
	struct talk t;

	begin(&t, "{\"event\": \"RESUME\"}\n");
	assert_int_equal(guest_qmp_command(&t.q, "cont", NULL, -1, NULL, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.text, "does not answer `cont`"));
	assert_true(now_ms() - begun < 10000);
	end(&t);
}

static void test_a_flood_of_others_is_not_the_event(void **state _unused_)
{
	static const char *const gone[] = { "DEVICE_DELETED", NULL };
	int64_t begun = now_ms();
	struct talk t;

	begin(&t, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"other\"}}\n");
	assert_int_equal(guest_qmp_event(&t.q, "net0", gone, 200), -ETIMEDOUT);
	assert_true(now_ms() - begun < 10000);
	end(&t);
}

/* QEMU hangs, and answers when nobody waits any more. */
static void test_an_answer_that_comes_too_late(void **state _unused_)
{
	struct guest_qmp q = { .name = "g", .patience_ms = 100 };
	static const char late[] = "{\"return\": \"of the first\"}\n";
	json_t *result = NULL;
	int v[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	q.fd = v[0];
	assert_int_equal(guest_qmp_command(&q, "stop", NULL, -1, NULL, NULL), -ETIMEDOUT);
	(void)!send(v[1], late, strlen(late), MSG_NOSIGNAL);
	assert_true(guest_qmp_command(&q, "query-status", NULL, -1, &result, NULL) < 0);
	assert_null(result);
	guest_qmp_close(&q);
	close(v[1]);
}

/* Of a stopped runner's socket the queue is full at some time. */
static void test_nobody_accepts(void **state _unused_)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int64_t begun = now_ms();
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = 0;

	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/kvmhost-control.%d", getpid());
	assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listening, 0), 0);
	alarm(20);
	for (int i = 0; i < 10 && fd >= 0; i++)
		fd = guest_socket_join(at.sun_path, 200);
	assert_int_equal(fd, -EAGAIN);
	assert_true(now_ms() - begun < 10000);
	alarm(0);
	unlink(at.sun_path);
}

static void test_what_qemu_says_moves_no_cursor(void **state _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	struct talk t;

	begin(&t, "{\"error\": {\"desc\": \"\\u001b[2Jgone\\u009b2J\\nforged\"}}\n");
	assert_int_equal(guest_qmp_command(&t.q, "cont", NULL, -1, NULL, &e), -EIO);
	assert_string_equal(e.text, "g: ?[2Jgone?2J?forged");
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flood_of_events_is_no_answer),
		cmocka_unit_test(test_a_flood_of_others_is_not_the_event),
		cmocka_unit_test(test_an_answer_that_comes_too_late),
		cmocka_unit_test(test_nobody_accepts),
		cmocka_unit_test(test_what_qemu_says_moves_no_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
