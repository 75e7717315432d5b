/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that others are made on. A guest can write to its own image's header
 * and make it name any file of the host's, so the first one below it is the
 * document's to name (`base`). Those further down stand in the headers of images
 * that no guest writes to.
 */
#ifndef KVMHOST_IMAGE_CHAIN_H
#define KVMHOST_IMAGE_CHAIN_H

#include "base/error.h"
#include "runner/guest.h"

enum { IMAGE_LAYERS = 8, IMAGE_NAME_MAX = 1024 };

/* What an image of this format names as the one below it; an empty name: nothing. */
struct image_below {
	char name[IMAGE_NAME_MAX];
	char format[16]; /* empty: it does not say */
};
void image_below(int fd, enum disk_format format, struct image_below *out);

/*
 * What a header that a guest can write to makes QEMU and qemu-img open: refused, but for one image
 * below it where `base` (NULL: none) is to be that, and is by its name. To be asked before either
 * opens an image by its header with root's rights.
 */
int image_header_check(
	int fd, const char *path, enum disk_format format, const char *base, struct error *e);

/* One image below a guest's. */
struct image_layer {
	int fd; /* -1: none */
	enum disk_format format;
	bool block;
};

/* Opens what is below the open image of d into layers, from the top; those not used have fd -1. */
int image_chain_open(const struct guest_disk *d, int top,
	struct image_layer layers[static IMAGE_LAYERS], struct error *e);
/* Fills in what only the descriptors say, on the other side of a handover. */
void image_chain_look(const struct guest_disk *d, struct image_layer layers[static IMAGE_LAYERS]);

#endif
