/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests' interfaces that are an address of their own on a link of the host's. */
#ifndef KVMHOST_GUEST_MACVTAP_H
#define KVMHOST_GUEST_MACVTAP_H

#include "reconcile/kind.h"
#include "runner/spec.h"

/* What stands elsewhere in the document against it. */
void guest_macvtap_check(const struct resource *guest, const struct wants *w, struct diags *d);
/* The link that interface i needs. */
void guest_macvtap_derive(const struct resource *guest, size_t i, struct wants *w);

#endif
