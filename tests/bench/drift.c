/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * drift link|address|rule NAME: takes it away, and tells how many microseconds
 * pass from the kernel's event to the moment when it is there again. kvmhostd
 * must be running, and at rest.
 */
#include <errno.h>
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define XT_LOCK "/run/xtables.lock"
enum { PATIENCE_MS = 10000 };

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void wait_for_input(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, PATIENCE_MS) <= 0) {
		fputs("drift: nobody put it right\n", stderr);
		exit(1);
	}
}

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		fail(argv[0]);
	return pid;
}

static void end(pid_t pid, const char *what)
{
	int status = 0;

	if (waitpid(pid, &status, 0) < 0)
		fail(what);
	if (status) {
		fprintf(stderr, "drift: %s ended with %d\n", what, status);
		exit(1);
	}
}

static int listen_to(unsigned groups)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), big = 4 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		fail("netlink");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big));
	return fd;
}

/*
 * Its address is the last thing that a network's link gets. A link's deletion is told of long
 * before ip(8) ends: what is heard has the time of that moment.
 */
static void measure_netlink(const char *name, bool link, char *const argv[])
{
	int fd = listen_to(RTMGRP_LINK | RTMGRP_IPV4_IFADDR), index = (int)if_nametoindex(name);
	char buffer[32 << 10] __attribute__((aligned(NLMSG_ALIGNTO)));
	uint64_t gone = 0;
	pid_t pid;

	if (!index)
		fail(name);
	pid = start(argv);
	for (;;) {
		int got;

		wait_for_input(fd);
		got = (int)recv(fd, buffer, sizeof(buffer), 0);
		for (struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, (unsigned)got);
			m = NLMSG_NEXT(m, got)) {
			const struct ifinfomsg *l = NLMSG_DATA(m);
			const struct ifaddrmsg *a = NLMSG_DATA(m);
			bool that = link ? m->nlmsg_type == RTM_DELLINK && l->ifi_index == index
					 : m->nlmsg_type == RTM_DELADDR &&
						    a->ifa_index == (unsigned)index;

			if (that && !gone)
				gone = now_us();
			if (gone && m->nlmsg_type == RTM_NEWADDR &&
				a->ifa_index == if_nametoindex(name)) {
				printf("%llu\n", (unsigned long long)(now_us() - gone));
				end(pid, argv[0]);
				return;
			}
		}
	}
}

/* Who writes iptables tables holds the lock, and closes it at the end: first we, then kvmhostd. */
static void measure_rule(char *const argv[])
{
	struct inotify_event one; /* of a file, so without a name */
	int fd = inotify_init1(IN_CLOEXEC);
	uint64_t gone;
	pid_t pid;

	if (fd < 0 || inotify_add_watch(fd, XT_LOCK, IN_CLOSE) < 0)
		fail(XT_LOCK);
	pid = start(argv);
	wait_for_input(fd);
	gone = now_us();
	if (read(fd, &one, sizeof(one)) < 0)
		fail("inotify");
	wait_for_input(fd);
	printf("%llu\n", (unsigned long long)(now_us() - gone));
	end(pid, argv[0]);
}

int main(int argc, char **argv)
{
	char *const link[] = { "ip", "link", "del", argc > 2 ? argv[2] : NULL, NULL };
	char *const address[] = { "ip", "-4", "addr", "flush", "dev", argc > 2 ? argv[2] : NULL,
		NULL };
	char *const rule[] = { "iptables-legacy", "-t", "nat", "-D", argc > 2 ? argv[2] : NULL, "1",
		NULL };

	if (argc != 3) {
		fputs("usage: drift link|address BRIDGE\n       drift rule CHAIN\n", stderr);
		return 1;
	}
	if (strcmp(argv[1], "rule") == 0)
		measure_rule(rule);
	else
		measure_netlink(argv[2], argv[1][0] == 'l', argv[1][0] == 'l' ? link : address);
	return 0;
}
