/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `assignment`, derived from a guest with devices of the host: its
 * virtual functions are bound to vfio-pci, its user owns the groups' nodes in
 * /dev/vfio, and ASSIGNED_DIR says to the runner which functions they are.
 * Whole devices are bound by the kind `device`, which comes before.
 */
#ifndef KVMHOST_ASSIGN_H
#define KVMHOST_ASSIGN_H

#include "iommu/pci.h"
#include "reconcile/plan.h"
#include "runner/assignment.h"

struct assign {
	struct obj obj;
	struct list devices; /* const char * */
	int64_t owner; /* user who may open the nodes */
	/* Not in the table. */
	const struct guest *guest;
	const struct wants *wants; /* of the document that the guest stands in */
	struct functions *found; /* in this pass; NULL: not all of them are there */
};

/* A function that the guest is to have. */
struct function {
	const struct pci_device *d;
	struct assigned *at; /* its place in `assigned` */
	bool vf; /* a virtual function, which is ours to bind */
};
struct functions {
	struct function *v;
	size_t n;
	struct assignment assigned;
};

extern const struct table assign_table;
extern const struct kind assign_kind;

/*
 * Finds all of them. -ENOENT and others: one is not there (yet), which is its own resource's to
 * tell; -EBUSY, -EPERM: the guest may not have it.
 */
int assign_find(struct host *h, const struct resource *r, struct functions *f, struct error *e);

/* For a guest with devices: adds the resource before it. */
void assign_derive(const struct resource *guest, struct wants *w);

#endif
