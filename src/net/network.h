/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kind `network`: what its files share. */
#ifndef KVMHOST_NETWORK_H
#define KVMHOST_NETWORK_H

#include "net/link.h"
#include "net/net.h"

enum network_mode { NETWORK_NAT, NETWORK_ROUTED, NETWORK_ISOLATED };

struct network {
	struct obj obj;
	int mode; /* enum network_mode */
	const char *bridge;
	struct list addresses; /* of struct cidr */
	int64_t mtu;
	struct link_state state;
};

/* The network has this very address; n may be NULL. */
bool network_lists(const struct network *n, const struct cidr *c);

/* network_check.c: one network by itself, and all of them against each other. */
void network_check_values(const void *obj, struct diags *d);
void network_check(const struct resource *r, const struct wants *w, struct diags *d);

/* network_rules.c: the firewall rules and settings that networks need. */
void network_derive(const struct resource *r, struct wants *w);

/* network_apply.c */
void network_apply_all(struct host *h, struct step *const *steps, size_t n);
/*
 * Addresses on the link that the network does not want: its own bridge's go,
 * those on a bridge that was there before it stay.
 */
bool network_keeps_foreign(struct host *h, const struct step *s);

#endif
