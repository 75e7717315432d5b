/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostd seen from kvmhostctl, over the system bus. */
#ifndef KVMHOST_CTL_DAEMON_H
#define KVMHOST_CTL_DAEMON_H

#include "base/error.h"

/* The daemon's pid; -ESRCH: it does not run; other errors: the bus is away or refuses. */
int daemon_pid(struct error *e);
/* Reload and wait until the host has converged. *summary is the caller's. */
int daemon_reload(char **summary, struct error *e);

#endif
