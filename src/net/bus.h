/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system bus, for what this folder asks of daemons there: one connection for a run. */
#ifndef KVMHOST_NET_BUS_H
#define KVMHOST_NET_BUS_H

#include "base/sdbus.h"
#include "reconcile/host.h"

/* The connection stays the host's. */
int bus_get(struct host *h, sd_bus **bus, struct error *e);

#endif
