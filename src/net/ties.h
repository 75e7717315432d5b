/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others have bound to a card by its name, and what ends when the card is a port: packets come
 * in by the bridge or bond from then on. And networks that have addresses of a card's network.
 */
#ifndef KVMHOST_TIES_H
#define KVMHOST_TIES_H

#include "reconcile/kind.h"

struct tie {
	const char *card;
	const char *link; /* the bridge or bond that speaks for it */
	const char *what; /* "chain INPUT of the iptables table filter has 2 rules for eth0, ..." */
	const char *cure;
};

/*
 * Of the ports of the document that are there. to_come: of those alone that are not ports yet;
 * nothing is read where there are none. In h->pass.
 */
int ties(struct host *h, const struct wants *w, bool to_come, struct tie **v, size_t *n,
	struct error *e);

#endif
