/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guests' directories hold, read by a thread while the document is (reconcile/ahead.h): a
 * plan of hundreds of guests opens as many files and finds as many missing.
 */
#ifndef KVMHOST_GUEST_AHEAD_H
#define KVMHOST_GUEST_AHEAD_H

#include "reconcile/host.h"

/* Texts are the host's for this pass; NULL: there is no such file, or it could not be read. */
struct guest_ahead {
	const char *spec, *started;
	size_t spec_len, started_len;
	bool held;
	bool recorded; /* there is a FILE_STATE */
};

extern const struct handle guest_ahead_handle;
/* The part's look: of all guests. */
void guest_look_ahead(struct host *h);

/* NULL where nobody looked ahead: who asks looks for himself. */
const struct guest_ahead *guest_seen_ahead(struct host *h, const char *name);

#endif
