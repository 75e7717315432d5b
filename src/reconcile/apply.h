/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Apply: plan, record what is about to be taken, do the steps, observe again.
 * What still differs after three rounds has failed.
 *
 * Network and firewall steps run under the undo log. When one of them fails,
 * all of this apply's are put back and the document is held: the daemon does
 * not try it again until it changes or someone says apply.
 */
#ifndef KVMHOST_APPLY_H
#define KVMHOST_APPLY_H

#include "reconcile/guard.h"
#include "reconcile/plan.h"

struct apply_options {
	bool allow_mass_removal;
	bool event; /* asked for by an event, not by a person: reconcile/drift.h */
	bool person; /* ... by one at a terminal: a network change that a signal ends is held */
	bool fallback; /* the last good document, in place of a newer one: a hold of that stays */
	/* Names the document in a hold; may be NULL. */
	const char *document_hash;
	/*
	 * Network changes stay under the undo log for so many seconds, until confirm_accept(); see
	 * reconcile/confirm.h. 0: they are kept at once.
	 */
	unsigned confirm_seconds;
	/*
	 * Called before the first of them, where there is one and they are to be confirmed: whoever
	 * puts them back if this process should not live to do it. May be NULL.
	 */
	void (*arm)(unsigned seconds);
	const struct guard *guard; /* of the network; may be NULL */
	/*
	 * Called when the network is as far as this apply brings it, before guests and their disks,
	 * perhaps more than once; may be NULL.
	 */
	void (*network_done)(void *arg);
	/* Told of each step when its fate is known, for a terminal or the journal; may be NULL. */
	void (*told)(const struct step *s, void *arg);
	void *arg;
};

enum { APPLY_ROUNDS = 3 };

struct outcome {
	struct step **steps; /* each resource's last step, in the order they ran */
	size_t n;
	size_t done, failed, blocked, waiting, undone;
	bool reboot_pending;
	uint64_t confirm_by; /* uptime until when to confirm; 0: nothing waits for it */
	const struct step *lost; /* the step that cut the host off, by the guard */
	bool refused; /* the plan would remove most of what the document once named */
	int stopped; /* the signal that ended it before it was done (base/stop.h); 0: none did */
	size_t n_resources;
	/* Holds the steps; ends with outcome_free. */
	struct arena *arenas[APPLY_ROUNDS + 1];
};
void outcome_free(struct outcome *o);
#define _cleanup_outcome_ _cleanup_(outcome_free)

/*
 * The caller holds the lock. 0: converged (there may be waits); -EIO: steps
 * failed, the outcome says which; -EINTR: a signal came, the step it was at is done and the network
 * as before where it was not settled yet; other negative errno: nothing was changed
 * (-EPERM: mass removal refused), e says why.
 */
int apply(struct host *h, struct wants *w, const struct apply_options *o, struct outcome *out,
	struct error *e);

/* Steps were undone, or the guard lost the host: the network is as before. */
static inline bool outcome_put_back(const struct outcome *o)
{
	return o->undone || o->lost;
}

/* Exit status of kvmhostctl apply: 0 converged, 1 failed, 3 converged but a reboot is pending. */
int outcome_status(int r, const struct outcome *o);

/* The hash of the document that a rollback holds, or NULL; reason may be NULL. Borrowed. */
const char *apply_held(const struct host *h, const char **reason);
/* Holds the document: only a change of it, or somebody who says apply, tries again. */
void apply_hold(struct host *h, const char *document, const char *reason);

#endif
