/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices of the host as guests' disks. */
#ifndef KVMHOST_BLOCK_DEVICE_H
#define KVMHOST_BLOCK_DEVICE_H

#include "base/error.h"
#include "runner/guest.h"

/*
 * Whether the host itself uses the device (mounted, swap, part of LVM, RAID or another), or one
 * of its partitions: -EBUSY, and e says what for.
 */
int block_device_free(int root, const char *path, struct error *e);
/* Of a disk that was opened: the host does not use it, and a `lun` is a SCSI device. */
int block_device_check(const struct guest_disk *d, int fd, struct error *e);

#endif
