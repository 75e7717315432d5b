/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wants.c, references.c and order.c share; nobody else includes it. */
#ifndef KVMHOST_WANTS_H
#define KVMHOST_WANTS_H

#include "reconcile/kind.h"

struct resource *wants_add(
	struct wants *w, const struct kind *k, const char *name, const void *want, struct mark m);

/*
 * References between resources: what must be declared is (else an error with a
 * suggestion), what may stand once does, and who needs whom comes after them.
 */
void wants_resolve(struct wants *w);

/* Puts w->v into dependency order; a cycle is an error that names its members. */
void wants_order(struct wants *w);

#endif
