/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How ports come into a bridge, and what is on the bridge then. */
#include "net/announce.h"
#include "net/link_wait.h"
#include "net/manager.h"
#include "net/takeover.h"
#include "net/ported_routes.h"
#include "reconcile/record.h"
#include <net/if.h>

/* What is to be on the bridge, and what of it is new. */
struct target {
	struct address *v;
	size_t n;
};

static void target_add(struct mover *m, struct target *t, const struct address *a)
{
	for (size_t i = 0; i < t->n; i++)
		if (address_equal(&t->v[i].cidr, &a->cidr))
			return;
	*ARENA_PUSH(m->h->pass, t->v, t->n) = *a;
}

static bool target_has(const struct target *t, const struct cidr *c)
{
	for (size_t i = 0; i < t->n; i++)
		if (address_equal(&t->v[i].cidr, c))
			return true;
	return false;
}

static bool target_has_ipv6(const struct target *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].cidr.ip.family == AF_INET6)
			return true;
	return false;
}

static struct target find_target(
	struct mover *m, const struct ported *want, const struct port *p, size_t n)
{
	enum addressing mode = addressing_of(want);
	struct target t = { 0 };

	for (size_t i = 0; mode == ADDRESSING_INHERIT && i < n; i++)
		for (size_t k = 0; k < p[i].t.n_addrs; k++)
			target_add(m, &t, &p[i].t.addrs[k]);
	/* What a lease gave the card carries the host until the bridge has a lease of its own. */
	for (size_t i = 0; mode == ADDRESSING_DHCP && i < n; i++)
		for (size_t k = 0; k < p[i].live.n_addrs; k++)
			if (p[i].live.addrs[k].dynamic)
				target_add(m, &t, &p[i].live.addrs[k]);
	for (size_t i = 0; mode == ADDRESSING_LIST && i < want->addressing.n; i++) {
		const struct address a =
			address_plain(m->h->pass, &LIST_AT(&want->addressing, struct cidr, i));

		target_add(m, &t, &a);
	}
	return t;
}

static bool ours(struct mover *m, const struct port *p, size_t n, const struct address *a,
	enum addressing mode)
{
	bool mine = given_has(m->h, m->id, &a->cidr);

	/* The client's: it may well get the address that the card once had. */
	if (mode == ADDRESSING_DHCP && leased(m->h, m->id))
		return false;
	for (size_t i = 0; i < n; i++)
		mine |= taken_has(&p[i].t, &a->cidr);
	return mine ||
	       (m->strict && !a->dynamic && mode != ADDRESSING_INHERIT && mode != ADDRESSING_DHCP);
}

/* Returns whether any went. */
static bool drop_others(struct mover *m, const struct ported *want, const struct port *p, size_t n,
	const struct target *t)
{
	enum addressing mode = addressing_of(want);
	struct address *go = NULL;
	const struct address *a = NULL;
	size_t n_go = 0;

	while ((a = address_next(m->all, m->n_all, m->bridge->index, a)))
		if (!target_has(t, &a->cidr) && ours(m, p, n, a, mode))
			*ARENA_PUSH(m->h->pass, go, n_go) = *a;
	drop_addresses(m, go, n_go, m->bridge);
	for (size_t i = 0; i < n && (mode == ADDRESSING_NONE || (mode == ADDRESSING_DHCP && n_go));
		i++) {
		drop_routes(m, &p[i].t, m->bridge);
		drop_neighs(m, &p[i].t, m->bridge);
	}
	return n_go > 0;
}

static uint32_t age_for(struct mover *m, const struct port *p, size_t n, const struct address *a)
{
	for (size_t i = 0; i < n; i++)
		if (taken_has(&p[i].t, &a->cidr) && !taken_has(&p[i].live, &a->cidr) && p[i].t.at)
			return taken_age(m->h, &p[i].t);
	return 0;
}

/* The port whose address it is, for the label; NULL: the document's. */
static const char *origin_of(const struct port *p, size_t n, const struct address *a)
{
	for (size_t i = 0; i < n; i++)
		if (taken_has(&p[i].t, &a->cidr))
			return p[i].link->name;
	return NULL;
}

static void put_target(struct mover *m, const struct port *p, size_t n, const struct target *t,
	bool all, bool at_once)
{
	for (size_t i = 0; i < 2 * t->n; i++) {
		bool v6 = i >= t->n;
		const struct address *a = &t->v[v6 ? 2 * t->n - 1 - i : i];
		const char *from = origin_of(p, n, a);
		const struct address_place to = { m->bridge->index, m->bridge->name, from,
			age_for(m, p, n, a), at_once && from };

		if ((a->cidr.ip.family == AF_INET6) == v6 && (all || !on_bridge(m, &a->cidr)))
			put_address(m, a, &to);
	}
}

static bool any_fresh(const struct port *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i].fresh)
			return true;
	return false;
}

static bool any_absent(const struct mover *m, const struct target *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!on_bridge(m, &t->v[i].cidr))
			return true;
	return false;
}

/* The kernel says no more than that it is busy. */
static void explain(const struct mover *m)
{
	if (m->e->code == -EBUSY)
		error_cure(m->e, "something else takes what it receives, such as a macvlan of a "
				 "container or Open vSwitch: remove that, or name another port");
	/* IFF_DONT_BRIDGE: an access point takes frames of its station's own address alone. */
	if (m->e->code == -EOPNOTSUPP && !is_bond(m->bridge))
		error_cure(m->e,
			"a wireless card that is a station cannot be a port: name a wired "
			"one, or write networks: with mode: nat or routed, which go out by it");
}

/* The card goes on sending until the bridge can, which has its carrier of it a moment later. */
static void bring_in(struct mover *m, const struct ported *want, struct port *p, size_t n)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		bool new = p[i].link->master != m->bridge->index;
		uint32_t mtu = obj_has(want, "mtu") && p[i].link->mtu < (uint64_t)want->mtu
				       ? (uint32_t)want->mtu
				       : 0;

		if (new && !is_bond(m->bridge))
			hint_neighs(m, p[i].link, m->bridge);
		if (new || mtu || !(p[i].link->flags & IFF_UP))
			put_master(m, p[i].link, m->bridge, mtu, true);
		any |= new;
	}
	netlink_flush(m->nl);
	explain(m);
	if (any && !is_bond(m->bridge))
		link_await_running(m->bridge->name);
}

static void move(struct mover *m, const struct ported *want, struct port *p, size_t n)
{
	struct target t = find_target(m, want, p, n);
	bool gone = drop_others(m, want, p, n, &t);
	const struct taken there = { .addrs = t.v, .n_addrs = t.n };

	lead_ipv6(m, want, p, n, target_has_ipv6(&t));
	lead_settings(m, want, p, n);
	put_target(m, p, n, &t, gone, true);
	if (gone || any_fresh(p, n) || any_absent(m, &t))
		lead_routes(m, want, p, n, &there);
	else
		lead_lost(m, want, &there);
	for (size_t i = 0; moves_along(m->bridge, want) && i < n; i++)
		put_policies(m, &p[i].t, m->bridge->name);
	netlink_flush(m->nl);
	if (m->e->code && addressing_of(want) == ADDRESSING_LIST)
		error_cure(m->e, "list an address that reaches the gateway, or delete the route");
	if (!m->e->code)
		bring_in(m, want, p, n);
	for (size_t i = 0; !m->e->code && i < n; i++) {
		drop_addresses(m, p[i].live.addrs, p[i].live.n_addrs, p[i].link);
		drop_neighs(m, &p[i].live, p[i].link);
		if (p[i].fresh)
			drop_routes(m, &p[i].t, p[i].link);
		if (moves_along(m->bridge, want))
			drop_policies(m, &p[i].live, p[i].link->name);
	}
	/* IPv6 addresses are there; asked again without the word, they do not carry it. */
	if (!m->e->code && (gone || any_fresh(p, n) || any_absent(m, &t)))
		put_target(m, p, n, &(struct target){ t.v, t.n }, true, false);
	netlink_flush(m->nl);
	if (!m->e->code)
		lead_names(m, want, p, n);
}

static void write_given(struct mover *m, const struct ported *want, bool keep)
{
	static const struct list none = { .v = NULL };

	given_write(m->h, m->id, addressing_of(want) == ADDRESSING_LIST ? &want->addressing : &none,
		keep);
}

static void take_ports(struct mover *m, const struct resource *r, const struct ported *want)
{
	struct port *p = arena_alloc(m->h->pass, (want->ports.n + 1) * sizeof(*p));
	size_t n = 0;

	for (size_t i = 0; i < want->ports.n; i++) {
		p[n].link = port_find(m->h, r, m->ls, LIST_AT(&want->ports, const char *, i), NULL);
		if (!p[n].link)
			continue;
		if (port_capture(m, &p[n]) < 0)
			return;
		/* What it had before has moved on with the bond. */
		if (m->bridge->master) {
			p[n].t.addrs = p[n].live.addrs;
			p[n].t.n_addrs = p[n].live.n_addrs;
			p[n].t.routes = p[n].live.routes;
			p[n].t.n_routes = p[n].live.n_routes;
			p[n].t.neighs = p[n].live.neighs;
			p[n].t.n_neighs = p[n].live.n_neighs;
			p[n].t.policies = p[n].live.policies;
			p[n].t.n_policies = p[n].live.n_policies;
			p[n].t.index = p[n].link->index;
		}
		n++;
	}
	write_given(m, want, true);
	if (record_save(m->h, m->e) < 0)
		return;
	move(m, want, p, n);
	if (m->e->code)
		return;
	write_given(m, want, false);
	leased_write(m->h, m->id, addressing_of(want) == ADDRESSING_DHCP);
}

/* A card that is being set up has its address before its way out: half of it would be taken. */
static void await_managers(struct host *h, const struct resource *r, const struct ported *want)
{
	const struct link *l, *bridge;
	const struct links *ls;

	if (links_get(h, &ls, NULL) < 0)
		return;
	bridge = links_name(ls, r->name);
	for (size_t i = 0; i < want->ports.n; i++) {
		l = port_find(h, r, ls, LIST_AT(&want->ports, const char *, i), NULL);
		if (l && !(bridge && l->master == bridge->index))
			managers_await(h, l);
	}
}

void ports_take(struct host *h, struct step *s)
{
	struct mover m = { .h = h, .id = s->r->id, .e = &s->error };
	const struct ported *want = s->want;

	m.strict = h->record && record_has(h, s->r->id) && record_made(h, s->r->id);
	if (!want->ports.n && addressing_of(want) == ADDRESSING_INHERIT && !given_any(h, s->r->id))
		return;
	await_managers(h, s->r, want);
	if (mover_look(&m) < 0)
		return;
	if (m.bridge)
		take_ports(&m, s->r, want);
	links_forget(h);
	if (m.bridge && !s->error.code)
		announce(h, s->r->name, false);
}
