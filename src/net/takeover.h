/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ports come into a bridge and leave it without the host losing its way out.
 *
 * For an instant an address stands on both links: so it never stops being the
 * host's, and the kernel keeps connections and the routes that name it as
 * their source. Then the port changes hands, then the old place is emptied.
 * Each of the three is one exchange with the kernel, which no kill divides,
 * and what was taken is on disk before the first: whoever finds the work half
 * done, does it again or undoes it from there.
 */
#ifndef KVMHOST_TAKEOVER_H
#define KVMHOST_TAKEOVER_H

#include "net/ported.h"
#include "net/port.h"

struct mover {
	struct host *h;
	struct nl *nl;
	struct error *e;
	const struct links *ls;
	const struct address *all;
	size_t n_all;
	const char *id; /* of the bridge's resource */
	const struct link *within; /* whose ports they are; may be NULL when giving back */
	const struct link *bridge; /* the same, or the bridge that a bond's addresses moved on to */
	bool strict;
};

/* Looks at the machine anew; m has the host, the id and the error. */
int mover_look(struct mover *m);

/* What follows is queued; netlink_flush() sends it. */
void put_address(struct mover *m, const struct address *a, const struct address_place *to);
void drop_address(struct mover *m, const struct address *a, const struct link *from);
void drop_addresses(struct mover *m, const struct address *v, size_t n, const struct link *from);
/* A route of what was taken of a port, through another link. */
void put_route(
	struct mover *m, const struct taken *t, const struct route *r, const struct link *to);
void drop_routes(struct mover *m, const struct taken *t, const struct link *from);
void put_neighs(struct mover *m, const struct taken *t, const struct link *to);
/* Whom the kernel knows by the one link it is to know by the other too. */
void hint_neighs(struct mover *m, const struct link *from, const struct link *to);
void drop_neighs(struct mover *m, const struct taken *t, const struct link *from);
/* bridge NULL: none any more. mtu 0: as it is. */
void put_master(
	struct mover *m, const struct link *port, const struct link *bridge, uint32_t mtu, bool up);

/* takeover_port.c: a wanted port that is there. */
struct port {
	const struct link *link;
	struct taken t;
	struct taken live; /* what it has itself */
	bool fresh; /* something of it is to be moved */
};

/* Of p->link: fills the rest, and writes down what is to be taken. */
int port_capture(struct mover *m, struct port *p);
bool taken_has(const struct taken *t, const struct cidr *c);

/* takeover_ipv6.c: how much of it the port speaks. */
enum port_ipv6 ipv6_of(struct host *h, const struct link *port, const struct taken *live);
/* A bridge of ours speaks as much. used: it is to have addresses of IPv6. */
void lead_ipv6(
	struct mover *m, const struct ported *want, const struct port *p, size_t n, bool used);

/* takeover_routes.c: of the ports; there: the addresses that the bridge is to have. */
void lead_routes(struct mover *m, const struct ported *want, const struct port *p, size_t n,
	const struct taken *there);
/* Those alone that were taken and went. */
void lead_lost(struct mover *m, const struct ported *want, const struct taken *there);

/* takeover_settings.c: what somebody set for the port alone. */
void lead_settings(struct mover *m, const struct ported *want, const struct port *p, size_t n);

/* takeover_policy.c: rules of the port, its addresses and its routes, into live. */
int policies_of(struct mover *m, const struct link *port, struct taken *live);
/* The rule among those of t, whose port has that name, as another link's. */
bool taken_has_policy(
	const struct taken *t, const char *name, const struct policy *p, const char *p_name);
void put_policies(struct mover *m, const struct taken *t, const char *to);
/* Those alone that name the link. */
void drop_policies(struct mover *m, const struct taken *t, const char *from);

/* takeover_names.c: what systemd-resolved was told of the port. */
int names_read(struct mover *m, const struct link *port, struct resolvers *out);
/* It is told the same of the bridge, where it knows nothing of that. */
void lead_names(struct mover *m, const struct ported *want, const struct port *p, size_t n);
/* And of the port again, which has left the bridge. */
void give_names(struct mover *m, const struct taken *t, const struct link *port);

bool is_bond(const struct link *l);

bool on_bridge(const struct mover *m, const struct cidr *c);

#endif
