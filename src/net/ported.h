/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What bridges and bonds have in common: a link that takes others as its ports, with the addresses
 * and routes that these have.
 */
#ifndef KVMHOST_PORTED_H
#define KVMHOST_PORTED_H

#include "net/link.h"
#include "net/net.h"

/* The members that their structs begin with, which are a struct ported too. */
#define PORTED_MEMBERS \
	struct obj obj; \
	struct list ports; /* of const char * */ \
	struct list addressing; /* of struct cidr; a word has no family */ \
	int64_t mtu; \
	struct mac mac; \
	struct link_state state

struct ported {
	PORTED_MEMBERS;
};
#define PORTED \
	union { \
		struct { \
			PORTED_MEMBERS; \
		}; \
		struct ported ported; \
	}

enum addressing { ADDRESSING_LIST, ADDRESSING_INHERIT, ADDRESSING_NONE, ADDRESSING_DHCP };

/* ported.c: the type of an item of `addressing`, and what documents may not say. */
extern const struct type type_addressing;
enum addressing addressing_of(const struct ported *p);
void addressing_set(struct ported *p, struct arena *a, enum addressing word);
void ported_check_values(const struct ported *p, struct diags *d);
bool ported_wants(const struct ported *p, const char *name);

/*
 * ported_observe.c: the link of the resource, *l NULL where there is none: one that another
 * resource of ours made (a network's) is for the taking. An error also where its addresses are to
 * come by DHCP and no client is there.
 */
int ported_link(struct host *h, const struct resource *r, const struct links **ls,
	const struct link **l, struct error *e);
/*
 * Fills ports and addressing as far as they are the document's or ours; ports
 * of others are none of our business. An error where a wanted port cannot be taken.
 */
int ported_observe(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *link, struct ported *have, struct error *e);
/* port_refuse.c: an error where the link cannot be a port of the resource, else 0. bridge: the
 * resource's link, may be NULL. */
int port_refuse(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, const struct link *port, struct error *e);
/* port_reach.c: an error where the gateway of a route of the port is reached by no address that the
 * document lists for the resource. */
int port_reach(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, const struct link *port, struct error *e);
/*
 * The link of that name, or NULL: where there is none, and where another card has the name now,
 * while the one that the resource took is still its port under a new one. *why may be NULL.
 */
const struct link *port_find(struct host *h, const struct resource *r, const struct links *ls,
	const char *port, const char **why);
/* The wanted port is not there, and nothing in the document will make it. */
bool port_missing(struct host *h, const struct resource *r, const struct links *ls,
	const char *port, const char **why);
/* Those that are there, or will be; *awaited: what the first of the others waits for, or NULL. */
struct list ports_present(struct host *h, const struct resource *r, const struct links *ls,
	const struct list *ports, const char **awaited);
/* -EBUSY when the link holds a port that is not for kvmhost to give back. */
int ports_foreign(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *link, struct error *e);

/* What its ports had is the link's now: addresses, routes and what goes along with them. */
bool moves_along(const struct link *l, const struct ported *p);
/* takeover_policy.c: a rule that was taken of a port and is not there, its text into *out. */
int policies_lost(struct host *h, const char *id, const struct link *bridge,
	const struct ported *ref, const char **out, struct error *e);
/* takeover_names.c: systemd-resolved was told nothing of the link, and of a port that was taken it
 * was. */
bool names_lost(
	struct host *h, const char *id, const struct link *bridge, const struct ported *ref);

/* zone.c: the link is to have the zone in firewalld that its ports have. */
void zone_imply(const struct resource *r, struct wants *w);

/*
 * takeover_out.c: before links are made, changed or removed: ports that the step's link is to lose
 * get back what was taken of them. Ports that it is to have leave other links of ours.
 */
void ports_give_back(struct host *h, struct step *s);
/* takeover_in.c, afterwards: wanted ports come in, with their addresses and routes where these are
 * inherited. */
void ports_take(struct host *h, struct step *s);

#endif
