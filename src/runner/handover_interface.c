/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU is handed of interfaces: queues of taps and macvtaps, and vhost-net. */
#include "runner/handover.h"
#include "config/obj.h"
#include "runner/macvtap_open.h"
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

static int tap_missing(const char *name, struct error *e)
{
	error_set(e, -ENODEV, "the network interface %s, the guest's end of a bridge, is not there",
		name);
	return error_cure(e, "kvmhostctl apply");
}

/* Attaches to a tap that is there; TUNSETIFF alone would make a new one, connected to nothing. */
static int attach_tap(const char *name, bool several, int fd, struct error *e)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (several)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	if (!if_nametoindex(name))
		return tap_missing(name, e);
	memcpy(ifr.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	if (ioctl(fd, TUNSETIFF, &ifr) < 0) {
		if (errno == EBUSY)
			return error_set(
				e, -EBUSY, "the tap %s is in use by another process", name);
		return error_set(
			e, -errno, "cannot attach to the tap %s: %s", name, strerror(errno));
	}
	if (ioctl(fd, TUNGETIFF, &ifr) < 0 || !(ifr.ifr_flags & IFF_PERSIST))
		return tap_missing(name, e);
	return 0;
}

static int open_tap(const char *name, bool several, int *fd, struct error *e)
{
	*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0) {
		error_set(e, -errno, "cannot open /dev/net/tun: %s", strerror(errno));
		return error_cure(e, "modprobe tun");
	}
	return attach_tap(name, several, *fd, e);
}

/* Opening the node loads the module where it may be loaded. */
static int open_vhost(const struct guest_interface *nic, int *fd, struct error *e)
{
	*fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (*fd >= 0 || !obj_has(nic, "vhost"))
		return 0;
	error_set(e, -errno, "an interface is to use vhost-net, but /dev/vhost-net: %s",
		strerror(errno));
	return error_cure(e, "modprobe vhost_net; or write `vhost: false`");
}

int handover_open_interface(struct machine *m, size_t i, struct error *e)
{
	const struct guest_interface *nic =
		&LIST_AT(&m->spec->guest->interfaces, const struct guest_interface, i);
	size_t first = interface_queue(m->spec->guest, i), n = interface_queues(nic);
	int r = 0;

	m->spec->interfaces[i].index = if_nametoindex(m->spec->interfaces[i].tap);
	for (size_t q = first; q < first + n && r >= 0; q++) {
		r = nic->macvtap ? macvtap_open(m->spec->interfaces[i].tap, n > 1, &m->taps[q], e)
				 : open_tap(m->spec->interfaces[i].tap, n > 1, &m->taps[q], e);
		if (r >= 0 && (!obj_has(nic, "vhost") || nic->vhost))
			r = open_vhost(nic, &m->vhosts[q], e);
	}
	return r;
}
