/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_REBOOT_H
#define KVMHOST_REBOOT_H

#include "reconcile/host.h"

/*
 * Tells, or no longer tells, others on Debian and Ubuntu that kvmhost waits for a reboot:
 * /run/reboot-required and our line in reboot-required.pkgs. What other packages said there stays.
 */
int reboot_tell(struct host *h, bool pending, struct error *e);

#endif
