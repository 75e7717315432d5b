/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_CTL_APPLY_H
#define KVMHOST_CTL_APPLY_H

#include "ctl/ctl.h"
#include "reconcile/converge.h"

/* Converges as the options on the command line say, shows each step; the exit status. */
int ctl_apply(struct ctl *c, struct config *config, struct converge_options *o);

#endif
