/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Generated MAC addresses have 24 bits of their own: on a host of many guests
 * two can meet. Two declared ones are found by the engine (the row's claims);
 * where one is generated it is found here, before anything is started.
 */
#ifndef KVMHOST_GUEST_MACS_H
#define KVMHOST_GUEST_MACS_H

#include "base/strmap.h"
#include "reconcile/host.h"
#include "runner/spec.h"

/* Who has which address, by its text. */
struct guest_macs {
	struct strmap owners;
	bool loaded;
};
void guest_macs_free(struct guest_macs *m);

/* Notes the guest's addresses; -EADDRINUSE: another guest has one of them. Lives in h->pass. */
int guest_macs_take(struct host *h, struct guest_macs *m, const struct spec *s, struct error *e);

#endif
