/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a function says of itself in its configuration space; all but the first 64 bytes is root's
 * to read. */
#ifndef KVMHOST_PCI_CONFIG_H
#define KVMHOST_PCI_CONFIG_H

#include "iommu/pci.h"

/* The device serial number as lspci writes it, "00-1b-21-ff-ff-aa-bb-cc"; NULL: it has none. */
const char *pci_serial(struct host *h, const char *address);

/*
 * Devices behind a conventional PCI bridge send with the bridge's requester ID, or that of its
 * secondary bus: the IOMMU cannot tell them apart.
 */
bool pci_is_legacy_bridge(struct host *h, const char *address);

#endif
