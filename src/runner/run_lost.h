/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of the host that vanish under a running guest: pulled, removed
 * through /sys, or with their card's driver. The kernel asks QEMU for the
 * device, QEMU the guest, and when that lets go of it QEMU says so. The guest
 * runs on without it.
 */
#ifndef KVMHOST_RUN_LOST_H
#define KVMHOST_RUN_LOST_H

#include "runner/supervise.h"

/* QEMU has no device of that id any more; true: it was one of the host's, and is in r->state. */
bool run_lost(struct runner *r, const char *id);

#endif
