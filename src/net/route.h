/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Routes of a link, whole, so that they can lead through another link and come
 * back exactly. Those that the kernel makes for the link itself (local,
 * broadcast, multicast, link-local) are not among them.
 */
#ifndef KVMHOST_ROUTE_H
#define KVMHOST_ROUTE_H

#include "config/type.h"
#include "net/nl.h"

struct route {
	const char *text; /* "default via 203.0.113.1 metric 100", for people */
	bool dynamic; /* it has an end */
	bool via; /* it needs another route, to its gateway, to be there before it */
	bool kernel; /* made by the kernel or in its name: with an address */
	const struct nlmsghdr *message; /* RTM_NEWROUTE */
};

/* Every route through the link, of all tables, in the kernel's order. */
int routes_read(
	struct nl *nl, struct arena *a, int index, struct route **v, size_t *n, struct error *e);
/* The message tells of a route that could be moved: of packets to others, and not the link's own.
 */
bool route_counts(const struct nlmsghdr *m);
uint32_t route_table(const struct route *r);
/* From a message that was kept; false when it is none. */
bool route_read(struct arena *a, const struct nlmsghdr *m, struct route *out);

/* An address among its attributes (RTA_GATEWAY, RTA_PREFSRC, RTA_DST); false: it has none. */
bool route_ip(const struct route *r, int type, struct ip *out);
/* The kernel chooses the address that it speaks from. */
struct route route_without_source(struct arena *a, const struct route *r);

/* The route through `to` where it led through `from`; NULL when its time is over. */
struct nl_msg *route_add(const struct route *r, int from, int to, uint32_t age);
struct nl_msg *route_delete(const struct route *r, int from, int to);

#endif
