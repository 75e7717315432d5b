/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Persistent tap devices through /dev/net/tun (Documentation/networking/tuntap.rst). */
#ifndef KVMHOST_TUN_H
#define KVMHOST_TUN_H

#include "reconcile/host.h"

/*
 * Makes the tap, or attaches to the one that is there, and sets who may open
 * it: owner is a user ID, -1: as it is, for a new one root
 * alone. It stays when nobody has it open.
 * -EBUSY: it is in use, its owner cannot be changed now.
 */
int tun_make(struct host *h, const char *name, bool multi_queue, int64_t owner, struct error *e);

#endif
