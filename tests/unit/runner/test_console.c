/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/console.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

struct desk {
	struct console c;
	int qemu; /* the serial port's end */
	char path[64];
};

static int setup(void **state)
{
	struct desk *d = xmalloc(sizeof(*d));
	int v[2];

	memset(d, 0, sizeof(*d));
	snprintf(d->path, sizeof(d->path), "/tmp/kvmhost-test-%d.sock", (int)getpid());
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, v), 0);
	console_init(&d->c, v[0], console_listen(d->path));
	assert_true(d->c.listen >= 0);
	d->c.log.now = memfd_create("log", MFD_CLOEXEC);
	d->c.log.before = memfd_create("log1", MFD_CLOEXEC);
	d->qemu = v[1];
	*state = d;
	return 0;
}

static int teardown(void **state)
{
	struct desk *d = *state;

	console_close(&d->c);
	if (d->qemu >= 0)
		close(d->qemu);
	unlink(d->path);
	free(d);
	return 0;
}

/* Until nothing is left to do. */
static void spin(struct desk *d)
{
	struct pollfd v[CONSOLE_POLLS];

	do {
		console_poll(&d->c, v);
		if (poll(v, CONSOLE_POLLS, 0) <= 0)
			return;
		console_process(&d->c, v);
	} while (1);
}

static int client(struct desk *d)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(to.sun_path, d->path, strlen(d->path));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	spin(d);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[4096] = "";
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_int_equal(n < 0 ? 0 : n, strlen(text));
	assert_string_equal(got, text);
}

static void test_history_then_live(void **state)
{
	struct desk *d = *state;
	int a, b;

	assert_int_equal(write(d->qemu, "boot\n", 5), 5);
	spin(d);
	a = client(d);
	expect(a, "boot\n");
	assert_int_equal(write(d->qemu, "login: ", 7), 7);
	spin(d);
	b = client(d);
	expect(a, "login: ");
	expect(b, "boot\nlogin: ");
	close(a);
	close(b);
	spin(d);
	assert_int_equal(d->c.clients[0].fd, -1);
}

static void test_everybody_may_type(void **state)
{
	struct desk *d = *state;
	int a = client(d), b = client(d);

	assert_int_equal(send(a, "one", 3, 0), 3);
	spin(d);
	expect(d->qemu, "one");
	assert_int_equal(send(b, "two", 3, 0), 3);
	/* One that sends no more still listens. */
	shutdown(b, SHUT_WR);
	spin(d);
	expect(d->qemu, "two");
	assert_int_equal(write(d->qemu, "x", 1), 1);
	spin(d);
	expect(b, "x");
	close(a);
	close(b);
}

static void test_there_is_an_end_to_clients(void **state)
{
	struct desk *d = *state;
	int v[CONSOLE_CLIENTS], extra;
	char c;

	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		v[i] = client(d);
	extra = client(d);
	assert_int_equal(recv(extra, &c, 1, 0), 0);
	close(extra);
	for (int i = 0; i < CONSOLE_CLIENTS; i++)
		close(v[i]);
}

static void test_a_slow_client_loses_the_oldest(void **state)
{
	struct desk *d = *state;
	static char block[HISTORY_SIZE];
	int slow = client(d);
	size_t got = 0;
	ssize_t n;

	for (int i = 0; i < 100; i++) {
		memset(block, 'a' + i % 26, sizeof(block));
		for (size_t at = 0; at < sizeof(block); at += (size_t)n) {
			n = send(d->qemu, block + at, sizeof(block) - at, MSG_DONTWAIT);
			if (n < 0)
				n = 0;
			spin(d);
		}
	}
	while ((n = recv(slow, block, sizeof(block), 0)) > 0) {
		got += (size_t)n;
		spin(d);
	}
	assert_true(got >= HISTORY_SIZE && got < 100 * sizeof(block));
	assert_int_equal(d->c.history.end, 100 * sizeof(block));
	close(slow);
}

static void test_the_guest_that_takes_nothing_holds_typists(void **state)
{
	struct desk *d = *state;
	static char keys[512];
	int a = client(d);
	ssize_t typed = 0, n;

	memset(keys, 'k', sizeof(keys));
	for (int i = 0; i < 10000; i++) {
		n = send(a, keys, sizeof(keys), MSG_DONTWAIT);
		typed += MAX_OF(n, 0);
		spin(d);
		if (n < 0)
			break;
	}
	assert_true(n < 0); /* it was held up, and nothing grew without bound */
	while ((n = recv(d->qemu, keys, sizeof(keys), MSG_DONTWAIT)) > 0) {
		typed -= n;
		spin(d);
	}
	assert_int_equal(typed, 0);
	close(a);
}

static void test_the_last_words_arrive(void **state)
{
	struct desk *d = *state;
	int a = client(d);

	assert_int_equal(write(d->qemu, "power down", 10), 10);
	close(d->qemu);
	d->qemu = -1;
	console_drain(&d->c);
	expect(a, "power down");
	close(a);
}

static void test_the_log_turns_over(void **state)
{
	struct desk *d = *state;
	static char block[CONSOLE_LOG_MAX / 4];
	struct stat now, before;

	memset(block, 'x', sizeof(block));
	for (int i = 0; i < 6; i++)
		console_log_add(&d->c.log, block, sizeof(block));
	assert_int_equal(fstat(d->c.log.now, &now), 0);
	assert_int_equal(fstat(d->c.log.before, &before), 0);
	assert_int_equal(before.st_size, CONSOLE_LOG_MAX);
	assert_int_equal(d->c.log.size, 2 * sizeof(block));
	assert_false(d->c.log.failed);
}

static void test_socket_is_for_root(void **state)
{
	struct desk *d = *state;
	struct stat st;

	assert_int_equal(stat(d->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_history_then_live),
		TEST(test_everybody_may_type),
		TEST(test_there_is_an_end_to_clients),
		TEST(test_a_slow_client_loses_the_oldest),
		TEST(test_the_guest_that_takes_nothing_holds_typists),
		TEST(test_the_last_words_arrive),
		TEST(test_the_log_turns_over),
		TEST(test_socket_is_for_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
