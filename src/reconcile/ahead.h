/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine is looked at by a second thread while the document is read. Each
 * part is looked at through a host of its own, with handles and an arena that
 * nobody else knows; whoever first asks the real host for the part's handle
 * waits for the end of that part and is given all of it, or looks for himself
 * where the thread has not come to it yet. What could not be read is asked for
 * again by who needs it, who then tells of the error.
 *
 * It only looks: nobody may change the machine before all of it is taken or
 * given up, which host_forget() does.
 */
#ifndef KVMHOST_AHEAD_H
#define KVMHOST_AHEAD_H

#include "reconcile/host.h"

enum { AHEAD_PARTS_MAX = 4 };

struct ahead_part {
	const struct handle *handle; /* what look fills */
	void (*look)(struct host *h);
};

/*
 * Begins to look, in this order, at what h will be asked in this order. Does
 * nothing where there is no second processor. parts: of static storage.
 */
void ahead_begin(struct host *h, const struct ahead_part *parts, size_t n);
/* For host_handle(): whether h was given what there was of the part. May wait. */
bool ahead_take(struct host *h, const struct handle *type);
/* Waits for the end of what is under way, and drops what nobody took. */
void ahead_end(struct host *h);

#endif
