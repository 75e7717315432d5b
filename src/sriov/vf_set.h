/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what VFs are to be like to what is sent, and what differs. */
#ifndef KVMHOST_VF_SET_H
#define KVMHOST_VF_SET_H

#include "sriov/vf_links.h"

/*
 * What VF `number` is to be like: as the document lists it, or by default,
 * with its MAC address; without what this driver does not report and nobody
 * asked for, and without the MAC address that a trusted VF in use gave itself.
 * A PF on its way back to how it was (`before`) has what is
 * recorded, and nothing else.
 */
struct vf vf_wanted(struct host *h, const char *name, const struct sriov *want, bool before,
	const struct pci_device *pf, unsigned number, const struct vf *have);

/* Adds the differences of all VFs as changes, "vfs.0.mac". Returns which rows differ. */
uint64_t vfs_diff(struct host *h, struct step *s, const struct sriov *want, bool before);

/*
 * Sets what differs in one request and reads it back. A refusal names the
 * driver and the attribute. Rates are left for later while the PF has no link.
 */
int vfs_set(struct host *h, const struct step *s, const struct sriov *want, bool before,
	const struct pci_device *pf, const char *net, struct error *e);

#endif
