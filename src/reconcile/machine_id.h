/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's identity, of which addresses and UUIDs are made that nobody gave. */
#ifndef KVMHOST_MACHINE_ID_H
#define KVMHOST_MACHINE_ID_H

#include "reconcile/host.h"

/* The line of /etc/machine-id, which may be empty; read once in a pass. Lives until host_forget().
 */
int machine_id(struct host *h, const char **id);

#endif
