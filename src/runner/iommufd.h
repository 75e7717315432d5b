/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of the host by iommufd, where kernel and QEMU have it: QEMU gets
 * each function, /dev/vfio/devices/vfioN, and the IOMMU, /dev/iommu, as
 * descriptors and may open neither. Elsewhere, and where interrupts are not
 * remapped, nothing is opened, and QEMU opens /dev/vfio/GROUP, which is its
 * user's.
 */
#ifndef KVMHOST_IOMMUFD_H
#define KVMHOST_IOMMUFD_H

#include "runner/qemu_args.h"

/*
 * *fd: the function; m->iommufd with the first one. 0 with *fd -1: the kernel has none of it (the
 * node of one that is bound to vfio-pci tells).
 */
int iommufd_open(struct machine *m, const struct assigned *x, int *fd, struct error *e);
/* All functions that m->spec's guest is given, if m->qemu has iommufd; asks it. */
int iommufd_open_all(struct machine *m, struct error *e);

#endif
