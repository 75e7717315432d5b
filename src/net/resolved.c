/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `resolved`: where systemd-resolved runs, questions of the host for
 * names in a network's domain go to the network's dnsmasq, and no others do.
 * Derived from networks with a domain. It is a setting of the bridge in
 * resolved's memory, which outlives a restart of it and goes with the link.
 */
#include "net/links.h"
#include "net/network.h"
#include "net/resolvers.h"
#include "reconcile/plan.h"

struct resolved {
	struct obj obj;
	const char *bridge, *domain;
	struct list servers; /* struct ip */
};

static const struct field rows[] = {
	FIELD_STRING(struct resolved, bridge, type_ifname, .doc = "The bridge."),
	FIELD_STRING(struct resolved, domain, type_string, .doc = "The guests' domain."),
	FIELD_LIST(struct resolved, servers, type_ip, .doc = "Who knows the names in it."),
};
static const struct table table = TABLE(
	struct resolved, rows, .key = &type_name, .doc = "Domains that systemd-resolved asks for.");

void resolved_derive(const struct resource *network, struct wants *w)
{
	const struct network *n = network->want;
	struct resource *r = want_derive(w, network, "resolved", network->name, false);
	struct resolved *d = (struct resolved *)r->want;
	struct ip *v = arena_alloc(w->arena, n->addresses.n * sizeof(*v));

	for (size_t i = 0; i < n->addresses.n; i++)
		v[i] = LIST_AT(&n->addresses, struct cidr, i).ip;
	d->bridge = n->bridge;
	d->domain = n->dns.domain;
	d->servers = (struct list){ v, n->addresses.n };
	obj_mark_set(d, "bridge");
	obj_mark_set(d, "domain");
	obj_mark_set(d, "servers");
}

/* ---- on this machine ---- */

/* NULL: nothing is said of the link. */
static struct resolved *have_of(struct host *h, const struct resolvers *said, const char *name)
{
	const char *first, *rest;
	struct resolved *d;

	if (!resolvers_any(said))
		return NULL;
	d = obj_new(h->pass, &table, name);
	d->servers = said->servers;
	obj_mark_set(d, "servers");
	if (!said->domains.n)
		return d;
	first = LIST_AT(&said->domains, const char *, 0);
	rest = startswith(first, "~");
	d->domain = rest ? rest : arena_printf(h->pass, "%s (searched)", first);
	obj_mark_set(d, "domain");
	return d;
}

static int resolved_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct resolved *d = r->want;
	char mark[256];
	const struct links *ls;
	const struct link *l;
	struct resolvers said;
	struct resolved *found;
	int ret = resolvers_asked(h, e);

	*have = NULL;
	if (ret < 0)
		return ret;
	if (!ret)
		return r->want ? NOT_HERE : 0;
	ret = links_get(h, &ls, e);
	if (ret < 0)
		return ret;
	snprintf(mark, sizeof(mark), LINK_MARK "network/%s", r->name);
	l = links_mark(ls, mark);
	if (!l && d)
		l = links_name(ls, d->bridge);
	if (!l)
		return 0;
	ret = resolvers_get(h, l->index, &said, e);
	if (ret < 0)
		return ret;
	found = have_of(h, &said, r->name);
	if (found) {
		found->bridge = arena_strdup(h->pass, l->name);
		obj_mark_set(found, "bridge");
	}
	*have = found;
	return 0;
}

static int resolved_apply(struct host *h, struct step *step, struct error *e)
{
	const struct resolved *want = step->want, *have = step->have;
	struct resolvers w = { .only_domains = true };
	const struct links *ls;
	const struct link *l;
	const char *domain;
	int r = links_get(h, &ls, e);

	if (r < 0)
		return r;
	l = links_name(ls, want ? want->bridge : have->bridge);
	if (!l)
		return want ? error_set(e, -ENOENT, "there is no link %s", want->bridge) : 0;
	if (!want)
		return resolvers_tell(h, l->index, NULL, e);
	domain = arena_printf(h->pass, "~%s", want->domain);
	w.servers = want->servers;
	w.domains = (struct list){ &domain, 1 };
	return resolvers_tell(h, l->index, &w, e);
}

const struct kind resolved_kind = {
	.name = "resolved",
	.table = &table,
	.observe = resolved_observe,
	.apply = resolved_apply,
};
