/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images change hands: with a guest that has another name now, or between two.
 * QEMU's locks let one have an image when the other has let go of it.
 */
#ifndef KVMHOST_GUEST_IMAGES_H
#define KVMHOST_GUEST_IMAGES_H

#include "base/strmap.h"
#include "reconcile/plan.h"

/* What guests have that these steps stop, restart or take it from: step by the image's path. */
struct guest_images {
	struct strmap leaving;
};
void guest_images_free(struct guest_images *m);
void guest_images_find(struct guest_images *m, struct step *const *steps, size_t n);

/* -EAGAIN: the guest wants an image that another one of the steps is to let go of. */
int guest_images_wait(const struct guest_images *m, const struct step *s, struct error *e);

#endif
