/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taps: the kernel makes one by two ioctls on a descriptor of its own each, and
 * nothing else does; what they are then, ports and up, is one send for all.
 */
#include "floor.h"
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void tap_name(char name[16], int i)
{
	snprintf(name, 16, "bt%d", i);
}

static void make(int i)
{
	struct ifreq r = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	tap_name(r.ifr_name, i);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0 || ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		die("tap %s: %m", r.ifr_name);
	close(fd);
}

void taps_create(int fd, int n)
{
	link_create(fd, (n + TAPS_PER_BRIDGE - 1) / TAPS_PER_BRIDGE, false);
	for (int i = 0; i < n; i++)
		make(i);
	link_attach_taps(fd, n);
}
