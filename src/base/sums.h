/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnettle's SHA-256, loaded when it is needed: a plan with nothing to do makes no sums. */
#ifndef KVMHOST_SUMS_H
#define KVMHOST_SUMS_H

#include "base/library.h"
#include <nettle/sha2.h>

#define SUMS_FUNCTIONS(X) X(nettle_sha256_init) X(nettle_sha256_update) X(nettle_sha256_digest)
LIBRARY_DECLARE(SUMS_FUNCTIONS)

/* Comes before any of them. */
int sums_load(struct error *e);

#endif
