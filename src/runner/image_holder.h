/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which guest has an image: by device and inode, since a file has many names. */
#ifndef KVMHOST_IMAGE_HOLDER_H
#define KVMHOST_IMAGE_HOLDER_H

#include "runner/spec.h"

struct stat;

struct image_holder {
	const char *guest;
	const char *path; /* by which it has the image */
	bool keeps; /* at its next start it has it again */
};

/*
 * The guest, not `but`, that was started with the file and has not ended, by its own account, which
 * is good for a message. Strings are in the arena. false: none.
 */
bool image_holder_find(int root, struct arena *a, const char *but, const struct stat *file,
	struct image_holder *out);

/* Whether one of the guest's disks, or what it is made on, is the file; its path, or NULL. */
const char *image_in(int root, const struct guest *g, const struct stat *file);

#endif
