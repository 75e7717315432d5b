/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the host is still reached when a bridge speaks for its card. The probe cannot tell: it
 * asks, and is answered, while who begins from outside is dropped.
 */
#ifndef KVMHOST_WAY_IN_H
#define KVMHOST_WAY_IN_H

#include "net/links.h"

/*
 * -EBUSY with a cure where a firewall of others lets in what comes by the card to a TCP port that
 * is listened at, and drops it for sure when it comes by the bridge. Costs a look at all rules.
 */
int way_in_check(struct host *h, const struct link *card, const struct links *ls,
	const char *bridge, struct error *e);

#endif
