/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where an image is, or is to be made: the file system, whether it is mounted, and its room. */
#ifndef KVMHOST_DISK_PLACE_H
#define KVMHOST_DISK_PLACE_H

#include "reconcile/host.h"

/*
 * Whether a look at the path would have to wait: it lies on what systemd mounts when somebody looks
 * (systemd.automount(5)), and that may wait for the network, which waits for this very run.
 */
bool disk_place_waits(struct host *h, const char *path);

/* Free bytes where the image is or will be; *dir is its directory, in h->pass. */
int disk_place_free(struct host *h, const char *path, const char **dir, uint64_t *bytes);

/*
 * What the path is to lie on is mounted. An image that was made in the directory below would be
 * gone once its file system is. 1: an image is there now.
 */
int disk_place_mount(struct host *h, const char *path, struct error *e);

#endif
