/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running one plan's steps; apply.c's other half. */
#ifndef KVMHOST_RUN_H
#define KVMHOST_RUN_H

#include "reconcile/apply.h"

/* The world moved between observe and apply: plan again rather than fail. */
bool moved(const struct step *s);

/* The apply's guard, asked how things are before its first network step. */
struct guarding {
	const void *document;
	void *state; /* the guard's; NULL: nothing to lose */
	bool begun;
	bool armed; /* who puts the changes back if this process ends has been told */
	const struct step *lost; /* the step after which the host could not be reached */
};

/*
 * Runs every ready step whose needs are met and blocks those whose needs
 * failed. `final`: no round follows, so that a moved world is a failure; else
 * it is not told, and what needs it stays ready.
 * Returns a negative errno only where the undo log itself failed, or -EINTR where a signal came
 * (base/stop.h) and the log may be there yet; 1 when all that is cached of the machine was read
 * after the last change to it.
 */
int run_steps(struct host *h, struct plan *p, const struct apply_options *o, struct guarding *g,
	bool final, struct error *e);

#endif
