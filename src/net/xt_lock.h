/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lock under which all writers of iptables tables change them. */
#ifndef KVMHOST_XT_LOCK_H
#define KVMHOST_XT_LOCK_H

#include "reconcile/host.h"

#define XT_LOCK_PATH "/run/xtables.lock"

/*
 * /run/xtables.lock, held by flock(2) as iptables(8) does since 1.8. Waits up
 * to `seconds`; then -EBUSY, naming the holder where /proc/locks tells. Returns
 * a descriptor; closing it frees the lock.
 */
int xt_lock(struct host *h, unsigned seconds, struct error *e);

#endif
