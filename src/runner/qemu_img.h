/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-img(1), which makes, copies and grows disk images, as a child with
 * nothing but what it needs.
 */
#ifndef KVMHOST_QEMU_IMG_H
#define KVMHOST_QEMU_IMG_H

#include "runner/image.h"

/* What it works on. Nothing here is owned. */
struct qemu_img {
	const struct image *image; /* whose progress is told */
	int dir; /* where it runs */
	int file; /* an image that has no name yet: it has it as QEMU_IMG_FILE; -1: it has one */
	const char *name; /* in dir; NULL: none yet */
	int lock; /* of who must not be followed by another before it has ended, if we are killed;
		     -1: it is killed with us */
};

#define QEMU_IMG_FILE "/proc/self/fd/3"

/* argv ends with NULL. An error has the first line of what it said. */
int qemu_img_run(const struct qemu_img *q, char *const argv[], struct error *e);

#endif
