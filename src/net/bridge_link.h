/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges as links: made and changed, many in one exchange. Used by the kinds bridge and network.
 */
#ifndef KVMHOST_BRIDGE_LINK_H
#define KVMHOST_BRIDGE_LINK_H

#include "net/link.h"

struct bridge_link {
	struct step *step; /* hears of errors; one with an error is left alone */
	const char *name;
	const struct link *there; /* NULL: to be made */
	const char *mark; /* its alias from now on; "": none */
	struct mac mac;
	bool has_mac; /* else: derived when made, pinned to what it is when taken over */
	uint32_t mtu; /* 0: the kernel's choice */
	bool options; /* stp and forward_delay are to be as said */
	bool stp;
	bool vlan_filtering;
	uint32_t forward_delay; /* hundredths of a second */
	bool no_ipv6; /* no link-local address of the kernel's own */
	int index; /* out: the interface index, 0 when it failed */
};

/* Everything is sent in two exchanges however many there are. */
void bridge_links_apply(struct host *h, struct nl *nl, struct bridge_link *v, size_t n);

/*
 * The link a step of a bridge-like resource works on, from the present
 * snapshot. False, with the step's error set, when the world moved since the
 * plan: it came (-EEXIST) or went (-ENOENT).
 */
bool bridge_link_find(
	const struct links *ls, struct step *s, const char *name, const struct link **there);

/* Error when the link is no bridge and so cannot be what the resource wants; 0 else. */
int bridge_link_check(struct host *h, const struct link *l, struct error *e);

#endif
