/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the checks of the document share. */
#ifndef KVMHOST_DOCTOR_GUESTS_H
#define KVMHOST_DOCTOR_GUESTS_H

#include "hostprep/doctor.h"

/* NULL: there is no valid document, which is said. */
const struct wants *doctor_wants(struct doctor *d);
/* Guests that are to run. */
bool doctor_runs(struct doctor *d, const struct resource *r);
/* Of `2GiB`; 0: of NULL. */
uint64_t doctor_bytes(struct doctor *d, const char *size);
/* A field that is a size; 0: it is left out. */
uint64_t doctor_size(struct doctor *d, const void *want, const char *field);

/* doctor_hugepages.c */
void doctor_guest_hugepages(struct doctor *d);
/* doctor_images.c */
void doctor_guest_images(struct doctor *d);
/* doctor_storage.c */
void doctor_guest_storage(struct doctor *d);

#endif
