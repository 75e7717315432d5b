/* SPDX-License-Identifier: GPL-2.0-or-later */
/* host.rollback: who must still answer after a change of the network. */
#ifndef KVMHOST_PROBE_H
#define KVMHOST_PROBE_H

#include "config/obj.h"
#include "reconcile/guard.h"

/* What stands in an address of no family, in its first byte: a word instead of addresses. */
enum probe_word { PROBE_GATEWAY, PROBE_NONE };

struct rollback {
	struct obj obj;
	struct list probe; /* of struct ip; without a family an enum probe_word */
	uint64_t timeout; /* microseconds */
};
extern const struct table rollback_table; /* rollback.c */
/* The document's, or NULL where it says nothing of it: gateways, 30 s. schema.c */
const struct rollback *document_rollback(const void *document);

extern const struct guard network_guard;

#endif
