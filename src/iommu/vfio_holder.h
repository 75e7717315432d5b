/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who has a function open through vfio. The kernel does not say it; but its
 * process has /dev/vfio/GROUP or /dev/vfio/devices/vfioN open, and each of
 * these can be open only once. Costs a walk over all processes, made once per
 * pass and only when somebody asks of a function that vfio drives.
 */
#ifndef KVMHOST_VFIO_HOLDER_H
#define KVMHOST_VFIO_HOLDER_H

#include "iommu/pci.h"

struct vfio_holder {
	int pid;
	const char *guest; /* of kvmhost; NULL: somebody else */
	const char *words; /* "guest web1", or "qemu-system-x86 (process 4711)" */
};

/* NULL: nobody, which is quick to say of a function whose driver is not vfio's. */
const struct vfio_holder *vfio_holder(struct host *h, const struct pci_device *d);
/* After which the next answer is as of then. */
void vfio_holders_forget(struct host *h);
/* A driver that hands the function to whoever opens it: vfio-pci and its variants. */
bool vfio_drives(const struct pci_device *d);

#endif
