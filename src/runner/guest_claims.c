/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What two guests of a document cannot both have: a user, an image, a screen's address. */
#include "base/strmap.h"
#include "runner/guest_kind.h"
#include "runner/guest_vfs.h"

struct uid_owner {
	uid_t uid;
	const struct resource *r;
};

static int compare_uids(const void *a, const void *b)
{
	const struct uid_owner *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static bool is_guest(const struct resource *r)
{
	return streq(r->kind->name, "guest");
}

/* Users come from names by a hash; two guests with one user could read each other's memory. */
static void check_uids(const struct wants *w, struct diags *d)
{
	struct uid_owner *v = arena_alloc(d->arena, (w->n + 1) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (is_guest(w->v[i]))
			v[n++] = (struct uid_owner){ guest_uid(w->v[i]->name), w->v[i] };
	qsort(v, n, sizeof(*v), compare_uids);
	for (size_t i = 1; i < n; i++)
		if (v[i].uid == v[i - 1].uid)
			diag_relate(diag_error(d, v[i].r->mark, "give one of them another name",
					    "the names of %s and %s lead to the same user %lu",
					    v[i - 1].r->id, v[i].r->id, (unsigned long)v[i].uid),
				v[i - 1].r->mark, "the other one");
}

struct image_use {
	struct resource *r;
	struct mark mark;
	bool readonly;
};

/* One image in two places is two writers, unless all only read. */
static void use_image(struct strmap *uses, struct resource *r, const char *path, struct mark mark,
	bool readonly, struct diags *d)
{
	struct image_use *use = arena_alloc(d->arena, sizeof(*use)),
			 *first = strmap_get(uses, path);
	struct diag *said;

	*use = (struct image_use){ r, mark, readonly };
	if (!first) {
		strmap_put(uses, path, use);
		return;
	}
	if (first->readonly && readonly)
		return;
	said = first->r == r
		       ? diag_error(d, mark, "take one of the two out",
				 "disk `%s` stands twice in %s", text_shown(d->arena, path), r->id)
		       : diag_error(d, mark, "give one of the two another one",
				 "disk `%s` is claimed by %s and by %s", text_shown(d->arena, path),
				 first->r->id, r->id);
	diag_relate(said, first->mark, "first claimed here");
}

static void use_images(struct strmap *uses, struct resource *r, struct diags *d)
{
	const struct guest *g = r->want;

	for (size_t i = 0; i < g->disks.n; i++) {
		const struct guest_disk *k = &LIST_AT(&g->disks, const struct guest_disk, i);

		if (k->path)
			use_image(uses, r, k->path, obj_mark(k, "path"), disk_is_readonly(k), d);
		if (k->base)
			use_image(uses, r, k->base, obj_mark(k, "base"), true, d);
		if (k->copy_of)
			use_image(uses, r, k->copy_of, obj_mark(k, "copy_of"), true, d);
	}
	if (obj_has(g, "install") && g->install.iso)
		use_image(uses, r, g->install.iso, obj_mark(&g->install, "iso"), true, d);
}

static void check_images(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap uses = { 0 };

	for (size_t i = 0; i < w->n; i++)
		if (is_guest(w->v[i]))
			use_images(&uses, w->v[i], d);
}

/* The same place twice. Who else listens there shows when the guest starts. */
static void check_screens(const struct wants *w, struct diags *d)
{
	_cleanup_strmap_ struct strmap uses = { 0 };

	for (size_t i = 0; i < w->n; i++) {
		const struct guest *g = is_guest(w->v[i]) ? w->v[i]->want : NULL;
		const struct resource *first;
		const char *at;

		if (!g || !obj_has(g, "graphics") || !obj_has(&g->graphics, "port"))
			continue;
		at = arena_printf(d->arena, "%s port %d",
			obj_text(&g->graphics, "listen", d->arena), (int)g->graphics.port);
		first = strmap_get(&uses, at);
		if (!first)
			strmap_put(&uses, at, w->v[i]);
		else
			diag_relate(diag_error(d, obj_mark(&g->graphics, "port"),
					    "give one of the two another port, or leave it out",
					    "%s is the screen of %s and of %s", at, first->id,
					    w->v[i]->id),
				obj_mark(&((const struct guest *)first->want)->graphics, "port"),
				"first claimed here");
	}
}

/* Once for all guests, on behalf of the first. */
void guest_claims_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	size_t first = 0;

	while (first < w->n && !is_guest(w->v[first]))
		first++;
	if (first == w->n || w->v[first] != r)
		return;
	check_uids(w, d);
	check_images(w, d);
	check_screens(w, d);
	guest_vfs_check(w, d);
}
