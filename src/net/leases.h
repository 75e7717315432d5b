/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What networks have handed out: dnsmasq's lease files, which only root may read. */
#ifndef KVMHOST_LEASES_H
#define KVMHOST_LEASES_H

#include "net/dnsmasq.h"

struct lease {
	const char *mac; /* NULL: of IPv6 */
	struct ip ip;
	const char *name; /* NULL: the guest gave none */
	uint64_t expires; /* seconds since 1970, 0: never */
};

/* Those of the network; none where the file cannot be read. In the arena. */
void leases_read(struct host *h, struct arena *a, const char *network, struct lease **v, size_t *n);

/*
 * Why its holder has no use of it with that configuration, or somebody else who is to have the
 * address none: "it is of no subnet of the network", "the document gives it to web1". NULL: all is
 * well, or it has expired. In the arena.
 */
const char *lease_trouble(
	const struct lease *l, const struct dnsmasq *d, uint64_t now, struct arena *a);

/*
 * [{"name": "default", "leases": [{"mac", "address", "name", "expires", "trouble"}]}] of every
 * network that serves addresses; the caller's. trouble: lease_trouble() with what the running
 * dnsmasq was told, or null.
 */
json_t *network_leases(struct host *h);

#endif
