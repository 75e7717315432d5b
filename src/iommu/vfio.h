/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking a function from its driver for a guest, and giving it back.
 *
 *	bind     override := vfio-pci, unbind, probe, look; refused: override := as before, probe
 *	unbind   override := as before, unbind, reset, probe, look
 *
 * The override names one function; new_id would name all of a model, those
 * that come later among them. While it stands, no other driver takes the
 * function. Each is repeated without harm wherever it was cut off.
 */
#ifndef KVMHOST_VFIO_H
#define KVMHOST_VFIO_H

#include "iommu/pci.h"

#define VFIO_DRIVER "vfio-pci"

/* What is put back. */
struct vfio_before {
	const char *driver; /* that had it; NULL: none */
	const char *override; /* that names the driver, as driverctl sets it; NULL: none */
};

/*
 * A function that vfio-pci refuses is as before. What was there when the call began counts more
 * than `before`, which is for one that an earlier run had begun to take.
 */
int vfio_bind(
	struct host *h, const char *address, const struct vfio_before *before, struct error *e);
int vfio_unbind(
	struct host *h, const char *address, const struct vfio_before *before, struct error *e);

/* It is bound to vfio-pci, and no other driver would get it. */
bool vfio_bound(const struct pci_device *d);
/* Something of a binding is there, finished or not. */
bool vfio_begun(const struct pci_device *d);

/*
 * The kernel's object of the function, the same until the function is removed or the machine boots;
 * in the pass arena. NULL: there is no such function.
 */
const char *pci_object(struct host *h, const char *address);

#endif
