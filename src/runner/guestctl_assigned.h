/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a running guest has of the host's devices, in its status. */
#ifndef KVMHOST_GUESTCTL_ASSIGNED_H
#define KVMHOST_GUESTCTL_ASSIGNED_H

#include "runner/spec.h"

/* "devices": [{"name": "nic2", "address": "0000:02:00.0"}], "migratable": false; nothing without
 * any. */
void guestctl_add_assigned(const struct spec *started, json_t *record, json_t *out);

#endif
