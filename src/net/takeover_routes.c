/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes of ports lead through their bridge. */
#include "net/ported_routes.h"
#include "net/takeover.h"
#include <linux/rtnetlink.h>

/* With addresses that have an end the routes of the same lease come. */
static bool leads(const struct ported *want, const struct port *p)
{
	bool any = false;

	for (size_t i = 0; i < p->live.n_addrs; i++)
		any |= p->live.addrs[i].dynamic;
	switch (addressing_of(want)) {
	case ADDRESSING_NONE: return false;
	case ADDRESSING_DHCP: return any;
	default: return true;
	}
}

static bool has_ip(const struct taken *t, const struct ip *ip)
{
	for (size_t i = 0; i < t->n_addrs; i++) {
		const struct ip *other = &t->addrs[i].cidr.ip;

		if (other->family == ip->family && !memcmp(other->b, ip->b, sizeof(ip->b)))
			return true;
	}
	return false;
}

/*
 * With an address that the document does not list goes what speaks from it: the kernel drops such
 * routes, or would not take them. From a listed one they lead as well.
 */
static void put_led(struct mover *m, const struct ported *want, const struct taken *t,
	const struct route *r, const struct taken *there)
{
	struct route other;
	struct ip source;

	if (addressing_of(want) == ADDRESSING_LIST && route_ip(r, RTA_PREFSRC, &source) &&
		!has_ip(there, &source) && has_ip(t, &source)) {
		other = route_without_source(m->h->pass, r);
		r = &other;
	}
	put_route(m, t, r, m->bridge);
}

/* A route that the kernel makes with its address comes with the address, where that comes. */
static void lead_some(struct mover *m, const struct ported *want, const struct port *p, size_t n,
	const struct taken *there, bool via)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < p[i].t.n_routes; k++) {
			const struct route *r = &p[i].t.routes[k];

			if (r->via == via && leads(want, &p[i]) &&
				(addressing_of(want) != ADDRESSING_LIST || !r->kernel))
				put_led(m, want, &p[i].t, r, there);
		}
}

/* The ways to gateways first: network managers make them themselves, behind the others. */
void lead_routes(struct mover *m, const struct ported *want, const struct port *p, size_t n,
	const struct taken *there)
{
	lead_some(m, want, p, n, there, false);
	lead_some(m, want, p, n, there, true);
	for (size_t i = 0; i < n; i++)
		if (leads(want, &p[i]))
			put_neighs(m, &p[i].t, m->bridge);
}

void lead_lost(struct mover *m, const struct ported *want, const struct taken *there)
{
	struct lost *v;
	size_t n;

	if (routes_lost(m->h, m->id, m->bridge, want, &v, &n, m->e) < 0)
		return;
	for (int via = 0; via <= 1; via++)
		for (size_t i = 0; i < n; i++)
			if (v[i].route->via == (via == 1))
				put_led(m, want, &v[i].of, v[i].route, there);
}
