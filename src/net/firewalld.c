/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `firewalld`: where it runs, the bridges of networks are in our zone
 * and so what guests send is not refused there. What the zone and its policy
 * say lies in files that are installed with kvmhost (units/firewalld); which
 * bridges are in it is firewalld's own knowledge at run time, told over the
 * bus, kept by it through a reload and lost with a restart. A bridge that
 * somebody put into a zone of his own stays there.
 */
#include "net/firewalld.h"
#include "net/names.h"
#include "net/net.h"
#include "net/network.h"
#include "reconcile/plan.h"

struct firewalld {
	struct obj obj;
	struct list bridges; /* const char *, in the order of their names */
};

static const struct field rows[] = {
	FIELD_LIST(struct firewalld, bridges, type_ifname,
		.doc = "Bridges of networks, in the zone " KVMHOST_ZONE "."),
};
static const struct table table =
	TABLE(struct firewalld, rows, .doc = "What firewalld is told of networks.");

/* ---- what is wanted ---- */

void firewalld_imply(const struct resource *network, struct wants *w)
{
	want_imply(w, network, "firewalld", "host");
}

/* The resource comes behind all networks. */
static void firewalld_derive(const struct resource *r, struct wants *w)
{
	struct firewalld *f = (struct firewalld *)r->want;
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind == &network_kind)
			*ARENA_PUSH(w->arena, v, n) =
				((const struct network *)w->v[i]->want)->bridge;
	f->bridges = names_sorted(v, n);
	obj_mark_set(f, "bridges");
}

static int firewalld_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct firewalld *f;
	const struct firewalld_zones *z;
	const char **v = NULL;
	size_t n = 0;
	int ret;

	*have = NULL;
	ret = firewalld_zones_get(h, &z, e);
	if (ret < 0)
		return ret;
	if (!z)
		return r->want ? NOT_HERE : 0;
	for (size_t i = 0; i < z->n; i++)
		if (streq(z->v[i].zone, KVMHOST_ZONE))
			*ARENA_PUSH(h->pass, v, n) = arena_strdup(h->pass, z->v[i].interface);
	f = obj_new(h->pass, &table, r->name);
	f->bridges = names_sorted(v, n);
	obj_mark_set(f, "bridges");
	*have = f;
	return 0;
}

/* ---- the difference ---- */

/* fn for each bridge that goes, then for each that comes and is in no zone. */
static int each_change(struct host *h, struct step *s,
	int (*fn)(struct host *h, struct step *s, const char *bridge, bool comes, struct error *e),
	struct error *e)
{
	const struct firewalld *have = s->have, *want = s->want;
	const struct firewalld_zones *z;
	int r = firewalld_zones_get(h, &z, e);

	if (r < 0 || !z)
		return r;
	for (size_t i = 0; have && i < have->bridges.n && r >= 0; i++) {
		const char *bridge = LIST_AT(&have->bridges, const char *, i);

		if (!want || !names_have(&want->bridges, bridge))
			r = fn(h, s, bridge, false, e);
	}
	for (size_t i = 0; want && i < want->bridges.n && r >= 0; i++) {
		const char *bridge = LIST_AT(&want->bridges, const char *, i);

		if (!firewalld_zone_of(z, bridge))
			r = fn(h, s, bridge, true, e);
	}
	return r;
}

static int show(
	struct host *h, struct step *s, const char *bridge, bool comes, struct error *e _unused_)
{
	step_change(h, s, "bridges", arena_printf(h->pass, "zone of %s", bridge),
		comes ? NULL : KVMHOST_ZONE, comes ? KVMHOST_ZONE : NULL);
	return 0;
}

static void firewalld_diff(struct host *h, struct step *s)
{
	each_change(h, s, show, NULL);
}

/* To make it known would be a reload, in which firewalld forgets what others told it. */
static void firewalld_refine(struct host *h, struct step *s)
{
	const struct firewalld *want = s->want;
	const struct firewalld_zones *z;

	s->reason = s->reason ? s->reason : "firewalld runs";
	if (want && want->bridges.n && firewalld_zones_get(h, &z, NULL) >= 0 && z && !z->known)
		s->wait = "firewalld to know the zone " KVMHOST_ZONE
			  ": firewall-cmd --reload (what was set without --permanent is lost)";
}

static int tell(
	struct host *h, struct step *s _unused_, const char *bridge, bool comes, struct error *e)
{
	return comes ? firewalld_put_into(h, bridge, KVMHOST_ZONE, e)
		     : firewalld_take_out(h, bridge, KVMHOST_ZONE, e);
}

static int firewalld_apply(struct host *h, struct step *s, struct error *e)
{
	int r = each_change(h, s, tell, e);

	firewalld_forget(h);
	return r;
}

const struct kind firewalld_kind = {
	.name = "firewalld",
	.table = &table,
	.undo = true,
	.derive = firewalld_derive,
	.observe = firewalld_observe,
	.diff = firewalld_diff,
	.refine = firewalld_refine,
	.apply = firewalld_apply,
};
