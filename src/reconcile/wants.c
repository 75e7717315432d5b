/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a document's tree to wants. Where the document has errors, its valid
 * entries are still checked against each other, so that one run reports all
 * that is wrong; nothing is derived from such a document.
 */
#include "reconcile/wants.h"

struct resource *wants_add(
	struct wants *w, const struct kind *k, const char *name, const void *want, struct mark m)
{
	struct resource *r = arena_alloc(w->arena, sizeof(*r));

	r->kind = k;
	r->name = name;
	r->id = arena_join(w->arena, k->name, '/', name);
	r->want = want;
	r->mark = m;
	*ARENA_PUSH(w->arena, w->v, w->n) = r;
	strmap_put(&w->by_id, r->id, r);
	return r;
}

struct resource *wants_find(const struct wants *w, const char *kind, const char *name)
{
	size_t a = strlen(kind), b = strlen(name);
	char id[512];

	if (a + b + 2 > sizeof(id))
		return NULL;
	memcpy(id, kind, a);
	id[a] = '/';
	memcpy(id + a + 1, name, b);
	id[a + 1 + b] = '\0';
	return strmap_get(&w->by_id, id);
}

const void *wants_section(const struct wants *w, const char *path)
{
	const struct table *t = &document_table;
	const char *at = w->document;

	while (at && *path) {
		_cleanup_free_ char *name = strndup(path, strcspn(path, "."));
		const struct field *f = name ? table_field(t, name) : NULL;

		if (!f || f->shape != SHAPE_OBJECT || !obj_has(at, name))
			return NULL;
		at += f->offset;
		t = f->table;
		path += strcspn(path, ".");
		path += *path == '.';
	}
	return at;
}

void wants_free(struct wants *w)
{
	strmap_free(&w->by_id);
	strmap_free(&w->invalid);
}

/* An entry of a document that has errors somewhere, where itself is valid. */
static bool parse_alone(struct wants *w, const struct field *f, const struct pair *p, void *obj)
{
	struct diags scratch = { .arena = w->arena };

	return obj_parse(f->table, p->value, p->key->text, f->name, obj, &scratch);
}

static void add_flawed(
	struct wants *w, const struct kind *k, const struct pair *p, const struct obj *obj)
{
	struct resource *r = arena_alloc(w->arena, sizeof(*r));

	r->kind = k;
	r->name = p->key->text;
	r->id = arena_join(w->arena, k->name, '/', r->name);
	r->want = obj;
	r->mark = p->key->mark;
	strmap_put(&w->invalid, r->id, r);
	*ARENA_PUSH(w->arena, w->flawed, w->n_flawed) = r;
}

static void add_entries(
	struct wants *w, const struct field *f, const struct list *entries, const struct node *map)
{
	const struct kind *k = kind_find(f->kind);

	if (!map || map->type != NODE_MAP)
		return;
	for (size_t i = 0; i < map->n; i++) {
		const struct pair *p = &map->pairs[i];
		struct obj *obj = entries ? (void *)((char *)entries->v + i * f->table->size)
					  : arena_alloc(w->arena, f->table->size);

		if (entries || parse_alone(w, f, p, obj))
			wants_add(w, k, obj->name, obj, p->key->mark);
		else
			add_flawed(w, k, p, obj);
	}
}

/* Each item is a resource, named as it is written; the item says all, so its object is empty. */
static void add_items(
	struct wants *w, const struct field *f, const struct list *items, const struct node *list)
{
	const struct kind *k = kind_find(f->kind);

	for (size_t i = 0; items && list && i < items->n; i++) {
		const char *name = LIST_AT(items, const char *, i);

		wants_add(w, k, name, obj_new(w->arena, k->table, name), list->items[i]->mark);
	}
}

/* Walks the sections; obj is NULL in a document that has errors. */
static void add_sections(
	struct wants *w, const struct table *t, const void *obj, const struct node *node)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const void *member = obj ? (const char *)obj + f->offset : NULL;
		const struct node *child = node_get(node, f->name);

		if (f->shape == SHAPE_MAP && f->kind)
			add_entries(w, f, member, child);
		else if (f->shape == SHAPE_LIST && f->kind)
			add_items(w, f, member, child);
		else if (f->shape == SHAPE_OBJECT && f->kind && member && child)
			wants_add(w, kind_find(f->kind), "host", member,
				node_find(node, f->name)->key->mark);
		else if (f->shape == SHAPE_OBJECT && !f->kind)
			add_sections(w, f->table, member, child);
	}
}

struct resource *want_imply(
	struct wants *w, const struct resource *from, const char *kind, const char *name)
{
	struct resource *r = wants_find(w, kind, name);

	if (!r) {
		const struct kind *k = kind_find(kind);

		r = wants_add(w, k, arena_strdup(w->arena, name), NULL, from->mark);
		r->want = obj_new(w->arena, k->table, r->name);
		r->origin = from;
	}
	w->deriving = from;
	return r;
}

struct resource *want_derive(struct wants *w, const struct resource *from, const char *kind,
	const char *name, bool before_from)
{
	struct resource *r = want_imply(w, from, kind, name);
	struct resource *origin = strmap_get(&w->by_id, from->id);

	if (before_from)
		want_after(w, origin, r);
	else
		want_after(w, r, origin);
	return r;
}

void want_set(struct wants *w, struct resource *r, const char *field, const char *text)
{
	const char *had = obj_text(r->want, field, w->arena);

	if (had && streq(had, text))
		return;
	if (!had) {
		obj_set_text((void *)r->want, field, text, w->arena);
		return;
	}
	diag_error(w->diags, r->origin ? r->mark : obj_mark(r->want, field),
		arena_printf(w->arena,
			"write %s, or take the line out: kvmhost then sets it itself", text),
		"%s is %s here, but %s needs %s", r->id, had, w->deriving->id, text);
}

void want_set_list(
	struct wants *w _unused_, struct resource *r, const char *field, const struct list *list)
{
	struct obj *o = (void *)r->want;

	*(struct list *)((char *)o + table_field(o->table, field)->offset) = *list;
	obj_mark_set(o, field);
}

void want_set_entry(
	struct wants *w, struct resource *r, const char *map, const char *key, const char *text)
{
	struct obj *o = (void *)r->want;
	const struct field *f = table_field(o->table, map);
	struct list *l = (void *)((char *)o + f->offset);
	size_t size = f->table->size;
	char *v = arena_alloc(w->arena, (l->n + 1) * size);

	for (size_t i = 0; i < l->n; i++) {
		const struct obj *entry = (void *)((char *)l->v + i * size);
		const char *had = obj_text(entry, f->table->scalar, w->arena);

		if (!streq(entry->name, key))
			continue;
		if (!streq(had, text))
			diag_error(w->diags, obj_mark(entry, f->table->scalar),
				arena_printf(w->arena,
					"write %s, or take the line out: kvmhost then "
					"sets it itself",
					text),
				"%s of %s is %s here, but %s needs %s", key, r->id, had,
				w->deriving->id, text);
		return;
	}
	if (l->n)
		memcpy(v, l->v, l->n * size);
	obj_init(v + l->n * size, f->table, arena_strdup(w->arena, key));
	obj_set_text(v + l->n * size, f->table->scalar, text, w->arena);
	*l = (struct list){ v, l->n + 1 };
	obj_mark_set(o, map);
}

void want_after(struct wants *w, struct resource *r, struct resource *needed)
{
	/* Whether it stands further back is asked once for all, by wants_order(). */
	if (r == needed || (r->n_after && r->after[r->n_after - 1] == needed))
		return;
	*ARENA_PUSH(w->arena, r->after, r->n_after) = needed;
}

static void derive_all(struct wants *w)
{
	/* The array grows while it is walked: what is derived may derive in turn. */
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind->derive)
			w->v[i]->kind->derive(w->v[i], w);
}

bool wants_build(struct wants *w, const struct node *root, struct diags *d)
{
	void *doc = arena_alloc(d->arena, document_table.size);
	bool valid;

	*w = (struct wants){ .arena = d->arena, .diags = d };
	valid = obj_parse(&document_table, root, NULL, "", doc, d) && !d->errors;
	w->document = doc;
	add_sections(w, &document_table, valid ? doc : NULL, root);
	for (size_t i = 0; i < w->n; i++)
		if (w->v[i]->kind->check)
			w->v[i]->kind->check(w->v[i], w, d);
	if (!d->errors)
		derive_all(w);
	wants_resolve(w);
	wants_order(w); /* with errors too: a circle is one more to tell */
	return !d->errors;
}
