/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom the host asks for names by a link, as systemd-resolved knows it. What is told to it by its
 * bus outlives a restart of it and goes with the link; a network manager tells it of the links that
 * it has in hand, and of no others.
 */
#ifndef KVMHOST_RESOLVERS_H
#define KVMHOST_RESOLVERS_H

#include "config/type.h"
#include "reconcile/host.h"

struct resolvers {
	struct list servers; /* struct ip */
	struct list domains; /* const char *; "~example.net": asked there, and not searched */
	bool only_domains; /* to be told: nothing else is asked there; not read */
};

bool resolvers_any(const struct resolvers *d);
/* Whether it runs: 1, 0, or a negative errno. */
int resolvers_asked(struct host *h, struct error *e);
/* Of the link with the number; nothing where it knows of none. In h->pass. */
int resolvers_get(struct host *h, int index, struct resolvers *out, struct error *e);
/* NULL: what it was told is taken back. -EBUSY: networkd has the link in hand. */
int resolvers_tell(struct host *h, int index, const struct resolvers *d, struct error *e);
/* It was told of the link, by whomever but networkd. Costs a look at a file. */
bool resolvers_told(struct host *h, int index);

#endif
