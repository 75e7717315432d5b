/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine's routes are, as far as that tells whether one is where it should be: one dump
 * of each family per pass, in the host's snapshot of links, and only where somebody asks.
 */
#ifndef KVMHOST_ROUTE_SEEN_H
#define KVMHOST_ROUTE_SEEN_H

#include "net/links.h"
#include "net/route.h"

struct route_seen {
	struct cidr to;
	uint32_t table, metric;
	int index; /* of the link, 0: several */
	const char *text; /* of one through another link's port; else NULL */
};

/*
 * Where routes change faster than they can be read, nothing is said of them: *v is NULL. A routing
 * daemon at work must not keep anything else from being compared.
 */
int routes_get(struct host *h, const struct route_seen **v, size_t *n, struct error *e);
/* Of a message that was kept, without its text. */
struct route_seen route_key(const struct route *r);
/* They lead to the same, by the same table. */
bool route_same_way(const struct route_seen *a, const struct route_seen *b);

#endif
