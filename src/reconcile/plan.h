/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The plan: ordered steps, pure data. Printing it changes nothing; applying
 * it does exactly it.
 */
#ifndef KVMHOST_PLAN_H
#define KVMHOST_PLAN_H

#include "reconcile/kind.h"

enum verb {
	STEP_CREATE,
	STEP_ADOPT, /* it was there, is as wanted, and is ours to keep from now on */
	STEP_UPDATE, /* changed in place */
	STEP_RECREATE,
	STEP_REMOVE, /* made by us, no longer wanted */
	STEP_RESTORE, /* not made by us, no longer wanted: back to how it was */
	STEP_FORGET, /* no longer wanted, and gone or as it was already */
};

enum step_state { STEP_READY, STEP_DONE, STEP_FAILED, STEP_BLOCKED, STEP_WAITING, STEP_UNDONE };

struct step {
	enum verb verb;
	struct resource *r;
	const void *have; /* NULL: absent */
	const void *want; /* NULL: to be absent */
	struct change *changes;
	size_t n_changes;
	const char *reason; /* why, in words; may be NULL where the changes say it */
	const char *wait; /* why it is not done now ("a reboot", ...); NULL: it is */
	enum disruption disruption;
	/*
	 * Somebody has the released thing in use: it waits for this, but where a guest's step
	 * before it makes the guest let go of it.
	 */
	const char *in_use;
	bool by_hand; /* not to be done because of an event: somebody says reload or apply */
	bool lets_go; /* of what it used and is released, in place: see in_use */
	bool idle; /* releases what nobody uses any more: an event may do it */
	bool ours; /* the thing there carries our mark, though the record may not know it */
	struct step **after;
	size_t n_after;
	bool placed; /* private to the ordering */

	/* Filled by apply; plan sets what waits, and what could not be read. */
	bool unreadable; /* failed before it began: nothing of it was changed */
	enum step_state state;
	struct error error;
	const struct step *blocked_by;
};

struct plan {
	struct step **steps; /* in order */
	size_t n;
	size_t n_wait; /* how many of them wait */
	size_t n_resources; /* wanted in all */
	size_t n_removals; /* steps that release something */
	bool removes_most; /* refused unless confirmed */
	struct step *spare; /* private to the making: had nothing to do, is the next one */
};

/* Adds a change in the pass arena. have or want may be NULL. */
void step_change(struct host *h, struct step *s, const char *field, const char *path,
	const char *have, const char *want);

/* What the document says of it: the value that alone changes, else the resource's key. */
struct mark step_mark(const struct step *s);

/*
 * Observes every wanted, recorded and marked resource and compares. The plan
 * lives in h->pass, which is emptied first. Wants stay untouched but for
 * resource->have, before, recorded and step.
 */
int plan_make(struct host *h, struct wants *w, struct plan *p, struct error *e);
/*
 * The same from what is cached of the machine, for who has just observed it. h->pass was taken
 * (NULL) by somebody who keeps it: the caches lead into it.
 */
int plan_again(struct host *h, struct wants *w, struct plan *p, struct error *e);

/*
 * For a run that nobody asked for: what releases something, or costs more than a link that flaps,
 * or is by_hand, waits.
 */
void plan_leave_to_people(struct plan *p);

void plan_print(const struct plan *p, FILE *to, bool color);
/* Without the sum. */
void plan_print_steps(const struct plan *p, FILE *to, bool color);
void plan_json(const struct plan *p, struct strbuf *out);

const char *verb_name(enum verb v);
const char *disruption_name(enum disruption d);
const char *step_state_name(enum step_state s);

#endif
