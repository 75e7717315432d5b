/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `bridge`: what its files share. */
#ifndef KVMHOST_BRIDGE_H
#define KVMHOST_BRIDGE_H

#include "net/link.h"
#include "net/net.h"

struct bridge {
	struct obj obj;
	struct list ports; /* of const char * */
	struct list addressing; /* of struct cidr; a word has no family */
	bool stp;
	uint64_t forward_delay;
	int64_t mtu;
	struct mac mac;
	bool vlan_filtering;
	struct list vlans; /* of struct bridge_vlans */
	struct link_state state;
};

struct bridge_vlans {
	struct obj obj;
	int64_t pvid;
	struct list vlans; /* of struct vlan_range */
};

enum addressing { ADDRESSING_LIST, ADDRESSING_INHERIT, ADDRESSING_NONE, ADDRESSING_DHCP };

/* bridge_check.c: the type of an item of `addressing`, and what documents may not say. */
extern const struct type type_addressing;
enum addressing bridge_addressing(const struct bridge *b);
void bridge_set_addressing(struct bridge *b, struct arena *a, enum addressing word);
void bridge_check_values(const void *obj, struct diags *d);
void bridge_check(const struct resource *r, const struct wants *w, struct diags *d);
bool bridge_wants_port(const struct bridge *b, const char *name);

/*
 * bridge_observe.c: fills ports and addressing as far as they are the document's or ours; ports
 * of others are none of our business. An error where a wanted port cannot be taken.
 */
int bridge_observe_ports(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, struct bridge *have, struct error *e);
/* The wanted port is not there, and nothing in the document will make it. */
bool bridge_port_missing(const struct resource *r, const struct links *ls, const char *port);
/* -EBUSY when the bridge holds a port that is not for kvmhost to give back. */
int bridge_foreign_ports(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, struct error *e);

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

/*
 * takeover.c: before bridges are made, changed or removed: ports that the step's bridge is to lose
 * get back what was taken of them. Ports that it is to have leave other bridges of ours.
 */
void bridge_give_back(struct host *h, struct step *s);
/* takeover_in.c, afterwards: wanted ports come in, with their addresses and routes where these are
 * inherited. */
void bridge_take(struct host *h, struct step *s);

#endif
