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

/*
 * What path lies on is not mounted: where it is to be mounted, in h->pass. NULL: it is. To be asked
 * of what is not there, since it costs questions to systemd.
 */
const char *disk_place_unmounted(struct host *h, const char *path);

struct disk_place {
	const char *dir; /* in h->pass; also after an error */
	uint64_t file_system; /* its device number */
	uint64_t free; /* bytes */
};

/* Where the image is or will be. */
int disk_place_look(struct host *h, const char *path, struct disk_place *out);

/*
 * What the path is to lie on is mounted. An image that was made in the directory below would be
 * gone once its file system is. 1: an image is there now.
 */
int disk_place_mount(struct host *h, const char *path, struct error *e);

#endif
