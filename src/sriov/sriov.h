/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `sriov`: a physical function (PF), how many virtual ones (VFs) it has, and what they are
 * like. */
#ifndef KVMHOST_SRIOV_H
#define KVMHOST_SRIOV_H

#include "iommu/pci.h"
#include "reconcile/plan.h"

/* sriov.NAME.device: one of them names the PF. */
struct pf_device {
	struct obj obj;
	const char *address, *interface, *driver;
	struct mac mac;
	int64_t port; /* with driver: the how manieth of its PFs */
};

/* sriov.NAME.vfs.NUMBER */
struct vf {
	struct obj obj;
	struct mac mac;
	int64_t vlan, qos;
	int protocol, link_state;
	bool spoof_check, trust;
	uint64_t min_rate, max_rate; /* bits per second */
};
extern const struct table vf_table;
/* The rows of vf_table, for vf.obj.set. */
enum vf_row {
	VF_MAC,
	VF_VLAN,
	VF_QOS,
	VF_PROTOCOL,
	VF_SPOOF_CHECK,
	VF_TRUST,
	VF_LINK_STATE,
	VF_MIN_RATE,
	VF_MAX_RATE,
};
#define VF_BIT(row) (UINT64_C(1) << (row))
#define VF_VLANS (VF_BIT(VF_VLAN) | VF_BIT(VF_QOS) | VF_BIT(VF_PROTOCOL))
#define VF_RATES (VF_BIT(VF_MIN_RATE) | VF_BIT(VF_MAX_RATE))
#define VF_RATE_UNIT UINT64_C(1000000) /* the kernel counts in Mbit per second */

/* Private part of an observed PF, behind the table's members. */
struct pf_state {
	const struct pci_device *pf;
	const struct vf_link *link; /* its network interface; NULL: it has none */
};

struct sriov {
	struct obj obj;
	struct pf_device device;
	int64_t max_vfs;
	bool drivers_autoprobe;
	const char *module_option; /* NULL: through sriov_numvfs */
	struct list vfs; /* struct vf; wanted: the listed ones; observed: all, in order */
	struct pf_state state;
};
extern const struct table sriov_table;
extern const struct kind sriov_kind;

/*
 * The PF that is meant. 0 with *pf NULL: it is not there (yet); negative: more
 * than what is there is wrong with it.
 */
int sriov_find_pf(struct host *h, const struct pf_device *want, const struct pci_device **pf,
	struct error *e);
/* "the device 0000:0b:00.0": for whom it waits. In the pass arena. */
const char *sriov_pf_words(struct host *h, const struct pf_device *want);

/*
 * Where the VF of that number is now. -ENOENT: its PF has none of that number
 * (yet), or is not there.
 */
int sriov_vf_address(struct host *h, const struct sriov *want, unsigned number,
	const struct pci_device **vf, struct error *e);

/* The MAC address of a VF that was given none: the same at every boot of this machine. */
struct mac sriov_vf_mac(struct host *h, const char *name, unsigned number);

#endif
