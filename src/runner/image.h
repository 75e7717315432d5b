/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk images: their size, read from their own bytes, and making them, by qemu-img(1). */
#ifndef KVMHOST_IMAGE_H
#define KVMHOST_IMAGE_H

#include "base/error.h"
#include "runner/guest.h"

#define IMAGES_DIR "/var/lib/kvmhost/images"

struct image {
	const char *path;
	enum disk_format format;
	uint64_t size; /* bytes that the guest sees */
	enum disk_preallocation preallocation;
	const char *base; /* made on this one; NULL: on none */
	const char *copy_of; /* with its data; NULL: empty */
	enum disk_format base_format; /* of either */
	/* Told about twice a second while the space of an image is written; NULL: nobody asks. */
	void (*progress)(void *arg, unsigned percent);
	void *progress_arg;
};

/*
 * The size that a guest sees, from the image's header. 0: this format's is not known, or it is
 * not of this format, which QEMU says at the guest's start. Spawns nothing.
 */
uint64_t image_size(int fd, enum disk_format format);
/* qemu-img can do it. */
bool image_can_grow(enum disk_format format);

/*
 * Makes the image without a name, or under a temporary one where the file system has no such
 * files, and then gives it its own, in one instant. -EEXIST: there is one; it is left alone.
 */
int image_make(int root, const struct image *i, struct error *e);
/*
 * To i->size, which is larger than it is. Nobody may use it meanwhile: lock is the reconciler's,
 * which a qemu-img that outlives us keeps.
 */
int image_grow(int root, const struct image *i, int lock, struct error *e);

#endif
