/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the document means for the managers: every link that it makes or takes. */
#include "net/manager.h"
#include "net/ported.h"

void manager_imply(const struct resource *r, struct wants *w)
{
	for (size_t i = 0; i < n_manager_daemons; i++)
		want_imply(w, r, "manager", manager_daemons[i].name);
}

struct names {
	struct arena *a;
	const char **v;
	size_t n;
	struct strmap seen;
};

static void add(struct names *l, const char *name)
{
	if (strmap_get(&l->seen, name))
		return;
	name = arena_strdup(l->a, name);
	strmap_put(&l->seen, name, l);
	*ARENA_PUSH(l->a, l->v, l->n) = name;
}

static void add_claimed(const struct field *f, const void *value, struct mark m _unused_, void *arg)
{
	struct names *l = arg;

	if (f->claims && (streq(f->claims, "link") || streq(f->claims, "port")))
		add(l, value_string(l->a, f, value));
}

static bool is_guests(const struct resource *r)
{
	return r->kind == &tap_kind || r->kind == &macvtap_kind;
}

/*
 * Guests' interfaces by a pattern: they come and go, and each would be a word
 * to the manager. Loopholes of a pattern are small: it says who leaves a link
 * alone, not whose it is.
 */
static void add_guests(struct names *l)
{
	add(l, "*-tap?");
	add(l, "*-tap??");
}

static void add_links(struct names *l, const struct resource *r, bool but_itself)
{
	if (!but_itself && r->kind->claims && streq(r->kind->claims, "link"))
		add(l, r->name);
	if (r->want)
		obj_walk_names(r->want, add_claimed, l);
}

static struct list taken(struct names *l)
{
	strmap_free(&l->seen);
	return names_sorted(l->v, l->n);
}

struct list manager_names(struct arena *a, const struct resource *r)
{
	struct names links = { .a = a };

	if (is_guests(r))
		add_guests(&links);
	else
		add_links(&links, r, false);
	return taken(&links);
}

static bool is_ported(const struct resource *r)
{
	return r->kind == &bridge_kind || r->kind == &bond_kind;
}

/* A bond in a bridge: the daemons would wait for what only the bridge has. */
static bool in_another(const struct wants *w, const struct resource *r)
{
	for (size_t i = 0; i < w->n; i++)
		if (is_ported(w->v[i]) && ported_wants(w->v[i]->want, r->name))
			return true;
	return false;
}

/* Bridges and bonds through which the host itself speaks. */
static bool speaks(const struct resource *r)
{
	const struct ported *p = r->want;

	return is_ported(r) && p->ports.n && addressing_of(p) != ADDRESSING_NONE;
}

/* The daemon can be told to ask for a bridge's addresses. */
static bool can_ask(const struct manager_daemon *d)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (streq(d->files[i].field, "dhcp"))
			return true;
	return false;
}

static bool to_be_asked_for(const struct resource *r)
{
	return is_ported(r) && addressing_of(r->want) == ADDRESSING_DHCP;
}

/* Refused before anything of it was done, in the plan being made or carried out. */
static bool refused(const struct resource *r)
{
	return r->step && r->step->unreadable;
}

/* but_refused: without the links of resources that are. */
static void fill(struct manager *m, const char *name, struct arena *a, bool but_refused)
{
	struct names links = { .a = a }, online = { .a = a }, dhcp = { .a = a };
	bool asks = can_ask(manager_daemon(name)), guests = false;
	const struct wants *w = m->wants;

	for (size_t i = 0; i < w->n; i++) {
		bool own = asks && to_be_asked_for(w->v[i]);

		if (but_refused && refused(w->v[i]))
			continue;
		if (is_guests(w->v[i])) {
			guests = true;
			continue;
		}
		if (own)
			add(&dhcp, w->v[i]->name);
		add_links(&links, w->v[i], own);
		if (speaks(w->v[i]) && !in_another(w, w->v[i]))
			add(&online, w->v[i]->name);
	}
	if (guests)
		add_guests(&links);
	m->unmanaged = taken(&links);
	m->online = taken(&online);
	m->dhcp = taken(&dhcp);
}

/* The resource comes behind all that the document declares, and so behind what that derives. */
void manager_derive(const struct resource *r, struct wants *w)
{
	struct manager *m = (struct manager *)r->want;

	m->wants = w;
	fill(m, r->name, w->arena, false);
	for (size_t i = 0; i < manager_daemon(r->name)->n_files; i++)
		obj_mark_set(m, manager_daemon(r->name)->files[i].field);
}

/* ---- on this machine ---- */

static bool any_refused(const struct wants *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (refused(w->v[i]))
			return true;
	return false;
}

static struct list either(
	struct arena *a, const struct list *all, const struct list *some, const struct list *others)
{
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++) {
		const char *name = LIST_AT(all, const char *, i);

		if (names_have(some, name) || (others && names_have(others, name)))
			*ARENA_PUSH(a, v, n) = name;
	}
	return (struct list){ v, n };
}

struct manager manager_told(
	struct arena *a, const char *name, const struct manager *want, const struct manager *have)
{
	struct manager some = *want, told = *want;

	if (!want->wants || !any_refused(want->wants))
		return told;
	fill(&some, name, a, true);
	told.unmanaged =
		either(a, &want->unmanaged, &some.unmanaged, have ? &have->unmanaged : NULL);
	told.dhcp = either(a, &want->dhcp, &some.dhcp, have ? &have->dhcp : NULL);
	told.online = either(a, &want->online, &some.online, have ? &have->online : NULL);
	return told;
}

bool manager_says_nothing(const struct manager *m)
{
	return !m->unmanaged.n && !m->dhcp.n && !m->online.n;
}
