/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the host itself lives on: which PCI functions carry its file systems, swap and routes. */
#ifndef KVMHOST_HOST_USE_H
#define KVMHOST_HOST_USE_H

#include "iommu/pci.h"

/*
 * "carries the root file system", "eth0 carries the default route", "eth1 is part of br0"; NULL:
 * the host does without it. Read once a pass; in the pass arena.
 */
const char *host_use(struct host *h, const struct pci_device *d);

#endif
