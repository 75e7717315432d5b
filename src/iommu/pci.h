/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's PCI functions as /sys shows them, kept in the host for one
 * pass. The directory is listed once; a function is read when it is asked for
 * first, so that a plan for one of four thousand reads one.
 */
#ifndef KVMHOST_PCI_H
#define KVMHOST_PCI_H

#include "config/type.h"
#include "reconcile/host.h"

struct pci;

struct pci_device {
	const char *address; /* "0000:0b:00.0" */
	/* Below /sys/devices, the bridges above it first: "pci0000:00/0000:00:1c.0/0000:0b:00.0".
	 */
	const char *path;
	const char *modalias; /* what hwdb knows it by; NULL: not told */
	const char *driver; /* NULL: none is bound */
	const char *driver_override; /* NULL: none */
	const char *physfn; /* address of the PF whose VF it is; NULL: it is no VF */
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class; /* 0x020000: base class, subclass, interface */
	int group; /* of the IOMMU; -1: none */
	int numa_node; /* -1: none */
	bool boot_vga;
	/* Of a PF: how many VFs it can have and has; total_vfs 0: it has no SR-IOV. */
	unsigned total_vfs, num_vfs;
	bool drivers_autoprobe;
	const char *const *nets; /* names of its network interfaces, sorted */
	size_t n_nets;
};

/* Base classes of PCI. */
#define PCI_CLASS_BASE(d) ((d)->class >> 16)
enum {
	PCI_BASE_STORAGE = 0x01,
	PCI_BASE_NETWORK = 0x02,
	PCI_BASE_DISPLAY = 0x03,
	PCI_BASE_BRIDGE = 0x06
};

/* A machine without PCI has none, which is no error. */
int pci_get(struct host *h, struct pci **out, struct error *e);
/* After a change (a driver bound, VFs made): the next pci_get() reads anew. What was handed out
 * stays until the pass ends. */
void pci_forget(struct host *h);

/* By its full address; NULL: there is no such function. */
const struct pci_device *pci_find(struct pci *p, const char *address);
/* Every function, by address. */
const struct pci_device *const *pci_all(struct pci *p, size_t *n);
/* Addresses of a PF's VFs by their numbers; NULL: that one is not there. */
const char *const *pci_vfs(struct pci *p, const struct pci_device *pf, size_t *n);
/* A VF's number at its PF; -1: it is no VF. */
int pci_vf_index(struct pci *p, const struct pci_device *vf);
/* The functions that the driver is bound to, by address. */
const struct pci_device *const *pci_of_driver(struct pci *p, const char *driver, size_t *n);
/* The function that a network interface is of; NULL: of none. */
const struct pci_device *pci_of_net(struct pci *p, const char *net);

/* A file of the function's directory: "sriov_numvfs", "driver_override". In the pass arena. */
const char *pci_attribute(struct host *h, const struct pci_device *d, const char *file);
/* One write(2) into it; negative errno. */
int pci_write(struct host *h, const struct pci_device *d, const char *file, const char *text);

/* "0000:0b:00.0", "10000:e1:00.0" or, in domain 0, "0b:00.0"; const char *, in the long form. */
extern const struct type type_pci_address;
/* "8086:10c9", in lower case; const char * */
extern const struct type type_pci_id;

#endif
