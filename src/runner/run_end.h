/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU has ended: how, why, and whether it is started again. */
#ifndef KVMHOST_RUN_END_H
#define KVMHOST_RUN_END_H

#include "runner/supervise.h"

/* From its wait status; returns the runner's exit status. */
int run_ended(struct runner *r, int status);
/* How often the kernel had killed in the unit for want of memory, when the guest began. */
void run_memory_begin(struct runner *r);

#endif
