/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Objects as text and JSON, and the walk over all of their scalars. */
#include "config/obj_internal.h"
#include "config/type_text.h"

static const char secret_text[] = "(secret)";

void value_text(const struct field *f, const void *value, struct strbuf *out)
{
	if (f->secret)
		sb_add(out, secret_text);
	else
		f->type->format(f, value, out);
}

const char *value_string(struct arena *a, const struct field *f, const void *value)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	/* Most values are text as it is. */
	if (f->type->format == text_format && !f->secret)
		return *(const char *const *)value;
	value_text(f, value, &text);
	return arena_strdup(a, sb_str(&text));
}

bool value_equal(const struct type *t, const void *a, const void *b)
{
	return t->equal ? t->equal(a, b) : memcmp(a, b, t->size) == 0;
}

void value_json(const struct field *f, const void *value, struct strbuf *out)
{
	size_t at = out->len;

	value_text(f, value, out);
	if (!f->type->bare || f->secret)
		sb_json_from(out, at);
}

static int compare_names(const void *a, const void *b)
{
	const struct obj *x = *(const struct obj *const *)a, *y = *(const struct obj *const *)b;

	return strcmp(x->name, y->name);
}

const struct obj **sorted_entries(const struct field *f, const struct list *l)
{
	const struct obj **v = xmalloc(l->n * sizeof(struct obj *));

	for (size_t i = 0; i < l->n; i++)
		v[i] = element(l, i, f->table->size);
	qsort(v, l->n, sizeof(struct obj *), compare_names);
	return v;
}

static void map_json(const struct field *f, const struct list *l, struct strbuf *out)
{
	_cleanup_free_ const struct obj **v = sorted_entries(f, l);

	sb_addc(out, '{');
	for (size_t i = 0; i < l->n; i++) {
		sb_add(out, i ? "," : "");
		sb_add_json(out, v[i]->name);
		sb_addc(out, ':');
		object_json(f->table, v[i], out);
	}
	sb_addc(out, '}');
}

static void list_json(const struct field *f, const struct list *l, struct strbuf *out)
{
	sb_addc(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		sb_add(out, i ? "," : "");
		if (f->shape == SHAPE_LIST)
			value_json(f, element(l, i, f->type->size), out);
		else
			object_json(f->table, element(l, i, f->table->size), out);
	}
	sb_addc(out, ']');
}

void field_json(const struct field *f, const void *member, struct strbuf *out)
{
	switch (f->shape) {
	case SHAPE_SCALAR: value_json(f, member, out); break;
	case SHAPE_OBJECT: object_json(f->table, member, out); break;
	case SHAPE_MAP: map_json(f, member, out); break;
	default: list_json(f, member, out); break;
	}
}

void object_json(const struct table *t, const void *obj, struct strbuf *out)
{
	bool first = true;

	sb_addc(out, '{');
	for (size_t i = 0; i < t->n_fields; i++) {
		if (!is_set(obj, i))
			continue;
		sb_add(out, first ? "\"" : ",\"");
		sb_add(out, t->fields[i].name);
		sb_add(out, "\":");
		field_json(&t->fields[i], member_of(obj, &t->fields[i]), out);
		first = false;
	}
	sb_addc(out, '}');
}

void obj_json(const void *obj, struct strbuf *out)
{
	object_json(((const struct obj *)obj)->table, obj, out);
}

/*
 * The text of one place
 */

/* What follows `part` and its dot in path; NULL when path does not begin with it. */
static const char *after_part(const char *path, const char *part)
{
	const char *rest = startswith(path, part);

	if (!rest || (*rest && *rest != '.'))
		return NULL;
	return rest + (*rest == '.');
}

static const char *text_at(
	const struct table *t, const void *obj, const char *path, struct arena *a);

static const char *field_text(const struct field *f, const void *member, struct arena *a)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	if (f->shape == SHAPE_SCALAR)
		value_text(f, member, &out);
	else
		field_json(f, member, &out);
	return arena_strdup(a, sb_str(&out));
}

static const char *object_text(
	const struct table *t, const void *obj, const char *path, struct arena *a)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	if (*path)
		return text_at(t, obj, path, a);
	object_json(t, obj, &out);
	return arena_strdup(a, sb_str(&out));
}

/* Names may hold dots, so the longest that fits is meant. */
static const char *entry_text(
	const struct field *f, const struct list *l, const char *path, struct arena *a)
{
	const struct obj *best = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct obj *o = element(l, i, f->table->size);

		if (o->name && after_part(path, o->name) &&
			(!best || strlen(o->name) > strlen(best->name)))
			best = o;
	}
	return best ? object_text(f->table, best, after_part(path, best->name), a) : NULL;
}

static const char *item_text(
	const struct field *f, const struct list *l, const char *path, struct arena *a)
{
	char *end;
	unsigned long i = strtoul(path, &end, 10);

	if (end == path || (*end && *end != '.') || i >= l->n)
		return NULL;
	if (f->shape == SHAPE_OBJECTS)
		return object_text(f->table, element(l, i, f->table->size), end + (*end == '.'), a);
	return *end ? NULL : value_string(a, f, element(l, i, f->type->size));
}

static const char *text_at(
	const struct table *t, const void *obj, const char *path, struct arena *a)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *rest = is_set(obj, i) ? after_part(path, f->name) : NULL;
		const void *member = member_of(obj, f);

		if (!rest)
			continue;
		if (*rest == '\0')
			return field_text(f, member, a);
		switch (f->shape) {
		case SHAPE_OBJECT: return text_at(f->table, member, rest, a);
		case SHAPE_MAP: return entry_text(f, member, rest, a);
		case SHAPE_LIST:
		case SHAPE_OBJECTS: return item_text(f, member, rest, a);
		default: return NULL;
		}
	}
	return NULL;
}

const char *obj_text(const void *obj, const char *path, struct arena *a)
{
	return text_at(((const struct obj *)obj)->table, obj, path, a);
}

/*
 * The walk
 */

struct walk {
	obj_walk_fn *fn;
	void *arg;
	bool names; /* rows that name something, and no others */
};

static bool passed_over(const struct walk *w, const struct field *f)
{
	return w->names && (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST) && !f->ref &&
	       !f->uses && !f->claims;
}

/* The node's place; defaults and records have none and take that of what they belong to. */
static struct mark place_of(const struct node *n, struct mark otherwise)
{
	return n && n->mark.source ? n->mark : otherwise;
}

static void walk_object(struct walk *w, const struct table *t, const void *obj, struct mark place);

static void walk_list(struct walk *w, const struct field *f, const struct list *l,
	const struct node *value, struct mark place)
{
	bool written = value && value->type == NODE_LIST && value->n == l->n;

	for (size_t i = 0; i < l->n; i++)
		if (f->shape == SHAPE_LIST)
			w->fn(f, element(l, i, f->type->size),
				place_of(written ? value->items[i] : NULL, place), w->arg);
		else
			walk_object(w, f->table, element(l, i, f->table->size), place);
}

static void walk_object(struct walk *w, const struct table *t, const void *obj, struct mark place)
{
	const struct node *n = ((const struct obj *)obj)->node;

	place = place_of(n, place);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const void *member = member_of(obj, f);
		const struct node *value;
		struct mark m;

		if (!is_set(obj, i) || passed_over(w, f))
			continue;
		value = node_get(n, f->name);
		m = place_of(value, place);
		if (f->shape == SHAPE_SCALAR)
			w->fn(f, member, m, w->arg);
		else if (f->shape == SHAPE_OBJECT)
			walk_object(w, f->table, member, m);
		else
			walk_list(w, f, member, value, m);
	}
}

void obj_walk(const void *obj, obj_walk_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };

	walk_object(&w, ((const struct obj *)obj)->table, obj, (struct mark){ 0 });
}

void obj_walk_names(const void *obj, obj_walk_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg, .names = true };

	walk_object(&w, ((const struct obj *)obj)->table, obj, (struct mark){ 0 });
}
