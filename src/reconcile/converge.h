/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One whole run, as `kvmhostctl apply` and the daemon's reload do it. */
#ifndef KVMHOST_CONVERGE_H
#define KVMHOST_CONVERGE_H

#include "reconcile/apply.h"
#include "reconcile/config.h"

struct converge_options {
	struct apply_options apply;
	/* Another document, to be held once this one is in force; NULL: none. */
	const char *hold, *hold_reason;
	bool try_held; /* also a document that a rollback holds */
	unsigned lock_seconds; /* how long to wait for another run */
};

/*
 * Lock, read the record, apply, store the generation, write the status file,
 * unlock. c is valid. Returns as apply() does; -ECANCELED: the document is
 * held after a rollback and was not tried.
 */
int converge(struct host *h, struct config *c, const struct converge_options *o,
	struct outcome *out, struct error *e);

#endif
