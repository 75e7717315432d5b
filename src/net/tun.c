/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/tun.h"
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#define TUN_PATH "/dev/net/tun"

static int fail(const char *name, const char *what, struct error *e)
{
	int code = -errno;

	error_set(e, code, "cannot %s the tap device %s: %s", what, name, strerror(-code));
	if (code == -EBUSY)
		error_cure(e, "it is in use: stop the guest that has it, then apply again");
	return code;
}

static int setup(int fd, const char *name, bool multi_queue, int64_t owner, struct error *e)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };

	if (multi_queue)
		ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_MULTI_QUEUE);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return fail(name, "make", e);
	if (owner >= 0 && ioctl(fd, TUNSETOWNER, (unsigned long)owner) < 0)
		return fail(name, "set the owner of", e);
	/* Last: until here it goes away with its descriptor, also when we are killed. */
	if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return fail(name, "keep", e);
	return 0;
}

int tun_make(struct host *h, const char *name, bool multi_queue, int64_t owner, struct error *e)
{
	_cleanup_close_ int fd = file_open(h->root, TUN_PATH, O_RDWR, 0);

	if (fd < 0) {
		error_set(e, fd, "cannot open %s: %s", TUN_PATH, strerror(-fd));
		if (fd == -ENOENT || fd == -ENODEV)
			error_cure(e, "the kernel needs the tun module: modprobe tun");
		/* -ENOENT would mean that the world moved. */
		return fd == -ENOENT && e ? (e->code = -ENODEV) : fd;
	}
	return setup(fd, name, multi_queue, owner, e);
}
