/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Network changes that somebody must confirm. `apply --confirm 60s` leaves the
 * undo log in place with a time; until then `kvmhostctl confirm` keeps the
 * changes, after it they are put back: by the apply that waits, by a systemd
 * timer should that be gone, or by the next run of kvmhost after a crash or
 * power loss. The document is then held.
 */
#ifndef KVMHOST_CONFIRM_H
#define KVMHOST_CONFIRM_H

#include "reconcile/host.h"

/*
 * What every run begins with, under the lock and with the record loaded: what
 * an earlier apply left in the undo log is put back. -EBUSY: it still waits to
 * be confirmed.
 */
int confirm_recover(struct host *h, struct error *e);
/* Keeps the changes; their document is then in force. -ENOENT: nothing waits. */
int confirm_accept(struct host *h, struct error *e);
/* Puts them back now and holds the document. Returns how many resources; -ENOENT: nothing waits. */
int confirm_revert(struct host *h, const char *reason, struct error *e);

/* Says that nothing waits; -ENOENT. */
int confirm_nothing(struct error *e);

#endif
