/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a function can be given to a guest, judged before anything is
 * touched. The rules are the kernel's: of the functions of an IOMMU group each
 * is bound to vfio-pci, or to nothing, or is a bridge; and common sense's:
 * the host keeps what it lives on.
 */
#ifndef KVMHOST_ASSIGNABLE_H
#define KVMHOST_ASSIGNABLE_H

#include "iommu/pci.h"

struct verdict {
	const char *why; /* what stands against it, in the pass arena; NULL: nothing */
	const char *cure;
};

struct asking {
	/* Another function that is to be given to guests too, so that it may be in the same group;
	 * NULL: none is. */
	bool (*given)(const struct pci_device *d, void *arg);
	void *arg;
	/*
	 * It was given away before this boot. That the host's network took hold of it at boot, as
	 * it does of every card on many machines, then says nothing.
	 */
	bool again;
};

struct verdict assignable(
	struct host *h, struct pci *p, const struct pci_device *d, const struct asking *how);

/* "igb, in use as eth1", "no driver". */
const char *pci_driven(struct host *h, const struct pci_device *d);

#endif
