/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of units share; nobody else includes it. */
#ifndef KVMHOST_UNITS_BUS_H
#define KVMHOST_UNITS_BUS_H

#include "base/sdbus.h"
#include "base/strmap.h"
#include "reconcile/units.h"

#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"

struct units {
	sd_bus *bus;
	const char *to; /* the name to call; NULL on the private socket, which knows no names */
	bool listed;
	sd_bus_slot *asked; /* the list was asked for ahead, and nobody has taken the answer yet */
	sd_bus_message *list; /* the answer that the strings of v point into */
	struct unit *v;
	size_t n;
	struct strmap by_name;
};

int units_bus(struct host *h, struct units **u, struct error *e);
/* Fills e from a failed call: who refused what, and the cure. Returns its code. */
int units_refused(int r, const sd_bus_error *why, const char *what, struct error *e);

#endif
