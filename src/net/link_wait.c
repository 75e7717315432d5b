/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/link_wait.h"
#include "base/util.h"
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

static bool has_carrier(int fd, const char *name)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags & IFF_RUNNING;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A socket of its own: messages about links must not come between requests and answers. */
static int open_events(void)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

void link_wait_carrier(const char *name, unsigned seconds)
{
	_cleanup_close_ int events = open_events();
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int64_t end = now_ms() + (int64_t)seconds * 1000, left;
	char junk[8192];

	while (events >= 0 && !has_carrier(fd, name) && (left = end - now_ms()) > 0) {
		struct pollfd p = { .fd = events, .events = POLLIN };

		poll(&p, 1, (int)left);
		while (recv(events, junk, sizeof(junk), 0) > 0)
			;
	}
}

enum { RUNNING_MSEC = 1000, PAUSE_MSEC = 16 };

void link_await_running(const char *name)
{
	const struct timespec pause = { .tv_nsec = PAUSE_MSEC * 1000 * 1000 };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ethtool_value carrier = { .cmd = ETHTOOL_GLINK };
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	for (int i = 0; i < RUNNING_MSEC / PAUSE_MSEC; i++) {
		r.ifr_data = (char *)&carrier;
		if (ioctl(fd, SIOCETHTOOL, &r) < 0 || !carrier.data ||
			ioctl(fd, SIOCGIFFLAGS, &r) < 0 || r.ifr_flags & IFF_RUNNING)
			return;
		nanosleep(&pause, NULL);
	}
}
