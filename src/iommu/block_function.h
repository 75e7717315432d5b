/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a block device to the PCI functions that it is behind: by its place in /sys. */
#ifndef KVMHOST_BLOCK_FUNCTION_H
#define KVMHOST_BLOCK_FUNCTION_H

#include "reconcile/host.h"

/*
 * Addresses of the functions, in the pass arena: one, several for a drive that several ways lead to
 * (NVMe multipath), none for what is made of others or of nothing. dir has links named so:
 * "/sys/dev/block" or "/sys/class/block".
 */
const char *const *block_functions(struct host *h, const char *dir, const char *name, size_t *n);

/*
 * A disk behind that function which something on the host has exclusively, whole or a part of it: a
 * mount in any namespace, device mapper, md, the further disks of a btrfs. NULL: none, or the
 * host is not the running one. In the pass arena.
 */
const char *block_in_use(struct host *h, const char *address);

#endif
