/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a block device carries, told by libblkid, which is loaded when a device is first seen. */
#ifndef KVMHOST_SIGNATURE_H
#define KVMHOST_SIGNATURE_H

#include "base/arena.h"
#include "base/error.h"

/*
 * "the file system ext4 (label data)", "a partition table (gpt)", "LVM2_member"; NULL: nothing that
 * is known. Reads only.
 */
int signature_read(struct arena *a, int fd, const char **out, struct error *e);

#endif
