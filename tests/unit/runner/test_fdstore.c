/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/fdstore.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { MANY = 200 };

/* What systemd gets; *fd: the descriptor that comes with it, or -1. */
static char *told(int systemd, int *fd)
{
	static char text[256];
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec data = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(systemd, &msg, MSG_DONTWAIT);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	assert_true(n >= 0);
	text[n] = '\0';
	*fd = -1;
	if (c)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return text;
}

/* As the main process of the unit finds it. */
static void pass_on(int fd)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "handover", 1);
	if (fd != 3) {
		assert_int_equal(dup2(fd, 3), 3);
		close(fd);
	}
}

static ino_t inode(int fd)
{
	struct stat st;

	assert_return_code(fstat(fd, &st), errno);
	return st.st_ino;
}

static void test_all_arrive(void **state _unused_)
{
	ino_t files[MANY];
	struct fdstore s;
	char name[FDSTORE_NAME];
	int systemd[2], fd, to;

	/* 3 is where systemd passes them: nothing else may be there. */
	while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && fd < 3)
		;
	assert_return_code(socketpair(AF_UNIX, SOCK_DGRAM, 0, systemd), errno);
	to = fdstore_begin(systemd[1]);
	assert_true(to >= 0);
	assert_string_equal(told(systemd[0], &fd), "FDSTOREREMOVE=1\nFDNAME=handover");
	assert_string_equal(told(systemd[0], &fd), "FDSTORE=1\nFDNAME=handover\nFDPOLL=0");
	assert_true(fd >= 0);
	for (int i = 0; i < MANY; i++) {
		int v[2];

		assert_return_code(pipe(v), errno);
		files[i] = inode(v[0]);
		snprintf(name, sizeof(name), "disk%d", i);
		assert_int_equal(fdstore_put(to, name, v[0]), 0);
		close(v[0]);
		close(v[1]);
	}
	close(to);
	pass_on(fd);
	fdstore_open(&s);
	for (int i = MANY - 1; i >= 1; i--) {
		snprintf(name, sizeof(name), "disk%d", i);
		fd = fdstore_take(&s, name);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(inode(fd) == files[i]);
		close(fd);
		assert_int_equal(fdstore_take(&s, name), -1);
	}
	assert_int_equal(fdstore_take(&s, "tap0"), -1);
	fdstore_close(&s, systemd[1]);
	assert_string_equal(told(systemd[0], &fd), "FDSTOREREMOVE=1\nFDNAME=handover");
	close(systemd[0]);
	close(systemd[1]);
}

/* Started by hand, or by another unit. */
static void test_nothing_is_there(void **state _unused_)
{
	struct fdstore s;

	setenv("LISTEN_PID", "1", 1);
	fdstore_open(&s);
	assert_int_equal(fdstore_take(&s, "spec"), -1);
	fdstore_close(&s, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_arrive),
		cmocka_unit_test(test_nothing_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
