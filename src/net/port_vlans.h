/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VLANs of a filtering bridge's ports: one dump of all ports per pass, in
 * the host's snapshot of links.
 */
#ifndef KVMHOST_PORT_VLANS_H
#define KVMHOST_PORT_VLANS_H

#include "net/links.h"
#include "net/nl.h"

enum { VLAN_IDS = 4096 };

struct vlan_set {
	uint8_t bits[VLAN_IDS / 8];
};

/* Of a port, or of a bridge as its own port. */
struct port_vlans {
	int index;
	uint16_t pvid; /* untagged in and out; 0: none */
	struct vlan_set tagged; /* all others, however they leave */
	struct vlan_set odd; /* of those: untagged and not the pvid, or the pvid and tagged */
};

/* What the port has; *out is NULL where it has none, or is no port. */
int port_vlans_get(struct host *h, int index, const struct port_vlans **out, struct error *e);

/*
 * From rows of `vlans`, and back; `like` itself where it says the same in other words. An odd one
 * of `like` is left out: it is not what was asked for.
 */
void vlan_set_add(struct vlan_set *set, const struct list *ranges);
struct list port_vlans_list(
	struct arena *a, const struct port_vlans *port, const struct list *like);

/*
 * Queues what makes the port have these and no others. have NULL: it is new
 * and has what the kernel gives to every port. self: the bridge as its own port.
 */
struct port_vlans_change {
	int index;
	const char *name;
	bool self;
	const struct port_vlans *have;
	uint16_t pvid;
	const struct list *vlans;
};
void port_vlans_put(struct nl *nl, const struct port_vlans_change *c, struct error *e);

#endif
