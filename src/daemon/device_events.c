/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events.h"
#include <libudev.h>

/* A host with hundreds of VFs tells of all of them at once; as much as src/net/watch_route.c has.
 */
enum { RECEIVE = 4 << 20 };

static void hear(struct daemon *d, struct udev_device *device)
{
	const char *action = udev_device_get_action(device);
	char what[WATCH_WHAT_MAX];

	/* "change" and "bind" come of what we do ourselves; a driver that goes counts. */
	if (!action ||
		!(streq(action, "add") || streq(action, "remove") || streq(action, "unbind")))
		return;
	snprintf(what, sizeof(what), "udev says %s of the PCI device %s", action,
		udev_device_get_sysname(device));
	daemon_dirty(d, EVENT_GONE, what);
}

static int on_device(
	sd_event_source *s _unused_, int fd _unused_, uint32_t events _unused_, void *data)
{
	struct daemon *d = data;
	struct udev_device *device;

	for (;;) {
		errno = 0;
		device = udev_monitor_receive_device(d->ears->devices);
		if (device)
			hear(d, device);
		else if (errno == ENOBUFS)
			/* Some are lost: reason enough. */
			daemon_dirty(d, EVENT_GONE, "a flood of events of devices");
		else
			return 0;
		udev_device_unref(device);
	}
}

int daemon_hear_devices(struct daemon *d, struct error *e)
{
	struct udev *udev = udev_new();
	struct ears *ears = d->ears;
	int r = -ENOMEM;

	/* "udev": after its rules ran, so that a link has its name and a device its driver. */
	ears->devices = udev ? udev_monitor_new_from_netlink(udev, "udev") : NULL;
	udev_unref(udev);
	if (ears->devices)
		r = udev_monitor_filter_add_match_subsystem_devtype(ears->devices, "pci", NULL);
	if (r >= 0)
		(void)udev_monitor_set_receive_buffer_size(ears->devices, RECEIVE);
	if (r >= 0)
		r = udev_monitor_enable_receiving(ears->devices);
	if (r >= 0)
		r = sd_event_add_io(d->event, &ears->devices_source,
			udev_monitor_get_fd(ears->devices), EPOLLIN, on_device, d);
	return r < 0 ? error_set(e, r, "cannot hear of devices from udev: %s", strerror(-r)) : 0;
}
