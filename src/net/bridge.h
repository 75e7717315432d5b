/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `bridge`: what its files share. */
#ifndef KVMHOST_BRIDGE_H
#define KVMHOST_BRIDGE_H

#include "net/ported.h"

struct bridge {
	PORTED;
	bool stp;
	uint64_t forward_delay;
	bool vlan_filtering;
	struct list vlans; /* of struct bridge_vlans */
};

struct bridge_vlans {
	struct obj obj;
	int64_t pvid;
	struct list vlans; /* of struct vlan_range */
};

/* bridge_check.c: what documents may not say. */
void bridge_check_values(const void *obj, struct diags *d);
void bridge_check(const struct resource *r, const struct wants *w, struct diags *d);
/* The declared bridge, or network that makes a bridge, of that name. */
const struct resource *bridge_named(const struct wants *w, const char *name);

/* bridge_vlans.c: the VLANs of its ports. */
extern const struct table bridge_vlans_table;
void bridge_vlans_check(const struct bridge *b, struct diags *d);
/* Of the ports that ref (may be NULL) names. */
int bridge_vlans_observe(struct host *h, const struct links *ls, const struct link *bridge,
	const struct bridge *ref, struct bridge *have, struct error *e);
/* The wanted ones without those of ports that are not there yet. */
struct list bridge_vlans_present(struct host *h, const struct resource *r, const struct links *ls,
	const struct bridge *want);
/* When the ports are in. */
void bridge_vlans_apply(struct host *h, struct step *s);

#endif
