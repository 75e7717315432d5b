/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kinds whose resource is one link that the kernel makes of a word: vlan,
 * dummy, veth. What they share is here, the rows and the attributes of
 * their type in a file each.
 */
#ifndef KVMHOST_LINK_KIND_H
#define KVMHOST_LINK_KIND_H

#include "net/link.h"
#include "net/net.h"

struct link_kind {
	const struct kind *kind; /* its struct has `mtu` and `mac` where its table has such rows */
	const char *type; /* IFLA_INFO_KIND */
	const char *driver; /* the module that brings it, where a kernel may lack it */
	size_t state; /* offset of the struct link_state */
	/*
	 * A guest speaks through it: the host has no IPv6 of its own on it, and it hears all
	 * groups, since nobody tells it which the guest is in.
	 */
	bool guests;
	/* The link that it needs to be made, or NULL. May be NULL. */
	const char *(*below)(const void *want);
	/* Fills what its own rows say. May be NULL. */
	void (*read)(struct host *h, const struct resource *r, const struct links *ls,
		const struct link *l, void *have);
	/* A second link that comes with it, and is to be up too. May be NULL. */
	const char *(*twin)(const void *want);
	/* IFLA_INFO_DATA. May be NULL. */
	void (*put)(struct nl_msg *m, const void *want);
};

extern const struct link_kind vlan_link, dummy_link, veth_link, macvtap_link;
const struct link_kind *link_kind_of(const struct kind *k);

/* Where the step's error is that the kernel does not know the type: which driver it lacks, with a
 * cure. */
void link_explain_driver(struct step *s, const char *type, const char *driver);

/* For the vtables. */
int link_kind_observe(struct host *h, const struct resource *r, void **have, struct error *e);
void link_kind_diff(struct host *h, struct step *s);
/* Waits for the link below, where nothing in the document makes it. */
void link_kind_refine(struct host *h, struct step *s);
int link_kind_apply(struct host *h, struct step *s, struct error *e);

#endif
