/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd tells of each job that ended. Whatever starts or stops a unit of
 * ours is a job: a restart after a crash, `systemctl stop`, and we ourselves.
 */
#include "daemon/events.h"
#include "reconcile/units.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define MANAGER SYSTEMD ".Manager"

static int on_job(sd_bus_message *m, void *data, sd_bus_error *be _unused_)
{
	const char *unit, *result;
	char what[WATCH_WHAT_MAX];

	if (sd_bus_message_read(m, "uoss", NULL, NULL, &unit, &result) < 0 ||
		!startswith(unit, UNITS_PREFIX))
		return 0;
	snprintf(what, sizeof(what), "a job of %s ended (%s)", unit, result);
	daemon_dirty(data, EVENT_CHANGED, what);
	return 0;
}

int daemon_hear_units(struct daemon *d, struct error *e)
{
	int r;

	/* Said already, with the cure. */
	if (!d->bus || sd_bus_is_open(d->bus) <= 0)
		return 0;
	r = sd_bus_match_signal_async(
		d->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER, "JobRemoved", on_job, NULL, d);
	if (r >= 0)
		r = sd_bus_call_method_async(d->bus, NULL, SYSTEMD, SYSTEMD_PATH, MANAGER,
			"Subscribe", NULL, NULL, NULL);
	return r < 0 ? error_set(e, r, "cannot hear of units from systemd: %s", strerror(-r)) : 0;
}
