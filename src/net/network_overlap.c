/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the machine has a network's addresses already, at somebody else's link. */
#include "net/network.h"
#include "base/strbuf.h"
#include "net/route_seen.h"
#include <linux/rtnetlink.h>

static bool same_network(const struct cidr *a, const struct cidr *b)
{
	return a->prefix == b->prefix && cidr_overlap(a, b);
}

static void add(struct host *h, struct overlaps *o, const struct cidr *own,
	const struct cidr *other, const struct link *l, bool route)
{
	*ARENA_PUSH(h->pass, o->v, o->n) = (struct overlap){
		.own = own,
		.link = l,
		.same = same_network(own, other),
		.wider = other->prefix < own->prefix,
		.route = route,
		.what = route ? arena_printf(h->pass, "the route %s leads through %s",
					cidr_text(h->pass, other), l->name)
			      : arena_printf(
					h->pass, "%s has %s", l->name, cidr_text(h->pass, other)),
	};
}

/* The kernel's own route, told by its address. */
static bool is_of_address(const struct links *ls, const struct link *l, const struct cidr *to)
{
	size_t n;
	const struct addr *a = links_addrs(ls, l->index, &n);

	for (size_t i = 0; i < n; i++)
		if (same_network(&a[i].cidr, to))
			return true;
	return false;
}

/* The default route overlaps everything. */
static bool counts(const struct route_seen *r)
{
	return r->table == RT_TABLE_MAIN && r->to.prefix && r->index;
}

int network_overlaps(struct host *h, const struct network *n, const struct links *ls,
	const struct link *bridge, struct overlaps *o, struct error *e)
{
	const struct route_seen *routes;
	size_t n_routes;
	int r = routes_get(h, &routes, &n_routes, e);

	*o = (struct overlaps){ 0 };
	if (r < 0)
		return r;
	for (size_t i = 0; i < n->addresses.n; i++) {
		const struct cidr *own = &LIST_AT(&n->addresses, struct cidr, i);
		const struct link *l;

		for (size_t k = 0; k < ls->n_addrs; k++)
			if (cidr_overlap(own, &ls->addrs[k].cidr) &&
				(l = links_index(ls, ls->addrs[k].index)) && l != bridge)
				add(h, o, own, &ls->addrs[k].cidr, l, false);
		for (size_t k = 0; routes && k < n_routes; k++)
			if (counts(&routes[k]) && cidr_overlap(own, &routes[k].to) &&
				(l = links_index(ls, routes[k].index)) && l != bridge &&
				!is_of_address(ls, l, &routes[k].to))
				add(h, o, own, &routes[k].to, l, true);
	}
	return 0;
}

static bool is_there(const struct links *ls, const struct link *bridge, const struct cidr *c)
{
	size_t n = 0;
	const struct addr *a = bridge ? links_addrs(ls, bridge->index, &n) : NULL;

	for (size_t i = 0; i < n; i++)
		if (same_network(&a[i].cidr, c))
			return true;
	return false;
}

static bool all_there(const struct network *n, const struct links *ls, const struct link *bridge)
{
	for (size_t i = 0; i < n->addresses.n; i++)
		if (!is_there(ls, bridge, &LIST_AT(&n->addresses, struct cidr, i)))
			return false;
	return true;
}

int network_check_free(struct host *h, const struct network *n, const struct links *ls,
	const struct link *bridge, struct error *e)
{
	struct overlaps o;
	int r;

	if (all_there(n, ls, bridge))
		return 0;
	r = network_overlaps(h, n, ls, bridge, &o, e);
	for (size_t i = 0; r >= 0 && i < o.n; i++) {
		const struct overlap *x = &o.v[i];

		/* What is ours goes where the document says, and no two have the same there. */
		if (!x->same || link_marked(x->link) || is_there(ls, bridge, x->own))
			continue;
		error_set(e, -EADDRINUSE,
			"%s cannot have %s: %s (%s), and one of the two would be reached by nobody",
			n->bridge, cidr_text(h->pass, x->own), x->what,
			link_describe(x->link, h->pass));
		return error_cure(e, "give %s other addresses, or take them from %s", n->obj.name,
			x->link->name);
	}
	return r;
}
