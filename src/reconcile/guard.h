/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the host can still be reached, asked before the first and after the
 * last network step of an apply. What the answer is, src/net knows.
 */
#ifndef KVMHOST_GUARD_H
#define KVMHOST_GUARD_H

#include "reconcile/host.h"

struct guard {
	/* How it is now; in h->pass no longer than the apply: *state is the guard's own, freed by
	 * end. */
	int (*begin)(struct host *h, const void *document, void **state, struct error *e);
	/*
	 * A negative errno, with words, when something that answered does so no more; -EINTR: a
	 * signal came first (base/stop.h).
	 */
	int (*still)(struct host *h, void *state, struct error *e);
	void (*end)(void *state);
};

#endif
