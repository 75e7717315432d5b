/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image that a running guest has open. */
#ifndef KVMHOST_DISK_LIVE_H
#define KVMHOST_DISK_LIVE_H

#include "reconcile/host.h"

/* Whether the guest runs with it. */
bool disk_is_open(struct host *h, const char *guest, const char *path);
/* By its QEMU, which tells the guest. */
int disk_grow_open(
	struct host *h, const char *guest, const char *path, uint64_t size, struct error *e);

#endif
