/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a port gets back what was taken of it. */
#include "net/announce.h"
#include "net/takeover.h"
#include "reconcile/record.h"

static void give(struct mover *m, const struct address *a, const struct address_place *to)
{
	struct address_place place = *to;

	/* As the bridge has it. */
	if (a->current && m->bridge) {
		place.age = 0;
		place.from = m->bridge->name;
	}
	put_address(m, a, &place);
}

/*
 * In the kernel's order on the new link too: IPv4 addresses line up behind each other, IPv6
 * ones before. The first is the one the host speaks from.
 */
static void put_addresses(
	struct mover *m, const struct address *v, size_t n, const struct address_place *to)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].cidr.ip.family == AF_INET)
			give(m, &v[i], to);
	for (size_t i = n; i-- > 0;)
		if (v[i].cidr.ip.family == AF_INET6)
			give(m, &v[i], to);
}

static void put_routes(struct mover *m, const struct taken *t, const struct link *to)
{
	for (int via = 0; via <= 1; via++)
		for (size_t i = 0; i < t->n_routes; i++)
			if (t->routes[i].via == (via == 1))
				put_route(m, t, &t->routes[i], to);
}

/* What was taken is still with the bridge, or nowhere: else it was given back already. */
static bool still_taken(const struct mover *m, const struct taken *t, const struct link *port)
{
	if (m->within && port->master == m->within->index)
		return true;
	for (size_t i = 0; i < t->n_addrs; i++)
		if (on_bridge(m, &t->addrs[i].cidr))
			return true;
	return !address_next(m->all, m->n_all, port->index, NULL);
}

/* Somebody prolonged it meanwhile: the bridge knows better how long it lasts. */
static void refresh(struct mover *m, struct taken *t)
{
	for (size_t i = 0; m->bridge && i < t->n_addrs; i++) {
		const struct address *now =
			address_find(m->all, m->n_all, m->bridge->index, &t->addrs[i].cidr);

		if (!now || !t->addrs[i].dynamic || !now->dynamic)
			continue;
		t->addrs[i].message = now->message;
		t->addrs[i].current = true;
	}
}

/* The document's own or another port's: it stays where it is. */
static bool stays(struct mover *m, const char *port, const struct cidr *c)
{
	const char *name;
	struct taken t;

	if (given_has(m->h, m->id, c))
		return true;
	for (size_t i = 0; (name = taken_port(m->h, m->id, i)); i++)
		for (size_t k = 0;
			!streq(name, port) && taken_read(m->h, m->id, name, &t) && k < t.n_addrs;
			k++)
			if (address_equal(&t.addrs[k].cidr, c))
				return true;
	return false;
}

/*
 * The bridge's copies. All addresses once more: IPv6 ones go back to how they were marked, and who
 * takes a port that leaves its bridge for a link that went (systemd-resolved) hears what it has.
 */
static void empty_bridge(
	struct mover *m, const struct taken *t, const struct link *port, uint32_t age)
{
	const struct address_place back = { port->index, port->name, port->name, age, false };

	drop_policies(m, t, m->bridge ? m->bridge->name : strchr(m->id, '/') + 1);
	if (m->bridge) {
		drop_routes(m, t, m->bridge);
		drop_neighs(m, t, m->bridge);
	}
	for (size_t i = t->n_addrs; i-- > 0;) {
		if (on_bridge(m, &t->addrs[i].cidr) && !stays(m, t->port, &t->addrs[i].cidr))
			drop_address(m, &t->addrs[i], m->bridge);
		give(m, &t->addrs[i], &back);
	}
}

static void put_all(struct mover *m, const struct taken *t, const struct link *port, uint32_t age)
{
	const struct address_place to = { port->index, port->name, port->name, age, true };

	put_addresses(m, t->addrs, t->n_addrs, &to);
	put_routes(m, t, port);
	put_neighs(m, t, port);
	put_policies(m, t, port->name);
}

/*
 * Out of a bridge, which passes nothing of a port on its way out: answers go by the port before
 * that, while questions still come by the bridge. So what comes in the moment after has an answer.
 */
static void leave_bridge(struct mover *m, const struct taken *t, const struct link *port)
{
	if (m->bridge == m->within)
		drop_routes(m, t, m->bridge);
	put_master(m, port, NULL, t->mtu, t->up);
}

static void hand_back(struct mover *m, struct taken *t, const struct link *port)
{
	bool bond = is_bond(m->within), in = m->within && port->master == m->within->index;
	uint32_t age = taken_age(m->h, t);

	refresh(m, t);
	if (!bond)
		put_all(m, t, port, age);
	if (!bond && in)
		hint_neighs(m, m->within, port);
	netlink_flush(m->nl);
	if (m->e->code)
		return;
	if (!bond && in)
		leave_bridge(m, t, port);
	else if (in)
		put_master(m, port, NULL, t->mtu, t->up);
	/* On its way out of a bond a port goes down, and loses what it had. */
	if (bond)
		put_all(m, t, port, age);
	netlink_flush(m->nl);
	if (m->e->code)
		return;
	empty_bridge(m, t, port, age);
	netlink_flush(m->nl);
	give_names(m, t, port);
}

/* The resource whose link took the bond, and so what the bond had; NULL: it is still there. */
static const char *moved_on(const struct mover *m)
{
	const char *id = is_bond(m->within) ? taken_by(m->h, m->within->name) : NULL;
	const struct link *l = id ? links_name(m->ls, strchr(id, '/') + 1) : NULL;

	return l && l->index == m->within->master ? id : NULL;
}

static bool has_text(const struct taken *t, const char *text)
{
	for (size_t i = 0; i < t->n_routes; i++)
		if (streq(t->routes[i].text, text))
			return true;
	for (size_t i = 0; i < t->n_neighs; i++)
		if (streq(t->neighs[i].text, text))
			return true;
	return false;
}

/* It is not to give to the bond what the bond's port has back. */
static int drop_from(struct mover *m, const char *id, const struct taken *gone)
{
	struct taken t, left;

	if (!taken_read(m->h, id, m->within->name, &t))
		return 0;
	left = t;
	left.n_addrs = left.n_routes = left.n_neighs = left.n_policies = 0;
	for (size_t i = 0; i < t.n_addrs; i++) {
		bool back = false;

		for (size_t k = 0; k < gone->n_addrs && !back; k++)
			back = address_equal(&t.addrs[i].cidr, &gone->addrs[k].cidr);
		if (!back)
			left.addrs[left.n_addrs++] = t.addrs[i];
	}
	for (size_t i = 0; i < t.n_routes; i++)
		if (!has_text(gone, t.routes[i].text))
			left.routes[left.n_routes++] = t.routes[i];
	for (size_t i = 0; i < t.n_neighs; i++)
		if (!has_text(gone, t.neighs[i].text))
			left.neighs[left.n_neighs++] = t.neighs[i];
	for (size_t i = 0; i < t.n_policies; i++)
		if (!taken_has_policy(gone, gone->port, &t.policies[i], t.port))
			left.policies[left.n_policies++] = t.policies[i];
	return taken_write(m->h, id, &left, m->e);
}

/* The one that was taken, also where it or another card has a new name meanwhile. */
static const struct link *find_taken(const struct mover *m, const struct taken *t, const char *name)
{
	const struct link *l = links_index(m->ls, t->index);

	return l && m->within && l->master == m->within->index ? l : links_name(m->ls, name);
}

static int give_back(struct host *h, const char *id, const char *name, struct error *e)
{
	struct mover m = { .h = h, .id = id, .e = e };
	const char *on, *back = NULL;
	const struct link *port;
	bool carrier = false;
	struct taken t;
	int r;

	if (!taken_read(h, id, name, &t))
		return 0;
	r = mover_look(&m);
	if (r < 0)
		return r;
	port = find_taken(&m, &t, name);
	on = moved_on(&m);
	if (on)
		m.bridge = links_name(m.ls, strchr(on, '/') + 1);
	if (port && still_taken(&m, &t, port)) {
		back = arena_strdup(h->pass, port->name);
		carrier = port->carrier;
		hand_back(&m, &t, port);
	}
	if (on && !e->code)
		drop_from(&m, on, &t);
	links_forget(h);
	if (e->code)
		return e->code;
	if (back)
		announce(h, back, carrier);
	taken_drop(h, id, name);
	return record_save(h, e);
}

void ports_give_back(struct host *h, struct step *s)
{
	const struct ported *want = s->want;
	const char *name, *holder;

	for (size_t i = 0; !s->error.code && (name = taken_port(h, s->r->id, i));) {
		if (want && ported_wants(want, name)) {
			i++;
			continue;
		}
		name = arena_strdup(h->pass, name);
		if (give_back(h, s->r->id, name, &s->error) < 0)
			return;
	}
	for (size_t i = 0; want && !s->error.code && i < want->ports.n; i++) {
		name = LIST_AT(&want->ports, const char *, i);
		holder = taken_by(h, name);
		if (holder && !streq(holder, s->r->id))
			give_back(h, arena_strdup(h->pass, holder), name, &s->error);
	}
}
