/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the hugepages that a guest takes at its start are free. */
#ifndef KVMHOST_GUEST_HUGEPAGES_H
#define KVMHOST_GUEST_HUGEPAGES_H

#include "base/error.h"
#include "runner/guest.h"

/* -ENOMEM with what lacks, on the whole host or on a NUMA node that its memory is to come from. */
int guest_hugepages_check(int root, const struct guest *g, struct error *e);

#endif
