/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours that somebody wrote down for a link for good (ip neigh ... nud permanent): whom the
 * kernel does not ask for, such as a gateway that does not answer.
 */
#ifndef KVMHOST_NEIGH_H
#define KVMHOST_NEIGH_H

#include "net/nl.h"

struct neigh {
	const char *text; /* "192.0.2.9 lladdr 52:54:00:00:00:09", for people */
	const struct nlmsghdr *message; /* RTM_NEWNEIGH */
};

/* Every permanent one of the link, of IPv4 and IPv6. */
int neighs_read(
	struct nl *nl, struct arena *a, int index, struct neigh **v, size_t *n, struct error *e);
/* From a message that was kept; false when it is none. */
bool neigh_read(struct arena *a, const struct nlmsghdr *m, struct neigh *out);

struct nl_msg *neigh_add(const struct neigh *n, int index);
struct nl_msg *neigh_delete(const struct neigh *n, int index);

#endif
