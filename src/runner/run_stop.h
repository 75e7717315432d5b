/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest is asked to power off, told to, and switched off. */
#ifndef KVMHOST_RUN_STOP_H
#define KVMHOST_RUN_STOP_H

#include "runner/supervise.h"

#define RUN_START_TIMEOUT (120 * USEC_PER_SEC) /* QEMU may have much memory to set up */

/* SIGTERM came: the agent, else the power button; the second time QEMU is told to quit. */
void run_stop(struct runner *r);
/* r->deadline has passed. */
void run_overdue(struct runner *r);
/* QEMU is told to end, and killed where it does not. */
void run_quit(struct runner *r);
void run_kill(struct runner *r);

#endif
