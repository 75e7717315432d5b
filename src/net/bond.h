/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `bond`: what its files share. */
#ifndef KVMHOST_BOND_H
#define KVMHOST_BOND_H

#include "net/ported.h"

/* The kernel's numbers, BOND_MODE_* of linux/if_bonding.h. */
enum bond_mode {
	BOND_RR,
	BOND_ACTIVE_BACKUP,
	BOND_XOR,
	BOND_BROADCAST,
	BOND_8023AD,
	BOND_TLB,
	BOND_ALB,
};

struct bond {
	PORTED;
	int mode;
	uint64_t miimon, updelay, downdelay;
	int lacp_rate, xmit_hash_policy;
	const char *primary; /* NULL: none */
};

/* kvmhost made it: what the document does not say is not somebody else's. */
bool bond_is_ours(struct host *h, const struct resource *r);

/* bond_check.c: what documents may not say; whether the mode chooses ports by a hash. */
bool bond_hashes(int mode);
void bond_check_values(const void *obj, struct diags *d);
void bond_check(const struct resource *r, const struct wants *w, struct diags *d);

/*
 * bond_link.c: makes the bond as wanted, or changes the one that is there, without its ports. What
 * the kernel changes only in a bond without ports and down, puts them out first: ports_take()
 * brings them back.
 */
void bond_link_set(struct host *h, struct nl *nl, const struct links *ls, struct step *s,
	const struct link *there, const struct mac *mac);
/* When the ports are in: the one that is preferred. */
void bond_link_prefer(struct host *h, struct step *s);
/*
 * The i-th wanted port, when it is in the bond and has not the bond's MAC address, though the mode
 * gives it to all: it drops what comes for the bond. NULL otherwise.
 */
const struct link *bond_link_stray(
	const struct links *ls, const struct link *bond, const struct bond *want, size_t i);
/* When the ports are in: those have the bond's MAC address again. */
void bond_link_align(struct host *h, struct step *s);

#endif
