/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What PFs' network interfaces tell of their VFs: one dump of all links per
 * pass, with RTEXT_FILTER_VF, and only when somebody asks for a PF.
 */
#ifndef KVMHOST_VF_LINKS_H
#define KVMHOST_VF_LINKS_H

#include "net/nl.h"
#include "sriov/sriov.h"

struct vf_link {
	const char *name;
	int index;
	bool up, carrier;
	struct mac mac, permanent; /* permanent: of the card itself; zeros: not told */
	/* struct vf in order, each with what its driver reports set; in the pass arena. */
	struct list vfs;
};

/* The interface; *out NULL: there is none of that name, or the host is not live. */
int vf_link_get(struct host *h, const char *name, const struct vf_link **out, struct error *e);
/* The one whose card has, or uses, this MAC address. */
int vf_link_by_mac(
	struct host *h, const struct mac *mac, const struct vf_link **out, struct error *e);
void vf_links_forget(struct host *h);

/* From one message of that dump; in the arena. NULL: it is not about a card's interface. */
struct vf_link *vf_link_read(const struct nlmsghdr *m, struct arena *arena);
/* Adds an IFLA_VF_INFO with those rows of v (VF_BIT()) to a list that is open. */
void vf_put(struct nl_msg *m, unsigned number, const struct vf *v, uint64_t rows);

#endif
