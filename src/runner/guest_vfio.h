/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running guest's QEMU needs before it can be given its first device of the host. */
#ifndef KVMHOST_GUEST_VFIO_H
#define KVMHOST_GUEST_VFIO_H

#include "reconcile/host.h"
#include "runner/guest.h"

/*
 * g: with what it is to have. Its control group lets it open groups of devices, also where vfio
 * came after the guest, and it may lock the memory that they reach.
 */
int guest_vfio_prepare(struct host *h, const char *name, const struct guest *g, struct error *e);
/* What it may lock is what it needs with what it has left. */
void guest_vfio_lower(struct host *h, const char *name, const struct guest *g);

#endif
