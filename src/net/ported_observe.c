/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports and addresses of a bridge or bond, as far as they are the document's or ours. */
#include "net/ported.h"
#include "net/dhcp.h"
#include "net/port.h"
#include "net/ported_routes.h"
#include "reconcile/record.h"
#include <net/if.h>

struct view {
	struct host *h;
	const struct resource *r;
	const struct links *ls;
	const struct link *bridge;
	const struct ported *ref; /* what is wanted, or was before */
	const struct address *all;
	size_t n_all;
	bool strict; /* the bridge is ours: nothing else has a say in its addresses */
};

int ported_link(struct host *h, const struct resource *r, const struct links **ls,
	const struct link **l, struct error *e)
{
	int ret = links_get(h, ls, e);

	if (ret >= 0 && r->want && addressing_of(r->want) == ADDRESSING_DHCP)
		ret = dhcp_client(h, &(enum dhcp_client){ 0 }, e);
	if (ret < 0)
		return ret;
	*l = links_name(*ls, r->name);
	if (*l && link_marked(*l) && !link_is_marked_for(*l, r))
		*l = NULL;
	return 0;
}

/* ---- ports ---- */

static int read_ports(const struct view *v, struct ported *have, struct error *e)
{
	const char **out = NULL;
	size_t n = 0;
	int r;

	for (size_t i = 0; v->ref && i < v->ref->ports.n; i++) {
		const char *name = LIST_AT(&v->ref->ports, const char *, i);
		const struct link *l = port_find(v->h, v->r, v->ls, name, NULL);

		if (l && v->r->want && (r = port_refuse(v->h, v->r, v->ls, v->bridge, l, e)) < 0)
			return r;
		if (l && v->bridge && l->master == v->bridge->index)
			*ARENA_PUSH(v->h->pass, out, n) = name;
	}
	for (size_t i = 0;; i++) {
		const char *name = taken_port(v->h, v->r->id, i);
		const struct link *l = name ? links_name(v->ls, name) : NULL;

		if (!name)
			break;
		if (l && v->bridge && l->master == v->bridge->index && !ported_wants(v->ref, name))
			*ARENA_PUSH(v->h->pass, out, n) = arena_strdup(v->h->pass, name);
	}
	have->ports = (struct list){ out, n };
	obj_mark_set(have, "ports");
	return 0;
}

const struct link *port_find(struct host *h, const struct resource *r, const struct links *ls,
	const char *port, const char **why)
{
	const struct link *l = links_name(ls, port), *taken, *master;
	int index = taken_index(h, r->id, port);

	taken = index && !(l && l->index == index) ? links_index(ls, index) : NULL;
	master = taken && taken->master ? links_index(ls, taken->master) : NULL;
	if (master && streq(master->name, r->name)) {
		if (why)
			*why = arena_printf(h->pass,
				"the link %s to appear: the one that was taken is called %s now; "
				"write `%s`, or: ip link set %s name %s",
				port, taken->name, taken->name, taken->name, port);
		return NULL;
	}
	if (!l && why)
		*why = link_awaited(h, ls, port);
	return l;
}

bool port_missing(struct host *h, const struct resource *r, const struct links *ls,
	const char *port, const char **why)
{
	for (size_t i = 0; i < r->n_after; i++)
		if (streq(r->after[i]->name, port))
			return false;
	return !port_find(h, r, ls, port, why);
}

struct list ports_present(struct host *h, const struct resource *r, const struct links *ls,
	const struct list *ports, const char **awaited)
{
	const char **v = arena_alloc(h->pass, (ports->n + 1) * sizeof(*v)), *why = NULL;
	size_t n = 0;

	*awaited = NULL;
	for (size_t i = 0; i < ports->n; i++) {
		const char *name = LIST_AT(ports, const char *, i);

		if (!port_missing(h, r, ls, name, &why))
			v[n++] = name;
		else if (!*awaited)
			*awaited = why;
	}
	return (struct list){ v, n };
}

/* Whatever it is called now. */
static bool took(struct host *h, const char *id, const struct link *l)
{
	const char *name;

	for (size_t i = 0; (name = taken_port(h, id, i)); i++)
		if (streq(name, l->name) || taken_index(h, id, name) == l->index)
			return true;
	return false;
}

int ports_foreign(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *link, struct error *e)
{
	for (size_t i = 0; i < ls->n; i++) {
		const struct link *l = &ls->v[i];

		if (l->master == link->index && !link_marked(l) && !took(h, r->id, l))
			return bridge_port_refuse(link, l, e);
	}
	return 0;
}

/* ---- addresses ---- */

/* The i-th wanted port, when it is in the bridge. */
static const struct link *port_in(const struct view *v, size_t i)
{
	const struct link *l = links_name(v->ls, LIST_AT(&v->ref->ports, const char *, i));

	return l && l->master == v->bridge->index ? l : NULL;
}

static bool ports_have_none(const struct view *v)
{
	for (size_t i = 0; i < v->ref->ports.n; i++) {
		const struct link *l = port_in(v, i);

		if (l && address_next(v->all, v->n_all, l->index, NULL))
			return false;
	}
	return true;
}

static bool was_taken(const struct view *v, const struct cidr *c)
{
	struct taken t;

	for (size_t i = 0; taken_port(v->h, v->r->id, i); i++) {
		if (!taken_read(v->h, v->r->id, taken_port(v->h, v->r->id, i), &t))
			continue;
		for (size_t k = 0; k < t.n_addrs; k++)
			if (address_equal(&t.addrs[k].cidr, c))
				return true;
	}
	return false;
}

/* What was taken of the ports is on the bridge; what has an end may have reached it. */
static bool has_taken(const struct view *v)
{
	struct taken t;

	for (size_t i = 0; i < v->ref->ports.n; i++) {
		const struct link *l = port_in(v, i);

		if (!l || !taken_read(v->h, v->r->id, l->name, &t))
			continue;
		for (size_t k = 0; k < t.n_addrs; k++)
			if (!t.addrs[k].dynamic &&
				!address_find(v->all, v->n_all, v->bridge->index, &t.addrs[k].cidr))
				return false;
	}
	return true;
}

static bool has_given(const struct view *v)
{
	const struct address *a = NULL;

	while ((a = address_next(v->all, v->n_all, v->bridge->index, a)))
		if (given_has(v->h, v->r->id, &a->cidr) && !was_taken(v, &a->cidr))
			return true;
	return false;
}

static bool lists(const struct list *l, const struct cidr *c)
{
	for (size_t i = 0; i < l->n; i++)
		if (address_equal(&LIST_AT(l, struct cidr, i), c))
			return true;
	return false;
}

/* Whether an address that is there counts as one of the document's or ours. */
static bool counts(const struct view *v, const struct address *a)
{
	if (a->dynamic)
		return was_taken(v, &a->cidr);
	return v->strict || lists(&v->ref->addressing, &a->cidr) ||
	       given_has(v->h, v->r->id, &a->cidr) || was_taken(v, &a->cidr);
}

/* In the document's order, then the others; those on the ports at last. */
static void read_list(const struct view *v, struct ported *have)
{
	struct list found = { 0 }, out = { 0 };
	struct cidr *all = NULL, *ordered = NULL;
	const struct address *a = NULL;

	while ((a = address_next(v->all, v->n_all, v->bridge->index, a)))
		if (counts(v, a))
			*ARENA_PUSH(v->h->pass, all, found.n) = a->cidr;
	found.v = all;
	for (size_t i = 0; i < v->ref->addressing.n; i++) {
		const struct cidr *c = &LIST_AT(&v->ref->addressing, struct cidr, i);

		if (lists(&found, c))
			*ARENA_PUSH(v->h->pass, ordered, out.n) = *c;
	}
	for (size_t i = 0; i < found.n; i++)
		if (!lists(&v->ref->addressing, &all[i]))
			*ARENA_PUSH(v->h->pass, ordered, out.n) = all[i];
	for (size_t i = 0; i < v->ref->ports.n; i++) {
		const struct link *l = port_in(v, i);

		for (a = NULL; l && (a = address_next(v->all, v->n_all, l->index, a));)
			*ARENA_PUSH(v->h->pass, ordered, out.n) = a->cidr;
	}
	out.v = ordered;
	have->addressing = out;
}

static void read_addressing(const struct view *v, struct ported *have)
{
	enum addressing mode = addressing_of(v->ref);

	bool clean = ports_have_none(v) && !has_given(v);

	/* What a bond has is its bridge's. */
	if (v->bridge->master && clean) {
		have->addressing = v->ref->addressing;
	} else if ((mode == ADDRESSING_INHERIT && clean && has_taken(v)) ||
		   (mode == ADDRESSING_DHCP && clean)) {
		addressing_set(have, v->h->pass, mode);
	} else {
		read_list(v, have);
		if (mode == ADDRESSING_NONE && !have->addressing.n)
			addressing_set(have, v->h->pass, mode);
	}
	obj_mark_set(have, "addressing");
}

/* A bridge that nobody says anything about costs no dump of addresses. */
static bool plain(const struct view *v)
{
	return !v->ref->ports.n && addressing_of(v->ref) == ADDRESSING_INHERIT &&
	       !taken_port(v->h, v->r->id, 0) && !given_any(v->h, v->r->id);
}

/* The smallest that a packet through the wanted ports meets, and whether it gets through. */
static void weigh_ports(const struct view *v, struct ported *have)
{
	for (size_t i = 0; i < v->ref->ports.n; i++) {
		const struct link *l = port_in(v, i);

		have->state.down |= l && !(l->flags & IFF_UP);
		if (l && obj_has(v->ref, "mtu") && l->mtu < (uint64_t)v->ref->mtu)
			have->mtu = MIN_OF(have->mtu, (int64_t)l->mtu);
	}
}

int ported_observe(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *link, struct ported *have, struct error *e)
{
	struct view v = {
		.h = h,
		.r = r,
		.ls = ls,
		.bridge = link,
		.ref = r->want ? r->want : r->before,
		.strict = h->record && record_has(h, r->id) && record_made(h, r->id),
	};
	int ret = read_ports(&v, have, e);

	if (ret < 0 || !v.ref || !link)
		return ret;
	weigh_ports(&v, have);
	if (plain(&v)) {
		addressing_set(have, h->pass, ADDRESSING_INHERIT);
		obj_mark_set(have, "addressing");
		return 0;
	}
	ret = addresses_get(h, &v.all, &v.n_all, e);
	if (ret < 0)
		return ret;
	read_addressing(&v, have);
	if (!r->want || !v.ref->ports.n)
		return 0;
	have->state.nameless = names_lost(h, r->id, link, v.ref);
	ret = policies_lost(h, r->id, link, v.ref, &have->state.lost_rule, e);
	if (ret < 0)
		return ret;
	return routes_compare(h, r->id, ls, link, v.ref, &have->state, e);
}
