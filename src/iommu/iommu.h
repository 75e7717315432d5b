/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The IOMMU as the firmware announces it and the kernel runs it. */
#ifndef KVMHOST_IOMMU_H
#define KVMHOST_IOMMU_H

#include "reconcile/kind.h"

/* host.iommu */
struct iommu {
	struct obj obj;
	bool enabled, passthrough, unsafe_interrupts;
};
extern const struct table iommu_table;
extern const struct kind iommu_kind;

/* The ACPI table that announces it: the vendor of the IOMMU, whatever the CPU is. */
enum iommu_firmware { IOMMU_NONE, IOMMU_DMAR, IOMMU_IVRS };
enum iommu_firmware iommu_firmware(struct host *h);

/* How many groups the kernel made: none where no IOMMU works. */
size_t iommu_groups(struct host *h);
/* Interrupts go through it: without that a guest with a device can forge them. */
bool iommu_remaps_interrupts(struct host *h);

/*
 * For a machine without groups: what the IOMMU waits for ("a reboot: ..."), in the pass arena; or
 * NULL, and the error says why there is none.
 */
const char *iommu_missing(struct host *h, struct error *e);

/*
 * For a resource that gives devices away and comes after host.iommu, where that is declared.
 * -ENOENT: host.iommu is not done and says for what it waits. -EPERM: interrupts are not remapped,
 * and nobody said that this does not matter. That there are no groups at all is not told here.
 */
int iommu_serves(struct host *h, const struct resource *r, struct error *e);

#endif
