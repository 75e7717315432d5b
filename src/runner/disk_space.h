/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Room for the images of a pass. Each is looked at alone, so what was said of those before it
 * counts: several that fit one by one need not fit together.
 */
#ifndef KVMHOST_DISK_SPACE_H
#define KVMHOST_DISK_SPACE_H

#include "reconcile/host.h"
#include "runner/guest.h"

/* Its space is taken when it is made or grown. */
bool disk_space_at_once(enum disk_preallocation p);

/*
 * The image at path is to become `more` bytes larger. -ENOSPC: they are to be taken at once, and
 * are not free beside what others take at once; -ENOTDIR: there is no such directory.
 */
int disk_space_take(struct host *h, const char *path, enum disk_preallocation p, uint64_t more,
	struct error *e);

/*
 * Space is not promised by a file with holes: why one that is to have size, which is `more` than it
 * has, may find none, in h->pass; NULL: it will. The sum of all is the doctor's.
 */
const char *disk_space_short(struct host *h, const char *path, uint64_t size, uint64_t more);

/* "8MiB" */
const char *disk_size_text(struct host *h, uint64_t size);

#endif
