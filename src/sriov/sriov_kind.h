/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of the kind. */
#ifndef KVMHOST_SRIOV_KIND_H
#define KVMHOST_SRIOV_KIND_H

#include "iommu/vfio_holder.h"
#include "sriov/vf_set.h"

/* The interface of a PF that tells of its VFs; *link NULL: it has none. */
int pf_link(
	struct host *h, const struct pci_device *pf, const struct vf_link **link, struct error *e);
/* Under which other name the PF is managed until that is given back; NULL: none. */
const char *pf_former_name(struct host *h, const struct resource *r, const struct pci_device *pf);
/* In the pass arena; "" where the kernel does not say. */
const char *boot_id(struct host *h);
/* A step gives the PF back: its want is how it was before. */
static inline bool gives_back(const struct step *s)
{
	return s->r->want == NULL;
}
/*
 * What the PF's VFs are used by, "guest web1 (VF 3, 0000:0b:10.6)", several
 * with commas; NULL: nobody. In the pass arena.
 */
const char *vf_users(struct host *h, const struct pci_device *pf, struct error *e);

/* Writes sriov_numvfs. */
int vf_number_write(struct host *h, const struct pci_device *pf, int64_t number, struct error *e);
/* From what the PF has to what is wanted; a refusal may leave it with none. */
int vf_number_set(
	struct host *h, const struct pci_device *pf, const struct sriov *want, struct error *e);

int sriov_observe(struct host *h, const struct resource *r, void **have, struct error *e);
int sriov_apply(struct host *h, struct step *s, struct error *e);

#endif
