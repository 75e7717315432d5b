/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the last apply came to, in RUN_DIR/status.json, readable by everyone:
 *
 *	{"format": 1, "result": "converged", "time": ..., "generation": {...},
 *	 "resources": 7, "steps": [what did not converge], "error": {...}}
 */
#ifndef KVMHOST_STATUS_H
#define KVMHOST_STATUS_H

#include "reconcile/apply.h"
#include <jansson.h>

/*
 * Results: "converged", "waiting" (converged but for waits), "failed", "unconfirmed" (see
 * reconcile/confirm.h), "rolled back" (and held), "refused", "invalid" (the document; the
 * generation before stays in force). r and e as apply() returned them; out may be NULL.
 */
int status_write(struct host *h, int r, const struct outcome *out, const struct error *e,
	struct error *failure);
/* What waited to be confirmed is kept, or was put back and its document is held. Needs the record.
 */
int status_confirmed(struct host *h, bool kept, struct error *failure);
int status_write_invalid(struct host *h, struct diags *d, struct error *failure);
/*
 * Adds to the file what differed after an event, and whether it was put right:
 * "drift": {"time": ..., "cause": "...", "repaired": N since boot, "steps": [...]}.
 */
int status_drift(struct host *h, const char *cause, struct step *const *steps, size_t n,
	bool repairing, struct error *failure);
/* -ENOENT: nothing was applied since boot. The caller owns *out. */
int status_read(struct host *h, json_t **out, struct error *e);

#endif
