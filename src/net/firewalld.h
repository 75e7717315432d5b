/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * firewalld's zones, as it knows them at run time: told over the bus, kept by
 * it through a reload, lost with a restart.
 */
#ifndef KVMHOST_FIREWALLD_H
#define KVMHOST_FIREWALLD_H

#include "reconcile/host.h"

struct firewalld_binding {
	const char *zone, *interface;
};

struct firewalld_zones {
	struct firewalld_binding *v; /* all interfaces that are in a zone */
	size_t n;
	bool known; /* KVMHOST_ZONE is one of its zones */
};

/* The zone that is installed with kvmhost, for the bridges of networks. */
#define KVMHOST_ZONE "kvmhost"

/* Read once in a pass, lives as long as that; NULL where firewalld does not run. */
int firewalld_zones_get(struct host *h, const struct firewalld_zones **out, struct error *e);
/* The zone of the interface, or NULL: it has the default zone's rules, without being in it. */
const char *firewalld_zone_of(const struct firewalld_zones *z, const char *interface);
/* The interface need not be there. */
int firewalld_put_into(struct host *h, const char *interface, const char *zone, struct error *e);
int firewalld_take_out(struct host *h, const char *interface, const char *zone, struct error *e);
/* After changes: what was read of it is not so any more. */
void firewalld_forget(struct host *h);

#endif
