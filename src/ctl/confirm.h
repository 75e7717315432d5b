/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_CTL_CONFIRM_H
#define KVMHOST_CTL_CONFIRM_H

#include "ctl/ctl.h"
#include "reconcile/apply.h"

/*
 * Waits until the change is confirmed or its time is over, and puts it back then. Returns the exit
 * status of apply.
 */
int ctl_await(struct ctl *c, struct config *config, const struct outcome *out);
/* A timer of systemd's puts the changes back if this process does not live to do it. */
void ctl_confirm_arm(unsigned seconds);
/* Of an apply that leaves nothing to be confirmed: its timer goes. */
void ctl_confirm_settled(struct ctl *c);
/*
 * A connection that is lost ends neither an apply in the middle nor the wait after it. SIGINT and
 * SIGTERM end it at once before the first change, with a word, and are asked for after it
 * (base/stop.h).
 */
void ctl_signals(void);

#endif
