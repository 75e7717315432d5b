/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kind `zone`: a bridge or bond speaks for its cards, so where firewalld
 * runs and has a card in a zone, the link is in that zone, before it has the
 * card's addresses. Else the rules of the default zone would count for it: a
 * host that is reached through the card would be shut, or one that was shut
 * open. What firewalld knows of the card itself is left as it is. A link that
 * somebody put into a zone stays there.
 */
#include "net/firewalld.h"
#include "net/ported.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"

struct zone {
	struct obj obj;
	struct list
		cards; /* const char *: whose zone it is to have; in the document's wants alone */
	const char *zone;
};

static const struct field rows[] = {
	FIELD_LIST(struct zone, cards, type_ifname, .doc = "Links that it speaks for."),
	FIELD_STRING(struct zone, zone, type_string, .doc = "firewalld's name of its zone."),
};
static const struct table table =
	TABLE(struct zone, rows, .doc = "The place of bridges and bonds in firewalld.");

/* ---- what is wanted ---- */

void zone_imply(const struct resource *r, struct wants *w)
{
	const struct ported *p = r->want;

	if (p->ports.n)
		want_derive(w, r, "zone", r->name, true);
}

/* The bond or bridge of that name in the document. */
static const struct ported *ported_named(const struct wants *w, const char *name)
{
	const struct resource *r = wants_find(w, "bond", name);

	if (!r)
		r = wants_find(w, "bridge", name);
	return r ? r->want : NULL;
}

/* A bond among the ports, which may have no zone yet, is followed by its own. */
static void add_cards(struct wants *w, const struct ported *p, const char ***v, size_t *n)
{
	for (size_t i = 0; i < p->ports.n; i++) {
		const char *card = LIST_AT(&p->ports, const char *, i);
		const struct resource *bond = wants_find(w, "bond", card);

		*ARENA_PUSH(w->arena, *v, *n) = card;
		if (bond && bond->want != p)
			add_cards(w, bond->want, v, n);
	}
}

static void zone_derive(const struct resource *r, struct wants *w)
{
	struct zone *z = (struct zone *)r->want;
	const struct ported *p = ported_named(w, r->name);
	const char **v = NULL;
	size_t n = 0;

	if (p)
		add_cards(w, p, &v, &n);
	z->cards = (struct list){ v, n };
	obj_mark_set(z, "cards");
}

/* ---- the difference ---- */

/* The zone that it was given by us: a network manager may have taken its card out meanwhile. */
static const char *kept(struct host *h, const char *id)
{
	const char *zone = record_has(h, id)
				   ? json_string_value(json_object_get(record_kept(h, id), "zone"))
				   : NULL;

	return zone ? arena_strdup(h->pass, zone) : NULL;
}

static const char *zone_of_cards(const struct firewalld_zones *z, const struct zone *want)
{
	const char *zone = NULL;

	for (size_t i = 0; i < want->cards.n && !zone; i++)
		zone = firewalld_zone_of(z, LIST_AT(&want->cards, const char *, i));
	return zone;
}

/* *to: the zone that it is to have, NULL: none. False: it stays as it is. */
static bool differs(
	struct host *h, const struct step *s, const struct firewalld_zones *z, const char **to)
{
	const struct zone *want = s->want;
	const char *now = firewalld_zone_of(z, s->r->name), *ours = kept(h, s->r->id);

	if (obj_has(want, "cards")) {
		*to = zone_of_cards(z, want);
		if (!*to)
			*to = ours;
		return !now && *to;
	}
	*to = want->zone;
	return now && ours && streq(now, ours) && (!*to || !streq(now, *to));
}

static int zone_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct firewalld_zones *all;
	const struct step s = { .r = (struct resource *)r, .want = r->want };
	struct zone *z;
	const char *to;
	int ret;

	*have = NULL;
	ret = firewalld_zones_get(h, &all, e);
	if (ret < 0)
		return ret;
	if (!all)
		return r->want ? NOT_HERE : 0;
	if (r->want && !record_has(h, r->id) && !differs(h, &s, all, &to))
		return NOT_HERE;
	z = obj_new(h->pass, &table, r->name);
	z->zone = firewalld_zone_of(all, r->name);
	if (z->zone) {
		z->zone = arena_strdup(h->pass, z->zone);
		obj_mark_set(z, "zone");
	}
	*have = z;
	return 0;
}

static void zone_diff(struct host *h, struct step *s)
{
	const struct firewalld_zones *z;
	const char *to;

	if (firewalld_zones_get(h, &z, NULL) >= 0 && z && differs(h, s, z, &to))
		step_change(h, s, "zone", "zone", firewalld_zone_of(z, s->r->name), to);
}

static void zone_refine(struct host *h, struct step *s)
{
	if (!s->reason)
		s->reason = arena_printf(h->pass, "firewalld has its card in that zone");
}

/* On disk before firewalld is told, so that it is known whose doing it was. */
static int keep(struct host *h, const char *id, const char *zone, struct error *e)
{
	json_object_set_new(record_kept(h, id), "zone", json_string(zone));
	record_touch(h);
	return record_save(h, e);
}

static int zone_apply(struct host *h, struct step *s, struct error *e)
{
	const struct firewalld_zones *z;
	const char *to, *now;
	int r = firewalld_zones_get(h, &z, e);

	if (r < 0 || !z || !differs(h, s, z, &to))
		return r;
	now = firewalld_zone_of(z, s->r->name);
	if (obj_has(s->want, "cards"))
		r = keep(h, s->r->id, to, e);
	if (r >= 0)
		r = to ? firewalld_put_into(h, s->r->name, to, e)
		       : firewalld_take_out(h, s->r->name, now, e);
	firewalld_forget(h);
	return r;
}

const struct kind zone_kind = {
	.name = "zone",
	.table = &table,
	.undo = true,
	.derive = zone_derive,
	.observe = zone_observe,
	.diff = zone_diff,
	.refine = zone_refine,
	.apply = zone_apply,
};
