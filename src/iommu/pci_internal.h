/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_PCI_INTERNAL_H
#define KVMHOST_PCI_INTERNAL_H

#include "iommu/pci.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

struct entry {
	struct pci_device d; /* first, so that one leads to the other */
	const char **vfs;
	size_t n_vfs;
	bool read, vfs_read;
};

/* A network interface and the function that it is of. */
struct net_at {
	const char *address, *name;
};

struct pci {
	struct host *host;
	struct arena *arena; /* the pass's in which it was begun */
	struct entry *v; /* by address */
	size_t n;
	const struct pci_device **all;
	struct net_at *nets; /* by address, then name */
	size_t n_nets;
	bool nets_read;
};

/* Without reading it. */
struct entry *pci_entry(struct pci *p, const char *address);
/* Fills in what /sys says of the function; one that vanished meanwhile has nothing but its
 * address. */
void pci_read_device(struct pci *p, struct entry *at);
/* The numbered links of a PF to its VFs. */
void pci_read_vfs(struct pci *p, struct entry *at);
/* Which interface belongs where, once for all functions. */
void pci_read_nets(struct pci *p);

/* The target of a link in a directory of the host, in the pass arena; NULL: there is none. */
const char *link_in(struct host *h, const char *dir, const char *name);

#endif
