/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Knobs: files of /proc and /sys that hold one value each and forget it at a
 * reboot. A kind says what it wants of them on this machine; what stood there
 * before the first write is kept in the record, and given back as soon as the
 * kind no longer asks for it, which includes a release.
 */
#ifndef KVMHOST_KNOB_H
#define KVMHOST_KNOB_H

#include "reconcile/plan.h"

struct knob {
	const char *path;
	const char *field; /* the row of the kind's table that asks for it */
	const char *label; /* in the plan; knobs of one label are told together */
	const char *of; /* which of several, "cpu3", "policy0"; NULL: there is one */
	const char *want;
	/* What the kernel rounds to is as wanted: taken for the value that was asked for. */
	bool rounded;
	bool skipped; /* asked for, but neither compared nor set now */
};

struct knobs {
	struct arena *arena;
	struct knob *v;
	size_t n;
};

/* A knob of the kind; texts are copied. Returns it for its further members. */
struct knob *knob_add(struct knobs *k, const char *field, const char *label, const char *of,
	const char *path, const char *want);

/* Adds a change to the step for all that differ, and for all that go back to what they were. */
void knobs_diff(struct host *h, struct step *s, const struct knobs *k);
/* Only the former. */
void knobs_diff_wanted(struct host *h, struct step *s, const struct knobs *k);

/*
 * Writes what differs and reads it back. All are tried; the error is that of the first that the
 * kernel refuses, and *refused, which may be NULL, is that knob (NULL: one that goes back).
 */
int knobs_apply(struct host *h, struct step *s, const struct knobs *k, const struct knob **refused,
	struct error *e);

#endif
