/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/busname.h"
#include "base/log.h"
#include "daemon/daemon.h"

/* The bus policy lets only root call this. */
static int on_reload(sd_bus_message *m, void *data, sd_bus_error *be)
{
	struct daemon *d = data;
	_cleanup_error_ struct error e = { 0 };

	if (daemon_converge(d, false, &e) < 0)
		return sd_bus_error_setf(be, KVMHOST_BUS_ERROR_FAILED, "%s%s%s", e.text,
			e.cure ? "\n" : "", e.cure ? e.cure : "");
	return sd_bus_reply_method_return(m, "s", d->summary);
}

static int get_failed(sd_bus *bus _unused_, const char *path _unused_, const char *iface _unused_,
	const char *property _unused_, sd_bus_message *reply, void *data, sd_bus_error *be _unused_)
{
	const struct daemon *d = data;

	return sd_bus_message_append(reply, "b", d->failed);
}

static int get_reboot(sd_bus *bus _unused_, const char *path _unused_, const char *iface _unused_,
	const char *property _unused_, sd_bus_message *reply, void *data, sd_bus_error *be _unused_)
{
	const struct daemon *d = data;

	return sd_bus_message_append(reply, "b", d->reboot.pending);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Reload", NULL, "s", on_reload, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_PROPERTY("Summary", "s", NULL, offsetof(struct daemon, summary), 0),
	SD_BUS_PROPERTY("Failed", "b", get_failed, 0, 0),
	SD_BUS_PROPERTY("RebootRequired", "b", get_reboot, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_VTABLE_END,
};

int daemon_bus(struct daemon *d, struct error *e)
{
	int r = sd_bus_open_system(&d->bus);

	if (r >= 0)
		r = sd_bus_add_object_vtable(
			d->bus, NULL, KVMHOST_BUS_PATH, KVMHOST_BUS_INTERFACE, vtable, d);
	if (r >= 0)
		r = sd_bus_attach_event(d->bus, d->event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		error_set(
			e, r, "cannot offer reload and status on the system bus: %s", strerror(-r));
		return error_cure(e,
			"systemctl start dbus.socket, then systemctl restart kvmhostd; "
			"until then SIGHUP reloads");
	}
	/* Reload, status and what systemd tells hang on this connection: systemd starts us anew. */
	sd_bus_set_exit_on_disconnect(d->bus, true);
	r = sd_bus_request_name(d->bus, KVMHOST_BUS_NAME, 0);
	if (r >= 0)
		return 0;
	error_set(e, r, "the system bus refuses the name " KVMHOST_BUS_NAME ": %s", strerror(-r));
	return error_cure(e, r == -EEXIST ? "another kvmhostd is running: systemctl status kvmhostd"
					  : "the policy file org.kvmhost1.conf must be in "
					    "/usr/share/dbus-1/system.d");
}
