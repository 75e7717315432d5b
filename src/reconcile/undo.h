/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The undo log, STATE_DIR/undo.json: the state before this apply of every
 * network and firewall resource it is about to change, on disk before the
 * first of those changes. Present at start: an apply was cut off, or waits to
 * be confirmed; see reconcile/confirm.h.
 *
 *	{"format": 1, "document": HASH, "confirm_by": UPTIME, "boot": ID, "steps":
 *	  [{"id": "bridge/br0", "kind": "bridge", "name": "br0", "before": {...}}]}
 *
 * `document` is what is held once this was put back: not the generation in force, which was good.
 * `before` is null of what was not there; such an entry says in `made` what it was to be.
 */
#ifndef KVMHOST_UNDO_H
#define KVMHOST_UNDO_H

#include "reconcile/plan.h"

/* The step is in the log of its apply. */
bool undo_goes_back(const struct step *s);
/*
 * Writes the log for the plan's steps that go back; none: writes nothing. `document`: the
 * hash of what is applied, or NULL.
 */
int undo_begin(struct host *h, const struct plan *p, const char *document, struct error *e);
/* The log stays until somebody confirms the document, at the latest at `until` (host->uptime). */
int undo_await(struct host *h, const char *document, uint64_t until, struct error *e);
/*
 * Of a pending log: the document to hold, "" for none, and until when it waits to be confirmed: 0
 * where the machine was rebooted since. Returns 1, or 0 where the apply itself was cut off, which
 * nobody is to confirm.
 */
int undo_awaited(struct host *h, char document[65], uint64_t *until, struct error *e);
/* All is well: the log goes. */
int undo_commit(struct host *h, struct error *e);
/*
 * Puts everything in the log back, last first, then removes it. Returns how
 * many resources were put back, or a negative errno with the log kept.
 */
int undo_replay(struct host *h, struct error *e);
bool undo_pending(struct host *h);

#endif
