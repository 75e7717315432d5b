/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/manager.h"
#include <net/if.h>

/* Written before the files, removed when the daemon has been told. */
#define UNTOLD RUN_DIR "/untold."

static const struct field manager_fields[] = {
	FIELD_LIST(struct manager, unmanaged, type_string,
		.doc = "Links that the daemon leaves alone."),
	FIELD_LIST(struct manager, dhcp, type_string,
		.doc = "Bridges for which it asks for addresses."),
	FIELD_LIST(struct manager, online, type_string,
		.doc = "Bridges that have to be up for the machine to be online."),
};

const struct table manager_table = TABLE(struct manager, manager_fields,
	.doc = "Daemons that manage links, and what they are told of ours.");

/* ---- how it is ---- */

static int find_running(
	struct host *h, const struct manager_daemon *d, struct manager *m, struct error *e)
{
	struct unit unit;
	int r;

	r = manager_unit(h, d, &unit, e);
	m->running = r >= 0 && (unit.state == UNIT_ACTIVE || unit.state == UNIT_ACTIVATING);
	return r;
}

/* In a bridge of ours, or made by us: nothing of it is the manager's. */
static bool in_our_hands(const struct links *ls, const struct link *l)
{
	const struct link *master = l->master ? links_index(ls, l->master) : NULL;

	return link_marked(l) || (master && link_marked(master));
}

static bool untold(struct host *h, const struct manager_daemon *d)
{
	_cleanup_free_ char *path = xprintf("%s%s", UNTOLD, d->name);

	return file_exists(h->root, path);
}

/* There is nobody to tell, or nothing. */
static bool useless(struct host *h, const struct manager_daemon *d, const struct resource *r,
	const struct manager *m)
{
	struct manager told = manager_told(h->pass, r->name, r->want, NULL);

	return manager_says_nothing(&told) || (!m->running && !file_exists(h->root, d->wanted_by));
}

static int manager_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	const struct manager_daemon *d = manager_daemon(r->name);
	struct manager *m = obj_new(h->pass, &manager_table, r->name);
	const struct links *ls;
	struct manager told;
	bool found;
	int ret;

	*have = NULL;
	if (!h->live || !d)
		return 0;
	ret = manager_files_read(h, d, m, &found, e);
	if (ret >= 0)
		ret = find_running(h, d, m, e);
	if (ret < 0)
		return ret;
	m->untold = untold(h, d);
	if (!found && !m->untold)
		return r->want && useless(h, d, r, m) ? NOT_HERE : 0;
	ret = links_get(h, &ls, e);
	if (ret < 0)
		return ret;
	told = r->want ? manager_told(h->pass, r->name, r->want, m) : *m;
	manager_find_held(h, d, ls, &told, m);
	*have = m;
	return 0;
}

/* ---- the difference ---- */

/* Told of it now, the daemon would take from the card what the bridge has not got yet. */
static bool too_early(
	const struct manager_daemon *d, struct host *h, const struct links *ls, const char *name)
{
	const struct link *l = links_name(ls, name);

	return l && !in_our_hands(ls, l) && d->manages(h, l);
}

/* What is to be in the files as the machine is now. */
static struct manager settled(struct host *h, const struct manager_daemon *d,
	const struct links *ls, const struct manager *want)
{
	struct manager m = *want;
	const char **v = NULL;

	m.unmanaged = (struct list){ 0 };
	for (size_t i = 0; i < want->unmanaged.n; i++) {
		const char *name = LIST_AT(&want->unmanaged, const char *, i);

		if (!too_early(d, h, ls, name))
			*ARENA_PUSH(h->pass, v, m.unmanaged.n) = name;
	}
	m.unmanaged.v = v;
	return m;
}

static bool needs_online(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct step *s)
{
	const struct manager *have = s->have, *want = s->want;

	return (have && have->online.n) || !d->manages_others || !d->manages_others(h, ls, want);
}

static const char *list_text(struct host *h, const struct list *names)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	for (size_t i = 0; i < names->n; i++)
		sb_addf(&text, "%s%s", i ? ", " : "", LIST_AT(names, const char *, i));
	return arena_strdup(h->pass, sb_str(&text));
}

static void diff_state(struct host *h, struct step *s)
{
	const struct manager *have = s->have;

	if (!have)
		return;
	if (have->held.n)
		step_change(h, s, "managed", "managed", list_text(h, &have->held), NULL);
	if (have->untold)
		step_change(h, s, "told", "told", "false", "true");
}

static void manager_diff(struct host *h, struct step *s)
{
	const struct manager_daemon *d = manager_daemon(s->r->name);
	const struct links *ls;
	struct manager shown;
	struct change *c;
	size_t n;

	if (links_get(h, &ls, NULL) < 0)
		return;
	shown = manager_told(h->pass, s->r->name, s->want, s->have);
	/* After the bridges had their turn: what one of them did not get is not told either. */
	if (s->state == STEP_DONE)
		shown = settled(h, d, ls, &shown);
	n = obj_diff(&shown, s->have, h->pass, &c);
	for (size_t i = 0; i < n; i++)
		if (!streq(c[i].path, "online") || needs_online(h, d, ls, s))
			step_change(h, s, c[i].path, c[i].path, c[i].have, c[i].want);
	if (s->state != STEP_DONE)
		diff_state(h, s);
}

static void manager_refine(struct host *h, struct step *s)
{
	const struct manager_daemon *d = manager_daemon(s->r->name);
	struct unit unit;

	if (!s->want || s->reason)
		return;
	s->reason = manager_unit(h, d, &unit, NULL) >= 0 && unit.state != UNIT_INACTIVE
			    ? arena_printf(h->pass, "%s runs", d->unit)
			    : arena_printf(h->pass, "%s is started at boot", d->unit);
}

/* ---- making it so ---- */

/* A card that is to be the manager's again, and is still in a bridge of ours. */
static int check_given(const struct links *ls, const struct step *s, struct error *e)
{
	const struct manager *have = s->have, *want = s->want;

	for (size_t i = 0; have && i < have->unmanaged.n; i++) {
		const char *name = LIST_AT(&have->unmanaged, const char *, i);
		const struct link *l = links_name(ls, name);

		if (l && !link_marked(l) && in_our_hands(ls, l) &&
			!(want && names_have(&want->unmanaged, name)))
			return error_set(e, -EAGAIN, "%s is still a port of a bridge", name);
	}
	return 0;
}

/* Of the links that it was to leave alone those that are its own from now on. */
static struct list find_given(struct host *h, const struct links *ls, const struct manager *have,
	const struct manager *now)
{
	const char **v = NULL;
	size_t n = 0;

	for (size_t i = 0; have && i < have->unmanaged.n; i++) {
		const char *name = LIST_AT(&have->unmanaged, const char *, i);
		const struct link *l = links_name(ls, name);

		if (l && !in_our_hands(ls, l) && !names_have(&now->unmanaged, name))
			*ARENA_PUSH(h->pass, v, n) = name;
	}
	return (struct list){ v, n };
}

/* Whatever the daemon says of them: one that has just started does not know its links yet. */
static bool any_taken(const struct links *ls, const struct manager *have, const struct manager *now)
{
	for (size_t i = 0; i < now->unmanaged.n; i++) {
		const char *name = LIST_AT(&now->unmanaged, const char *, i);
		const struct link *l = links_name(ls, name);

		if (l && !link_marked(l) && !(have && names_have(&have->unmanaged, name)))
			return true;
	}
	return false;
}

static int manager_apply(struct host *h, struct step *s, struct error *e)
{
	const struct manager_daemon *d = manager_daemon(s->r->name);
	_cleanup_free_ char *mark = xprintf("%s%s", UNTOLD, d->name);
	struct manager m = { .obj.table = &manager_table };
	const struct links *ls;
	int r;

	links_forget(h);
	r = links_get(h, &ls, e);
	if (r >= 0)
		r = check_given(ls, s, e);
	if (r >= 0)
		r = find_running(h, d, &m, e);
	if (r < 0)
		return r;
	if (s->want) {
		const struct manager told = manager_told(h->pass, s->r->name, s->want, s->have);
		bool running = m.running;

		m = settled(h, d, ls, &told);
		m.running = running;
		if (!needs_online(h, d, ls, s))
			m.online = (struct list){ 0 };
	}
	m.takes = any_taken(ls, s->have, &m);
	m.given = find_given(h, ls, s->have, &m);
	m.untold = s->have && ((const struct manager *)s->have)->untold;
	r = file_write_atomic(h->root, mark, "", 0, 0600);
	if (r < 0)
		return error_set(e, r, "cannot write %s: %s", mark, strerror(-r));
	r = manager_files_write(h, d, &m, e);
	if (r >= 0 && m.running)
		r = manager_tell(h, d, ls, &m, e);
	return r < 0 ? r : file_remove(h->root, mark);
}

static int manager_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	for (size_t i = 0; h->live && i < n_manager_daemons; i++) {
		struct manager m = { .obj.table = &manager_table };
		bool there;
		int r = manager_files_read(h, &manager_daemons[i], &m, &there, e);

		if (r < 0 && r != -EPERM)
			return r;
		if (r < 0)
			error_clear(e);
		else if (there)
			found(manager_daemons[i].name, arg);
	}
	return 0;
}

const struct kind manager_kind = {
	.name = "manager",
	.table = &manager_table,
	.undo = true,
	.derive = manager_derive,
	.observe = manager_observe,
	.diff = manager_diff,
	.refine = manager_refine,
	.apply = manager_apply,
	.owned = manager_owned,
};
