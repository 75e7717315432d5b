/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a port has, and what the record says was taken of it before. */
#include "net/takeover.h"
#include <net/if.h>

static int read_live(struct mover *m, struct port *p)
{
	const struct address *a = NULL;
	int r;

	while ((a = address_next(m->all, m->n_all, p->link->index, a)))
		*ARENA_PUSH(m->h->pass, p->live.addrs, p->live.n_addrs) = *a;
	r = routes_read(
		m->nl, m->h->pass, p->link->index, &p->live.routes, &p->live.n_routes, m->e);
	if (r >= 0)
		r = policies_of(m, p->link, &p->live);
	p->live.port = p->link->name;
	if (r >= 0)
		r = neighs_read(m->nl, m->h->pass, p->link->index, NEIGHS_PERMANENT,
			&p->live.neighs, &p->live.n_neighs, m->e);
	return r < 0 ? r
		     : neighs_read(m->nl, m->h->pass, p->link->index, NEIGHS_PROXY, &p->live.neighs,
			       &p->live.n_neighs, m->e);
}

bool taken_has(const struct taken *t, const struct cidr *c)
{
	for (size_t i = 0; i < t->n_addrs; i++)
		if (address_equal(&t->addrs[i].cidr, c))
			return true;
	return false;
}

static bool has_route(const struct taken *t, const struct route *r)
{
	for (size_t i = 0; i < t->n_routes; i++)
		if (streq(t->routes[i].text, r->text))
			return true;
	return false;
}

static bool has_neigh(const struct taken *t, const struct neigh *n)
{
	for (size_t i = 0; i < t->n_neighs; i++)
		if (streq(t->neighs[i].text, n->text))
			return true;
	return false;
}

/*
 * An address that a cut-off giving back had put on the port may have no duplicate address
 * detection yet: the record knows how it was.
 */
static const struct address *marked_as_before(const struct address *a, const struct taken *before)
{
	for (size_t i = 0; before && !a->dynamic && i < before->n_addrs; i++)
		if (address_equal(&before->addrs[i].cidr, &a->cidr))
			return &before->addrs[i];
	return a;
}

/*
 * What the record says was taken counts where the bridge still has some of it, or where the port
 * has nothing of its own (the bridge was deleted, or the machine booted). Otherwise somebody set
 * up the port anew, and the record is history.
 */
static void merge(struct mover *m, struct port *p, const struct taken *before)
{
	bool whole = !p->live.n_addrs;

	for (size_t i = 0; i < before->n_addrs; i++)
		whole |= on_bridge(m, &before->addrs[i].cidr);
	p->t.addrs = NULL;
	p->t.n_addrs = 0;
	for (size_t i = 0; i < p->live.n_addrs; i++)
		*ARENA_PUSH(m->h->pass, p->t.addrs, p->t.n_addrs) =
			*marked_as_before(&p->live.addrs[i], whole ? before : NULL);
	p->t.routes = p->live.routes;
	p->t.n_routes = p->live.n_routes;
	for (size_t i = 0; whole && i < before->n_addrs; i++)
		if (!taken_has(&p->live, &before->addrs[i].cidr))
			*ARENA_PUSH(m->h->pass, p->t.addrs, p->t.n_addrs) = before->addrs[i];
	for (size_t i = 0; whole && i < before->n_routes; i++)
		if (!has_route(&p->live, &before->routes[i]))
			*ARENA_PUSH(m->h->pass, p->t.routes, p->t.n_routes) = before->routes[i];
	p->t.neighs = p->live.neighs;
	p->t.n_neighs = p->live.n_neighs;
	for (size_t i = 0; whole && i < before->n_neighs; i++)
		if (!has_neigh(&p->live, &before->neighs[i]))
			*ARENA_PUSH(m->h->pass, p->t.neighs, p->t.n_neighs) = before->neighs[i];
	p->t.policies = p->live.policies;
	p->t.n_policies = p->live.n_policies;
	for (size_t i = 0; whole && i < before->n_policies; i++)
		if (!taken_has_policy(&p->live, p->link->name, &before->policies[i], before->port))
			*ARENA_PUSH(m->h->pass, p->t.policies, p->t.n_policies) =
				before->policies[i];
	p->t.names = whole && !resolvers_any(&p->live.names) ? before->names : p->live.names;
}

int port_capture(struct mover *m, struct port *p)
{
	struct taken before = { 0 };
	bool known = taken_read(m->h, m->id, p->link->name, &before);
	bool in = p->link->master == m->bridge->index;
	int r = read_live(m, p);

	if (r < 0)
		return r;
	p->t = before;
	p->fresh = !in || p->live.n_addrs || p->live.n_routes;
	/* One that was in the bridge before us, without addresses: nothing is taken of it. */
	if (!p->fresh)
		return 0;
	r = names_read(m, p->link, &p->live.names);
	if (r < 0)
		return r;
	merge(m, p, &before);
	p->t.port = p->link->name;
	p->t.index = p->link->index;
	if (p->live.n_addrs || !known)
		taken_now(m->h, &p->t);
	/* One that came late was down; who gave it addresses since wants it up. */
	p->t.up = known ? before.up || p->live.n_addrs : p->link->flags & IFF_UP;
	/* What boots may have no say in it: its manager leaves it alone by then. */
	p->t.ipv6 = known && !p->live.n_addrs ? before.ipv6 : ipv6_of(m->h, p->link, &p->live);
	if (!known)
		p->t.mtu = p->link->mtu;
	return taken_write(m->h, m->id, &p->t, m->e);
}
