/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/ties.h"
#include "base/strbuf.h"
#include "net/net.h"
#include "net/network.h"
#include "net/bound.h"
#include "net/dnsmasq.h"
#include "net/fw_named.h"
#include "net/links.h"
#include "net/ported.h"

/* A card, and who speaks for it. */
struct member {
	const struct link *card;
	const char *link;
};

struct search {
	struct host *h;
	const struct links *ls;
	struct fw_named_list rules;
	struct member *pairs;
	size_t n_pairs;
	struct tie *v;
	size_t n;
};

/* What a bond has moves on to the bridge whose port it is. */
static const char *speaker(const struct wants *w, const char *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind == &bridge_kind && ported_wants(w->v[i]->want, name))
			return w->v[i]->name;
	return name;
}

static void find_pairs(struct search *s, const struct wants *w, bool to_come)
{
	for (size_t i = 0; i < w->n; i++) {
		const struct resource *r = w->v[i];
		const struct link *l, *master;
		const struct ported *p = r->want;

		if (r->kind != &bridge_kind && r->kind != &bond_kind)
			continue;
		master = links_name(s->ls, r->name);
		for (size_t k = 0; k < p->ports.n; k++) {
			l = links_name(s->ls, LIST_AT(&p->ports, const char *, k));
			if (l && !link_marked(l) &&
				!(to_come && master && l->master == master->index))
				*ARENA_PUSH(s->h->pass, s->pairs, s->n_pairs) =
					(struct member){ l, speaker(w, r->name) };
		}
	}
}

static bool tells(const struct search *s, const struct fw_named *r, const struct member *p)
{
	return fw_named_matches(r, p->card->name) && !fw_named_has_too(&s->rules, r, p->link);
}

/* One line for each chain. */
static void look_at_rules(struct search *s, const struct member *p)
{
	struct arena *a = s->h->pass;

	for (size_t i = 0; i < s->rules.n; i++) {
		const struct fw_named *r = &s->rules.v[i];
		const char *card = p->card->name;
		bool told = false;
		size_t n = 0;

		if (!tells(s, r, p))
			continue;
		for (size_t k = 0; k < i && !told; k++)
			told = streq(s->rules.v[k].where, r->where) && tells(s, &s->rules.v[k], p);
		if (told)
			continue;
		for (size_t k = i; k < s->rules.n; k++)
			n += streq(s->rules.v[k].where, r->where) && tells(s, &s->rules.v[k], p);
		*ARENA_PUSH(a, s->v, s->n) = (struct tie){
			.card = card,
			.link = p->link,
			.what = arena_printf(a,
				"%s has %zu rule%s for %s (%s%s) and not for %s, which speaks for "
				"it as its port",
				r->where, n, n > 1 ? "s" : "", card, n > 1 ? "first " : "", r->rule,
				p->link),
			.cure = arena_printf(a, "add the same for %s: %s shows %s", p->link,
				r->shown_by, n > 1 ? "them" : "it"),
		};
	}
}

/* The same program has it by both families, or by several sockets: it is told once. */
static bool is_told(const struct search *s, const char *what)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->v[i].what, what))
			return true;
	return false;
}

static void look_at_sockets(
	struct search *s, const struct member *p, const struct bound *v, size_t n)
{
	struct arena *a = s->h->pass;

	for (size_t i = 0; i < n; i++) {
		struct port_holder who;
		const char *what;

		if (v[i].index != p->card->index || !port_holder_of(s->h, v[i].inode, &who))
			continue;
		what = arena_printf(a,
			"%s (process %d%s%s) has %s bound to %s, and hears nothing there when %s "
			"speaks for it as its port",
			who.name, who.pid, *who.unit ? ", " : "", who.unit, v[i].what,
			p->card->name, p->link);
		if (!is_told(s, what))
			*ARENA_PUSH(a, s->v, s->n) = (struct tie){ p->card->name, p->link, what,
				arena_printf(a, "name %s in its configuration, and start it again",
					p->link) };
	}
}

/* The kernel hands what the bridge gets to members of the group on the bridge. */
static void look_at_groups(
	struct search *s, const struct member *p, const struct bound *v, size_t n)
{
	struct arena *a = s->h->pass;

	for (size_t i = 0; i < n; i++)
		if (v[i].index == p->card->index)
			*ARENA_PUSH(a, s->v, s->n) = (struct tie){
				.card = p->card->name,
				.link = p->link,
				.what = arena_printf(a,
					"somebody on %s has joined the group %s there, and hears "
					"nothing of it when %s speaks for it as its port",
					p->card->name, v[i].what, p->link),
				.cure = arena_printf(a,
					"start again what listens to the group, once %s is there",
					p->link),
			};
}

/*
 * Links that send by the card: by a route of the card's, of which there is none any more. Made
 * anew: of a vxlan that is changed the kernel leaves the entry for all others as it is.
 */
static void look_at_tunnels(struct search *s, const struct member *p)
{
	static const char *const types[] = { "vxlan", "gre", "gretap", "erspan", "ip6gre",
		"ip6gretap", "ip6erspan", "ipip", "sit", "ip6tnl", "vti", "vti6" };
	struct arena *a = s->h->pass;

	for (size_t i = 0; i < s->ls->n; i++) {
		const struct link *l = &s->ls->v[i];

		for (size_t k = 0; l->parent == p->card->index && l->type && k < ARRAY_SIZE(types);
			k++)
			if (streq(l->type, types[k]))
				*ARENA_PUSH(a, s->v, s->n) = (struct tie){
					.card = p->card->name,
					.link = p->link,
					.what = arena_printf(a,
						"%s, %s, sends by %s, where nothing goes out when "
						"%s speaks for it as its port",
						l->name, link_describe(l, a), p->card->name,
						p->link),
					.cure = arena_printf(a,
						"name %s as its device where it is configured, and "
						"let it be made "
						"anew (ip link delete %s)",
						p->link, l->name),
				};
	}
}

static void look_at_multicast(struct search *s, const struct member *p)
{
	struct arena *a = s->h->pass;

	if (multicast_routed(s->h, p->card->name))
		*ARENA_PUSH(a, s->v, s->n) = (struct tie){
			.card = p->card->name,
			.link = p->link,
			.what = arena_printf(a,
				"a multicast router forwards between %s and other links: of a "
				"port it hears nothing, since %s has what comes in",
				p->card->name, p->link),
			.cure = arena_printf(a,
				"name %s instead of %s where it is configured, and restart it",
				p->link, p->card->name),
		};
}

/* A routed network may be meant to be a part of what is outside. */
static void look_at_network(struct search *s, const struct network *n, bool to_come)
{
	const struct link *bridge = links_name(s->ls, n->bridge);
	struct arena *a = s->h->pass;
	struct overlaps o;

	if (n->mode == NETWORK_ROUTED || (to_come && bridge) ||
		network_overlaps(s->h, n, s->ls, bridge, &o, NULL) < 0)
		return;
	for (size_t i = 0; i < o.n; i++) {
		const struct overlap *x = &o.v[i];

		/* Refused, or meant so: a part of what a router leads to. */
		if ((x->same && !bridge) || (x->route && x->wider && !to_come))
			continue;
		*ARENA_PUSH(a, s->v, s->n) = (struct tie){
			.card = x->link->name,
			.link = n->bridge,
			.what = arena_printf(a,
				"the network %s is to have %s, and %s: whom the host knows "
				"by both it reaches by one alone",
				n->obj.name, cidr_text(a, x->own), x->what),
			.cure = arena_printf(a, "give %s other addresses", n->obj.name),
		};
	}
}

int ties(struct host *h, const struct wants *w, bool to_come, struct tie **v, size_t *n,
	struct error *e)
{
	struct search s = { .h = h };
	struct bound *bound, *groups;
	size_t n_bound, n_groups;
	int r;

	*v = NULL;
	*n = 0;
	/* An outcome has taken what was observed. */
	if (!h->pass) {
		host_forget(h);
		h->pass = arena_new();
	}
	s.rules.arena = h->pass;
	r = links_get(h, &s.ls, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind == &network_kind)
			look_at_network(&s, w->v[i]->want, to_come);
	*v = s.v;
	*n = s.n;
	find_pairs(&s, w, to_come);
	if (!s.n_pairs)
		return 0;
	r = fw_named_read(h, s.ls, &s.rules, e);
	if (r < 0)
		return r;
	bound_read(h, &bound, &n_bound);
	bound_groups_read(h, &groups, &n_groups);
	for (size_t i = 0; i < s.n_pairs; i++) {
		look_at_rules(&s, &s.pairs[i]);
		look_at_sockets(&s, &s.pairs[i], bound, n_bound);
		look_at_groups(&s, &s.pairs[i], groups, n_groups);
		look_at_tunnels(&s, &s.pairs[i]);
		look_at_multicast(&s, &s.pairs[i]);
	}
	*v = s.v;
	*n = s.n;
	return 0;
}
