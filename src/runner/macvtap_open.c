/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The character device of a macvtap, /dev/tapN by the number of its link. Numbers are a network
 * namespace's, and nodes everybody's: what counts is which device it is.
 */
#include "runner/macvtap_open.h"
#include "base/file.h"
#include "base/arena.h"
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int find_device(const char *name, unsigned index, dev_t *out, struct error *e)
{
	_cleanup_free_ char *path = xprintf("/sys/class/net/%s/macvtap/tap%u/dev", name, index);
	_cleanup_free_ char *text = NULL;
	unsigned major, minor;

	if (index && file_read_line(AT_FDCWD, path, &text) >= 0 &&
		sscanf(text, "%u:%u", &major, &minor) == 2) {
		*out = makedev(major, minor);
		return 0;
	}
	error_set(e, -ENODEV, "the network interface %s, a macvtap for the guest, is not there",
		name);
	return error_cure(e, "kvmhostctl apply");
}

static int open_node(const char *path, dev_t device)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) >= 0 && S_ISCHR(st.st_mode) && st.st_rdev == device)
		return fd;
	close(fd);
	return -ENXIO;
}

/* A /dev that the kernel does not fill, in a container, or one with the node of another space. */
static int open_own(dev_t device)
{
	_cleanup_free_ char *path = xprintf("/dev/.kvmhost-%d", (int)getpid());
	int fd;

	if (mknod(path, S_IFCHR | 0600, device) < 0)
		return -errno;
	fd = open_node(path, device);
	unlink(path);
	return fd;
}

int macvtap_open(const char *name, bool several, int *fd, struct error *e)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	unsigned index = if_nametoindex(name);
	_cleanup_free_ char *path = xprintf("/dev/tap%u", index);
	dev_t device = 0;
	int r = find_device(name, index, &device, e);

	if (r < 0)
		return r;
	*fd = open_node(path, device);
	if (*fd == -ENOENT || *fd == -ENXIO)
		*fd = open_own(device);
	if (*fd < 0) {
		r = *fd;
		*fd = -1;
		return error_set(
			e, r, "cannot open %s, the macvtap %s: %s", path, name, strerror(-r));
	}
	if (several)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (ioctl(*fd, TUNSETIFF, &ifr) < 0)
		return error_set(
			e, -errno, "cannot set up the macvtap %s: %s", name, strerror(errno));
	return 0;
}
