/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours of a link. Those that somebody wrote down for good (ip neigh ... nud permanent) are
 * kept: whom the kernel does not ask for, such as a gateway that does not answer, or whom the host
 * answers for (ip neigh add proxy). Those that the kernel has found out go along with addresses
 * that move, so that no answer has to wait for it to ask again.
 */
#ifndef KVMHOST_NEIGH_H
#define KVMHOST_NEIGH_H

#include "net/nl.h"

struct neigh {
	const char *text; /* "192.0.2.9 lladdr 52:54:00:00:00:09", for people */
	const struct nlmsghdr *message; /* RTM_NEWNEIGH */
};

enum neighs { NEIGHS_PERMANENT, NEIGHS_FOUND, NEIGHS_PROXY };

/* Those of the link, of IPv4 and IPv6; put behind those in *v. */
int neighs_read(struct nl *nl, struct arena *a, int index, enum neighs which, struct neigh **v,
	size_t *n, struct error *e);
/* From a message that was kept; false when it is none. */
bool neigh_read(struct arena *a, const struct nlmsghdr *m, struct neigh *out);

int neigh_family(const struct neigh *n);

struct nl_msg *neigh_add(const struct neigh *n, int index);
/* One that was found out, to be used and then asked; -EEXIST where the link has it. */
struct nl_msg *neigh_hint(const struct neigh *n, int index);
struct nl_msg *neigh_delete(const struct neigh *n, int index);

#endif
