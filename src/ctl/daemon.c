/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/daemon.h"
#include "base/arena.h"
#include "base/busname.h"
#include "base/sdbus.h"

static int bus_open(sd_bus **bus, struct error *e)
{
	int r = sdbus_load(e);

	if (r < 0)
		return r;
	r = sym_sd_bus_open_system(bus);
	if (r >= 0)
		return 0;
	error_set(e, r, "cannot reach the system bus: %s", strerror(-r));
	return error_cure(e, "systemctl start dbus.socket; without a bus, kvmhostctl apply works "
			     "all the same");
}

static int not_running(struct error *e)
{
	error_set(e, -ESRCH, "kvmhostd is not running");
	return error_cure(
		e, "systemctl start kvmhostd; or, for one run without it: kvmhostctl apply");
}

static int bus_failure(int r, const sd_bus_error *be, const char *what, struct error *e)
{
	char *separator;

	if (sym_sd_bus_error_has_name(be, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
		sym_sd_bus_error_has_name(be, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		return not_running(e);
	if (sym_sd_bus_error_has_name(be, SD_BUS_ERROR_ACCESS_DENIED)) {
		error_set(e, -EACCES, "the bus refuses %s to uid %d", what, (int)geteuid());
		return error_cure(e, "run it as root: sudo kvmhostctl ...");
	}
	if (sym_sd_bus_error_has_name(be, SD_BUS_ERROR_NO_REPLY))
		return error_set(e, -EIO,
			"kvmhostd ended before it answered; journalctl -u kvmhostd "
			"says why");
	/* Noticed before or during the call: then libsystemd has put words of its own into be. */
	if (r == -ENOTCONN || r == -ECONNRESET || (!be->message && (r == -EACCES || r == -EPERM))) {
		error_set(e, -EACCES, "the system bus refuses the connection of uid %d",
			(int)geteuid());
		return error_cure(e, "run it as root: sudo kvmhostctl ...");
	}
	if (!be->message)
		return error_set(e, r, "%s: %s", what, strerror(-r));
	/* The daemon puts the cure on a line of its own. */
	separator = strchr(be->message, '\n');
	error_set(e, r, "%.*s", separator ? (int)(separator - be->message) : 4096, be->message);
	return separator ? error_cure(e, "%s", separator + 1) : r;
}

int daemon_pid(struct error *e)
{
	_cleanup_(sdbus_close_p) sd_bus *bus = NULL;
	_cleanup_(sdbus_error_p) sd_bus_error be = SD_BUS_ERROR_NULL;
	_cleanup_(sdbus_message_p) sd_bus_message *reply = NULL;
	uint32_t pid;
	int r = bus_open(&bus, e);

	if (r < 0)
		return r;
	r = sym_sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
		"org.freedesktop.DBus", "GetConnectionUnixProcessID", &be, &reply, "s",
		KVMHOST_BUS_NAME);
	if (r < 0)
		return bus_failure(r, &be, "the question who owns " KVMHOST_BUS_NAME, e);
	r = sym_sd_bus_message_read(reply, "u", &pid);
	return r < 0 ? error_set(e, r, "the bus answers nonsense") : (int)pid;
}

int daemon_reload(char **summary, struct error *e)
{
	_cleanup_(sdbus_close_p) sd_bus *bus = NULL;
	_cleanup_(sdbus_error_p) sd_bus_error be = SD_BUS_ERROR_NULL;
	_cleanup_(sdbus_message_p) sd_bus_message *call = NULL, *reply = NULL;
	const char *text;
	int r = bus_open(&bus, e);

	if (r < 0)
		return r;
	r = sym_sd_bus_message_new_method_call(
		bus, &call, KVMHOST_BUS_NAME, KVMHOST_BUS_PATH, KVMHOST_BUS_INTERFACE, "Reload");
	if (r >= 0)
		r = sym_sd_bus_message_set_auto_start(call, false);
	/* Converging takes as long as guests need to shut down: no limit but the caller's. */
	if (r >= 0)
		r = sym_sd_bus_call(bus, call, UINT64_MAX, &be, &reply);
	if (r < 0)
		return bus_failure(r, &be, "a reload", e);
	r = sym_sd_bus_message_read(reply, "s", &text);
	if (r < 0)
		return error_set(e, r, "kvmhostd answers nonsense");
	*summary = xstrdup(text);
	return 0;
}
