/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What moves between a port and its bridge. */
#include "net/takeover.h"
#include <net/if.h>
#include <linux/rtnetlink.h>

int mover_look(struct mover *m)
{
	int r;

	links_forget(m->h);
	r = links_get(m->h, &m->ls, m->e);
	if (r >= 0)
		r = addresses_get(m->h, &m->all, &m->n_all, m->e);
	if (r >= 0)
		r = netlink_get(m->h, &m->nl, m->e);
	if (r >= 0)
		m->within = m->bridge = links_name(m->ls, strchr(m->id, '/') + 1);
	return r;
}

/* ---- one message each ---- */

/* NULL: nothing to say. */
static void queue(
	struct mover *m, struct nl_msg *msg, const char *what, const char *name, int ignore)
{
	if (msg)
		netlink_queue(m->nl, msg, (struct netlink_call){ what, name, ignore, m->e });
}

static const char *cidr_words(
	struct mover *m, const char *before, const struct cidr *c, const char *after)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	cidr_format(c, &text);
	return arena_printf(m->h->pass, "%s %s %s", before, sb_str(&text), after);
}

void put_address(struct mover *m, const struct address *a, const struct address_place *to)
{
	queue(m, address_add(a, to), cidr_words(m, "give", &a->cidr, "to"), to->name, EEXIST);
}

void drop_address(struct mover *m, const struct address *a, const struct link *from)
{
	queue(m, address_delete(a, from->index), cidr_words(m, "take", &a->cidr, "from"),
		from->name, EADDRNOTAVAIL);
}

/* With the first IPv4 address of a network the kernel drops the others: they go before it. */
void drop_addresses(struct mover *m, const struct address *v, size_t n, const struct link *from)
{
	for (size_t i = n; i-- > 0;)
		drop_address(m, &v[i], from);
}

static const char *route_words(struct mover *m, const struct route *r)
{
	return arena_printf(m->h->pass, "lead the route %s through", r->text);
}

void put_route(struct mover *m, const struct taken *t, const struct route *r, const struct link *to)
{
	queue(m, route_add(r, t->index, to->index, taken_age(m->h, t)), route_words(m, r), to->name,
		EEXIST);
}

void drop_routes(struct mover *m, const struct taken *t, const struct link *from)
{
	for (size_t i = 0; i < t->n_routes; i++)
		queue(m, route_delete(&t->routes[i], t->index, from->index),
			route_words(m, &t->routes[i]), "nowhere", ESRCH);
}

void put_neighs(struct mover *m, const struct taken *t, const struct link *to)
{
	for (size_t i = 0; i < t->n_neighs; i++)
		queue(m, neigh_add(&t->neighs[i], to->index),
			arena_printf(m->h->pass, "write down %s for", t->neighs[i].text), to->name,
			0);
}

void hint_neighs(struct mover *m, const struct link *from, const struct link *to)
{
	struct error unreadable = { 0 };
	struct neigh *v = NULL;
	size_t n = 0;

	if (neighs_read(m->nl, m->h->pass, from->index, NEIGHS_FOUND, &v, &n, &unreadable) < 0) {
		error_clear(&unreadable);
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (!to->ipv6_off || neigh_family(&v[i]) != AF_INET6)
			queue(m, neigh_hint(&v[i], to->index),
				arena_printf(m->h->pass, "write down %s for", v[i].text), to->name,
				EEXIST);
}

void drop_neighs(struct mover *m, const struct taken *t, const struct link *from)
{
	for (size_t i = 0; i < t->n_neighs; i++)
		queue(m, neigh_delete(&t->neighs[i], from->index),
			arena_printf(m->h->pass, "take %s from", t->neighs[i].text), from->name,
			ENOENT);
}

bool is_bond(const struct link *l)
{
	return l && l->type && streq(l->type, "bond");
}

static void set_up(struct mover *m, const struct link *port, bool up)
{
	struct ifinfomsg head = {
		.ifi_index = port->index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP
	};

	queue(m, netlink_request(RTM_NEWLINK, 0, &head, sizeof(head)),
		up ? "set up the port" : "take down the port", port->name, 0);
}

/*
 * Apart from being up, since kernels differ in which of the two they do first. A bond takes only
 * what is down, and sets it up itself; what leaves one is down.
 */
void put_master(
	struct mover *m, const struct link *port, const struct link *bridge, uint32_t mtu, bool up)
{
	struct nl_msg *msg = link_change(port->index, false);

	if (bridge && is_bond(bridge) && port->master != bridge->index && port->flags & IFF_UP)
		set_up(m, port, false);
	if (mtu && mtu != port->mtu)
		netlink_put_u32(msg, IFLA_MTU, mtu);
	netlink_put_u32(msg, IFLA_MASTER, bridge ? (uint32_t)bridge->index : 0);
	queue(m, msg,
		bridge ? arena_printf(m->h->pass, "put into %s the port", bridge->name)
		       : "take out of its place the port",
		port->name, 0);
	if (!is_bond(bridge))
		set_up(m, port, up);
}

bool on_bridge(const struct mover *m, const struct cidr *c)
{
	return m->bridge && address_find(m->all, m->n_all, m->bridge->index, c);
}
