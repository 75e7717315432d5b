/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a bridge took of its ports, in the record ("kept" of bridge/NAME), so
 * that it can be given back whole, whatever happened in between:
 *
 *	{"ports": {"eth0": {"index": 2, "up": true, "mtu": 1500, "at": 1790000000,
 *	  "boot": "5a0d1e7e-...", "uptime": 12,
 *	  "addresses": [{"text": "203.0.113.2/24", "message": "..."}],
 *	  "routes": [{"text": "default via 203.0.113.1", "message": "..."}],
 *	  "neighbours": [{"text": "203.0.113.1 lladdr 52:54:00:...", "message": "..."}],
 *	  "rules": [{"text": "102: iif eth0 lookup 52", "message": "..."}],
 *	  "ipv6": "off", "servers": ["203.0.113.53"], "domains": ["example.net", "~example.org"]}},
 *	 "given": ["192.0.2.1/24"], "leased": true}
 *
 * A message is the kernel's own description, in hexadecimal digits.
 */
#ifndef KVMHOST_PORT_H
#define KVMHOST_PORT_H

#include "net/address.h"
#include "net/neigh.h"
#include "net/policy.h"
#include "net/resolvers.h"
#include "net/route.h"

enum port_ipv6 { IPV6_ON, IPV6_DEAF, IPV6_OFF }; /* deaf: to routers' advertisements */

struct taken {
	const char *port;
	int index; /* of the port when the routes led through it */
	bool up;
	uint32_t mtu;
	enum port_ipv6 ipv6;
	/* When the messages were true: in seconds since 1970, and since that boot; "": not known.
	 */
	uint64_t at, uptime;
	const char *boot;
	struct address *addrs;
	size_t n_addrs;
	struct route *routes;
	size_t n_routes;
	struct neigh *neighs;
	size_t n_neighs;
	struct policy *policies;
	size_t n_policies;
	struct resolvers names;
};

/* What the resource (its id, "bridge/br0") took of the port; false: nothing. In h->pass. */
bool taken_read(struct host *h, const char *id, const char *port, struct taken *out);
/* Its messages are true of this moment. */
void taken_now(struct host *h, struct taken *t);
/* Seconds since then; over a boot by the wall clock, which may have been set meanwhile. */
uint32_t taken_age(struct host *h, const struct taken *t);
/* The number that the port had then, 0: nothing was taken. */
int taken_index(struct host *h, const char *id, const char *port);
/* The i-th port that the resource has taken, or NULL. Borrowed. */
const char *taken_port(struct host *h, const char *id, size_t i);
/* The id of the resource that took the port, or NULL. Borrowed. */
const char *taken_by(struct host *h, const char *port);
/* -EINVAL when the record knows no such resource. Saved by record_save(). */
int taken_write(struct host *h, const char *id, const struct taken *t, struct error *e);
void taken_drop(struct host *h, const char *id, const char *port);

/* given.c: addresses of the document that the resource put on its bridge. */
bool given_any(struct host *h, const char *id);
bool given_has(struct host *h, const char *id, const struct cidr *c);
/* keep: those that were given before stay in the list. */
void given_write(struct host *h, const char *id, const struct list *cidrs, bool keep);

/* The bridge's addresses are a DHCP client's since it was last set up. */
bool leased(struct host *h, const char *id);
void leased_write(struct host *h, const char *id, bool yes);

#endif
