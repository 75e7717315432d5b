/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has a device node open, where the kernel has no other word for it. */
#ifndef KVMHOST_NODE_HOLDER_H
#define KVMHOST_NODE_HOLDER_H

#include "reconcile/host.h"
#include <sys/sysmacros.h>

/* Some process has it open. Costs a walk over all: only for what is about to be taken away. */
bool node_held(struct host *h, dev_t node);

#endif
