/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld tells when it has come, when it has read its settings anew, and
 * when somebody moves an interface to another zone.
 */
#include "daemon/events.h"

#define FIREWALLD "org.fedoraproject.FirewallD1"
#define NEW_OWNER \
	"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus'," \
	"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" FIREWALLD "'"

static int on_owner(sd_bus_message *m, void *data, sd_bus_error *be _unused_)
{
	const char *owner;

	if (sd_bus_message_read(m, "sss", NULL, NULL, &owner) < 0)
		return 0;
	daemon_dirty(data, EVENT_CHANGED, *owner ? "firewalld started" : "firewalld ended");
	return 0;
}

static int on_signal(sd_bus_message *m, void *data, sd_bus_error *be _unused_)
{
	const char *name = sd_bus_message_get_member(m), *zone, *interface;
	char what[WATCH_WHAT_MAX];

	if (streq(name, "Reloaded")) {
		daemon_dirty(data, EVENT_CHANGED, "firewalld read its settings anew");
	} else if (streq(name, "InterfaceRemoved") || streq(name, "ZoneOfInterfaceChanged")) {
		if (sd_bus_message_read(m, "ss", &zone, &interface) < 0)
			return 0;
		snprintf(what, sizeof(what), "firewalld has another zone for %s", interface);
		daemon_dirty(data, EVENT_CHANGED, what);
	}
	return 0;
}

int daemon_hear_firewalld(struct daemon *d, struct error *e)
{
	int r;

	/* Said already, with the cure. */
	if (!d->bus || sd_bus_is_open(d->bus) <= 0)
		return 0;
	r = sd_bus_add_match_async(d->bus, NULL, NEW_OWNER, on_owner, NULL, d);
	if (r >= 0)
		r = sd_bus_match_signal_async(
			d->bus, NULL, FIREWALLD, NULL, NULL, NULL, on_signal, NULL, d);
	return r < 0 ? error_set(e, r, "cannot hear of firewalld: %s", strerror(-r)) : 0;
}
