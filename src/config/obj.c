/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj_internal.h"
#include <assert.h>

const struct field *table_field(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (*t->fields[i].name == *name && streq(t->fields[i].name, name))
			return &t->fields[i];
	return NULL;
}

const struct field *table_nearest(const struct table *t, const char *word, size_t *slips)
{
	const char *names[64] = { NULL }, *found;

	for (size_t i = 0; i < t->n_fields; i++)
		names[i] = t->fields[i].name;
	found = suggest_slips(word, names, t->n_fields, slips);
	return found ? table_field(t, found) : NULL;
}

const char *path_text(struct arena *a, const struct path *p)
{
	const char *up;

	while (p && !*p->part)
		p = p->up;
	if (!p)
		return "";
	up = path_text(a, p->up);
	return *up ? arena_printf(a, "%s%s%s", up, *p->part == '[' ? "" : ".", p->part) : p->part;
}

void obj_init(void *obj, const struct table *t, const char *name)
{
	struct obj *o = obj;

	assert(t->n_fields <= 64);
	o->table = t;
	o->name = name;
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].shape == SHAPE_OBJECT)
			obj_init(member_of(obj, &t->fields[i]), t->fields[i].table, NULL);
}

void *obj_new(struct arena *a, const struct table *t, const char *name)
{
	void *obj = arena_alloc(a, t->size);

	obj_init(obj, t, name ? arena_strdup(a, name) : NULL);
	return obj;
}

/*
 * What follows the name in a path that begins with it, or NULL. Nearly always an early letter says
 * no, which takes no call.
 */
static const char *after_name(const char *path, const char *name)
{
	for (; *name; name++, path++)
		if (*name != *path)
			return NULL;
	return *path == '.' || !*path ? path : NULL;
}

/*
 * Follows "cpu.count" to the object that holds count; the row is in *f. Each
 * object on the way must be set, or is marked so. NULL when the path ends
 * before.
 */
static void *descend(void *obj, const char *path, const struct field **f, bool mark)
{
	for (;;) {
		struct obj *o = obj;
		const char *rest = NULL;
		size_t i = 0;

		for (; i < o->table->n_fields; i++)
			if ((rest = after_name(path, o->table->fields[i].name)))
				break;
		if (!rest)
			return NULL;
		*f = &o->table->fields[i];
		if (!*rest)
			return obj;
		if ((*f)->shape != SHAPE_OBJECT || (!mark && !is_set(obj, i)))
			return NULL;
		if (mark)
			o->set |= UINT64_C(1) << i;
		obj = member_of(obj, *f);
		path = rest + 1;
	}
}

static size_t row_of(const struct obj *o, const struct field *f)
{
	return (size_t)(f - o->table->fields);
}

void obj_mark_set(void *obj, const char *field)
{
	const struct field *f;
	struct obj *o = descend(obj, field, &f, true);

	assert(o);
	o->set |= UINT64_C(1) << row_of(o, f);
}

bool obj_has(const void *obj, const char *field)
{
	const struct field *f;
	struct obj *o = descend((void *)(uintptr_t)obj, field, &f, false);

	return o && is_set(o, row_of(o, f));
}

bool text_parse(const struct field *f, const char *text, struct arena *a, void *value)
{
	const struct node n = { .type = NODE_SCALAR, .text = text, .quoted = !f->type->bare };
	struct scalar s = { .text = text, .quoted = n.quoted, .arena = a };

	s.kind = node_scalar_kind(&n);
	return f->type->parse(f, &s, value);
}

bool obj_set_text(void *obj, const char *field, const char *text, struct arena *a)
{
	const struct field *f;
	struct obj *o = descend(obj, field, &f, false);

	/* First without marking, so that a refused text leaves no trace. */
	if (!o && !(o = descend(obj, field, &f, true)))
		return false;
	if (f->shape != SHAPE_SCALAR || !text_parse(f, text, a, member_of(o, f)))
		return false;
	o->set |= UINT64_C(1) << row_of(o, f);
	return true;
}

struct mark obj_mark(const void *obj, const char *field)
{
	const struct obj *o = obj;
	const struct node *value;

	if (!o->node)
		return (struct mark){ 0 };
	value = node_get(o->node, field);
	return value ? value->mark : o->node->mark;
}

struct mark obj_mark_item(const void *obj, const char *field, size_t i)
{
	const struct obj *o = obj;
	const struct node *value = node_get(o->node, field);

	if (value && value->type == NODE_LIST && i < value->n)
		return value->items[i]->mark;
	if (value && value->type == NODE_MAP && i < value->n)
		return value->pairs[i].value->mark;
	return obj_mark(obj, field);
}

struct mark obj_mark_key(const void *obj, const char *field)
{
	const struct obj *o = obj;
	const struct pair *p = node_find(o->node, field);

	return p ? p->key->mark : obj_mark(obj, field);
}
