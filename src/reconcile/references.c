/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References and claims between resources, all from the rows' ref, uses and claims. */
#include "reconcile/wants.h"

struct claim {
	struct resource *owner;
	struct mark mark;
};

struct walk {
	struct wants *w;
	struct resource *r; /* being walked */
	struct strmap claims; /* "space value" -> struct claim */
};

static const char *claim_key(struct walk *k, const char *space, const char *value)
{
	return arena_join(k->w->arena, space, ' ', value);
}

static void claim(struct walk *k, const char *space, const char *value, struct mark m)
{
	struct claim *c = arena_alloc(k->w->arena, sizeof(*c));
	const char *key = claim_key(k, space, value);
	struct claim *first = strmap_get(&k->claims, key);
	struct diag *d;

	*c = (struct claim){ .owner = k->r, .mark = m };
	if (!first) {
		strmap_put(&k->claims, key, c);
		return;
	}
	if (first->owner == k->r)
		d = diag_error(k->w->diags, m, "take one of the two out",
			"%s `%s` stands twice in %s", space, value, k->r->id);
	else
		d = diag_error(k->w->diags, m, "give one of the two another one",
			"%s `%s` is claimed by %s and by %s", space, value, first->owner->id,
			k->r->id);
	diag_relate(d, first->mark, "first claimed here");
}

static void note_claims(const struct field *f, const void *value, struct mark m, void *arg)
{
	struct walk *k = arg;

	if (f->claims)
		claim(k, f->claims, value_string(k->w->arena, f, value), m);
}

/* Where the document declares such a kind. */
static const char *section_of(const char *kind)
{
	for (size_t i = 0; i < document_table.n_fields; i++)
		if (streq_null(document_table.fields[i].kind, kind))
			return document_table.fields[i].name;
	return kind;
}

/* The declared name that was probably meant. */
static const char *near_name(struct wants *w, const char *kind, const char *name)
{
	const char **names = arena_alloc(w->arena, (w->n + w->n_flawed) * sizeof(*names));
	const char *best;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (streq(w->v[i]->kind->name, kind))
			names[n++] = w->v[i]->name;
	for (size_t i = 0; i < w->n_flawed; i++)
		if (streq(w->flawed[i]->kind->name, kind))
			names[n++] = w->flawed[i]->name;
	best = suggest(name, names, n);
	if (best)
		return arena_printf(w->arena, "did you mean `%s`?", best);
	return arena_printf(
		w->arena, "declare it under %s, or name one that is declared", section_of(kind));
}

/* What is wanted under that name may be another kind's: the bridge of a network. */
static const char *ref_hint(struct walk *k, const struct field *f, const char *name)
{
	const struct kind *kind = kind_find(f->ref);
	const struct claim *c =
		kind->claims ? strmap_get(&k->claims, claim_key(k, kind->claims, name)) : NULL;

	if (!c || c->owner->origin)
		return near_name(k->w, f->ref, name);
	return arena_printf(k->w->arena, "`%s` belongs to the %s `%s`: write `%s: %s`", name,
		c->owner->kind->name, c->owner->name, c->owner->kind->name, c->owner->name);
}

static void resolve_ref(struct walk *k, const struct field *f, const char *text, struct mark m)
{
	struct resource *r = wants_find(k->w, f->ref, text);

	if (!r) /* an entry with errors has its place in a circle, too */
		r = strmap_get(&k->w->invalid, arena_join(k->w->arena, f->ref, '/', text));
	if (r == k->r)
		diag_error(k->w->diags, m, "name another one, or leave it out", "%s names itself",
			r->id);
	else if (r)
		want_after(k->w, k->r, r);
	else
		diag_error(k->w->diags, m, diags_full(k->w->diags) ? NULL : ref_hint(k, f, text),
			"there is no %s `%s` in this document", f->ref,
			text_shown(k->w->arena, text));
}

static const char *ref_name(struct walk *k, const struct field *f, const char *text)
{
	const char *end = f->ref_end ? strchr(text, f->ref_end) : NULL;

	return end ? arena_strndup(k->w->arena, text, (size_t)(end - text)) : text;
}

static void resolve(const struct field *f, const void *value, struct mark m, void *arg)
{
	struct walk *k = arg;
	const char *text;
	struct claim *c;

	if (!f->ref && !f->uses)
		return;
	text = value_string(k->w->arena, f, value);
	if (f->ref)
		resolve_ref(k, f, ref_name(k, f, text), m);
	if (f->uses && (c = strmap_get(&k->claims, claim_key(k, f->uses, text))))
		want_after(k->w, k->r, c->owner);
}

static void claim_all(struct walk *k, struct resource *r)
{
	k->r = r;
	if (r->kind->claims)
		claim(k, r->kind->claims, r->name, r->mark);
	obj_walk_names(r->want, note_claims, k);
}

static void resolve_all(struct walk *k, struct resource *r)
{
	k->r = r;
	obj_walk_names(r->want, resolve, k);
}

void wants_resolve(struct wants *w)
{
	struct walk k = { .w = w };

	for (size_t i = 0; i < w->n; i++)
		claim_all(&k, w->v[i]);
	for (size_t i = 0; i < w->n_flawed; i++)
		claim_all(&k, w->flawed[i]);
	for (size_t i = 0; i < w->n; i++)
		resolve_all(&k, w->v[i]);
	for (size_t i = 0; i < w->n_flawed; i++)
		resolve_all(&k, w->flawed[i]);
	strmap_free(&k.claims);
}
