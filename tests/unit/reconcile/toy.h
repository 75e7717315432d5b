/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A toy machine for the engine's tests: things are files under /machine of a
 * temporary root, one line "value" each, so that they survive a process that
 * is killed. Kinds: `thing` (undo log), `user` (refers to things), `batch`
 * (apply_all).
 */
#ifndef TOY_H
#define TOY_H

#include "reconcile/config.h"
#include "reconcile/converge.h"

struct toy {
	char dir[64];
	struct host host;
	/* Switches of the toy kinds. */
	const char *busy; /* this thing is in use until a user goes */
	const char *fail_name; /* applying this resource fails ... */
	int fail_code; /* ... with this */
	unsigned fail_times; /* ... so many times */
	const char *restless; /* this thing never is what it was made */
	const char *dark; /* this resource cannot be read once anything was applied */
	char told[256]; /* what apply told of failures: "ID: TEXT\n" each */
	int die_at; /* the process ends at the n-th apply, counted from 1; 0: never */
	const struct guard *guard;
	int applied; /* how many applies ran */
	unsigned batches; /* how often apply_all ran */
};
extern struct toy toy;

void toy_begin(void);
void toy_end(void);
/* The thing's value on the machine, "" when absent. Valid until the next call. */
const char *toy_value(const char *kind, const char *name);
void toy_put(const char *kind, const char *name, const char *value);

/* Loads, converges, and keeps the outcome for the test to look at. */
struct toy_run {
	struct config config;
	struct outcome outcome;
	struct error error;
	int r;
};
void toy_apply(struct toy_run *run, const char *yaml, bool allow_mass_removal);
void toy_run_free(struct toy_run *run);
#define _cleanup_toy_run_ _cleanup_(toy_run_free)

#endif
