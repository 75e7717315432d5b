/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's PCI functions as whoever gives devices to guests asks for
 * them: what each is, which VF of whom, who uses it, whether a guest can have
 * it, and if not why.
 */
#ifndef KVMHOST_INVENTORY_H
#define KVMHOST_INVENTORY_H

#include "iommu/assignable.h"
#include "iommu/host_use.h"
#include "iommu/pci_names.h"
#include "iommu/vfio_holder.h"
#include "sriov/vf_links.h"
#include <jansson.h>

struct inventory_item {
	const struct pci_device *d;
	const struct pci_names *names;
	const struct vf_link *link; /* of its first interface; NULL: it has none, or not live */
	int vf_number; /* -1: it is no VF */
	const struct vf *vf; /* what its PF's driver reports of it; NULL: nothing */
	const struct vfio_holder *holder; /* NULL: nobody has it open through vfio */
	const char *host_use; /* what the host needs it for; NULL: nothing */
	struct verdict verdict;
};

struct inventory {
	struct inventory_item *v; /* by address */
	size_t n;
	bool iommu; /* one works */
};

/* All in the pass arena. Works without an IOMMU, without root, and on a captured tree. */
int inventory_get(struct host *h, struct inventory *out, struct error *e);
/* By address, also without its domain; NULL: there is no such function. */
const struct inventory_item *inventory_find(const struct inventory *all, const char *address);

/* "guest", "host", "free", "no": who has it, or whether one can have it. */
const char *inventory_state(const struct inventory_item *i);
/* {"address": ..., ...}; see kvmhostctl(1). A new reference. */
json_t *inventory_json(const struct inventory *all);

#endif
