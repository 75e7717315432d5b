/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `device`: a whole PCI function for guests, bound to vfio-pci while the document has it.
 */
#ifndef KVMHOST_DEVICE_H
#define KVMHOST_DEVICE_H

#include "iommu/vfio.h"
#include "reconcile/plan.h"
#include <jansson.h>

struct device {
	struct obj obj;
	const char *address, *id, *serial, *driver; /* NULL: not given */
	struct mac mac; /* where obj_has(.., "mac") */
	int64_t port; /* where obj_has(.., "port") */
	/* Not in the table. */
	const struct wants *wants; /* of the document that it stands in */
	/* In this pass: */
	const struct pci_device *found; /* NULL: not looked for, or not there */
	const char *missing; /* not there: in words */
};

extern const struct table device_table;
extern const struct kind device_kind;

/*
 * Which function the entry means on this machine. One that is recorded must be what it was when it
 * was first taken. The error says what is not there, not alone, or not the same.
 */
int device_find(struct host *h, struct pci *p, const struct resource *r,
	const struct pci_device **out, struct error *e);

/* What is kept of it with the resource; NULL: nothing yet. Borrowed. */
json_t *device_kept(struct host *h, const char *id);
const char *device_kept_text(const json_t *kept, const char *key);
/* Notes the function, who drives it and what tells it from others; not saved yet. */
void device_keep(struct host *h, const struct resource *r, const struct pci_device *d);
/* What vfio_unbind puts back; of the record's memory. */
struct vfio_before device_before(const json_t *kept);
/* The function there is the one that is kept: the kernel has had it since. */
bool device_same(struct host *h, const json_t *kept);

#endif
