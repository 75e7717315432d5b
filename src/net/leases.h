/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What networks have handed out: dnsmasq's lease files. */
#ifndef KVMHOST_LEASES_H
#define KVMHOST_LEASES_H

#include "reconcile/host.h"
#include <jansson.h>

/*
 * [{"name": "default", "leases": [{"mac", "address", "name", "expires"}]}] of every network that
 * serves addresses; the caller's. mac: null for IPv6; name: null where the guest gave none;
 * expires: seconds since 1970, 0: never. Only root may read them: empty for others.
 */
json_t *network_leases(struct host *h);

#endif
