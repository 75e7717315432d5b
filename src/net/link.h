/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kinds whose resources are links share: the ownership mark in the
 * link's alias, MAC addresses that stay, drift that no row of a table shows,
 * and removal of many links at once.
 */
#ifndef KVMHOST_LINK_H
#define KVMHOST_LINK_H

#include "net/links.h"
#include "net/nl.h"
#include "reconcile/plan.h"

/* Private part of an observed link resource, behind the table's members. */
struct link_state {
	bool unmarked; /* no mark of ours yet, or not any more */
	bool down;
	/* Texts of routes, of what has ports (ported_routes.h): through a port, and of one that is
	 * gone. */
	const char *astray, *astray_on;
	const char *lost, *lost_rule;
	bool nameless; /* systemd-resolved was told of its port, and not of it */
};

enum { LINK_MARK_MAX = 256 }; /* IFALIASZ of linux/if.h, NUL included */

/* "kvmhost:bridge/br0" */
const char *link_mark(const struct resource *r, char buf[LINK_MARK_MAX]);
/* The link carries r's mark. */
bool link_is_marked_for(const struct link *l, const struct resource *r);
struct link_state link_state(const struct link *l, const struct resource *r);

/*
 * Compares by the rows, then adds the mark, being up and routes as changes: a link
 * under management that somebody took down or whose alias went is drift. A
 * link on its way back to its former owner needs none of them.
 */
void link_diff(struct host *h, struct step *s, const struct link_state *have);

/* What to wait for where no link has the name: "the link eth0 to appear". */
const char *link_awaited(struct host *h, const struct links *ls, const char *name);

/* kind->owned for links. */
int links_owned(struct host *h, const struct kind *k, void (*found)(const char *name, void *arg),
	void *arg, struct error *e);

/*
 * A locally administered MAC that is the same whenever the same name is made
 * on the same machine (its machine-id), so that peers' neighbour tables and
 * DHCP leases stay true. first: the first octet.
 */
struct mac link_mac(struct host *h, uint8_t first, const char *name);

/* -EBUSY with a cure when the bridge holds a port that is not ours; 0 else. */
int bridge_ports_check(const struct links *ls, const struct link *bridge, struct error *e);
/* That error, of this port. */
int bridge_port_refuse(const struct link *bridge, const struct link *port, struct error *e);

/* A link to go, and the step that hears of it. */
struct doomed {
	const struct link *link;
	struct step *step;
};
/*
 * One RTM_DELLINK for a private group, because the kernel waits for two RCU
 * grace periods per request, not per link. Bridges that hold ports of others
 * are refused. The snapshot is out of date afterwards.
 */
void links_remove(struct nl *nl, const struct links *ls, struct doomed *v, size_t n);

/* A change of an existing link: RTM_NEWLINK without NLM_F_CREATE, which takes IFLA_LINKINFO too. */
struct nl_msg *link_change(int index, bool up);
/* No link-local address of the kernel's own. */
void link_put_no_ipv6(struct nl_msg *m);
/* The same with room for so many bytes. */
struct nl_msg *link_change_large(int index, size_t max);

#endif
