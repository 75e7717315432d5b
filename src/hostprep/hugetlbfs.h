/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where programs that are no guests (DPDK, databases) open hugepages of one
 * size: a file system, mounted by a unit of systemd's. Derived from `mount` of
 * host.memory.hugepages; its name is the place.
 */
#ifndef KVMHOST_HUGETLBFS_H
#define KVMHOST_HUGETLBFS_H

#include "reconcile/kind.h"

extern const struct kind hugetlbfs_kind;

/* Wanted on behalf of host.memory. */
void hugetlbfs_derive(
	struct wants *w, const struct resource *from, const char *place, const char *size);

#endif
