/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How plan.c puts steps into order; nobody else includes it. */
#ifndef KVMHOST_STEPS_H
#define KVMHOST_STEPS_H

#include "reconcile/plan.h"

/*
 * Fills every step's `after` and sorts the plan: what is needed first; what is
 * released after those who used it; releases before the rest where nothing
 * else decides, so that names and addresses are free again.
 */
void steps_order(struct host *h, struct plan *p);

/* A step whose needed resource does not exist and waits, waits too and says for what. */
void steps_wait(struct host *h, struct plan *p);

#endif
