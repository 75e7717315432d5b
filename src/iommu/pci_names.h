/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people call a function: hwdb's names, which systemd makes of pci.ids. */
#ifndef KVMHOST_PCI_NAMES_H
#define KVMHOST_PCI_NAMES_H

#include "iommu/pci.h"

struct pci_names {
	const char *vendor, *device, *class; /* each NULL: hwdb does not know it, or is not there */
};

/* Never NULL. From this machine's hwdb, for a captured tree too; kept until the pass ends. */
const struct pci_names *pci_names(struct host *h, const struct pci_device *d);

#endif
