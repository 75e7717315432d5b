/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj_errors.h"
#include "config/obj_hints.h"
#include "config/type.h"

/* "KEY: " before a sentence, nothing at the top. */
static const char *prefix(struct diags *d, const struct path *where)
{
	const char *text = diags_full(d) ? "" : path_text(d->arena, where);

	return *text ? arena_printf(d->arena, "%s: ", text_shown(d->arena, text)) : "";
}

/* Whether the scalar is a value of the row's type. */
static bool fits(struct arena *a, const struct field *f, const struct node *n)
{
	struct scalar s = { .text = n->text, .quoted = n->quoted, .arena = a };

	s.kind = node_scalar_kind(n);
	return f->type->parse(f, &s, arena_alloc(a, f->type->size));
}

/* The key that such a value most likely belongs to: size of `memory: 2GiB`. Any word is text. */
static const struct field *row_for(struct arena *a, const struct table *t, const struct node *n)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		bool text = f->type == &type_string || f->type == &type_any;

		if (f->shape == SHAPE_SCALAR && (!text || f->required) && fits(a, f, n))
			return f;
	}
	return NULL;
}

static const char *object_hint(struct arena *a, const struct field *f, const struct node *n)
{
	const struct field *row = n->type == NODE_SCALAR ? row_for(a, f->table, n) : NULL;
	const char *glued;

	if (row)
		return arena_printf(
			a, "write `%s: {%s: %s}`", f->name, row->name, text_shown(a, n->text));
	if (n->type == NODE_SCALAR && (glued = glued_hint(a, f->table, n->text)))
		return glued;
	return arena_printf(a, "its keys are: %s", keys_text(a, f->table));
}

static const char *map_hint(struct arena *a, const struct field *f, const struct node *n)
{
	const char *word = f->table->key_word ? f->table->key_word : "NAME";

	if (n->type == NODE_LIST)
		return arena_printf(a, "write `%s:` before each entry, in place of `- `", word);
	if (f->example)
		return arena_printf(a, "write `%s: %s`", f->name, f->example);
	return arena_printf(a, "write `%s:` and what belongs to it below, indented", word);
}

static const char *shape_hint(struct arena *a, const struct field *f, const struct node *n)
{
	bool list = f->shape == SHAPE_LIST || f->shape == SHAPE_OBJECTS;

	if (f->shape == SHAPE_LIST && n->type == NODE_SCALAR && fits(a, f, n))
		return arena_printf(a, "write `%s: [%s]`", f->name, text_shown(a, n->text));
	if (f->shape == SHAPE_OBJECTS && n->type == NODE_MAP)
		return "begin each entry of the list with `- `";
	if (f->shape == SHAPE_SCALAR && n->type == NODE_LIST && n->n == 1)
		return "remove the brackets or the `- `";
	if (f->shape == SHAPE_MAP)
		return map_hint(a, f, n);
	if (f->shape == SHAPE_OBJECT)
		return object_hint(a, f, n);
	if (list || f->shape == SHAPE_SCALAR)
		return arena_printf(a, "write `%s: %s`", f->name, field_sample(a, f));
	return NULL;
}

bool refuse_shape(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where)
{
	static const char *const wanted[] = {
		[SHAPE_LIST] = "a list",
		[SHAPE_OBJECT] = "a map of keys",
		[SHAPE_OBJECTS] = "a list of maps",
		[SHAPE_MAP] = "a map of names",
	};

	if (diags_full(d))
		diag_error(d, n->mark, NULL, "%s", f->name);
	else
		diag_error(d, n->mark, shape_hint(d->arena, f, n), "%smust be %s, not %s",
			prefix(d, where),
			f->shape == SHAPE_SCALAR ? f->type->name : wanted[f->shape],
			node_describe(d->arena, n));
	return false;
}

bool refuse_item(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where)
{
	const char *hint =
		arena_printf(d->arena, "write `%s: %s`", f->name, field_sample(d->arena, f));

	diag_error(d, n->mark, hint, "%seach entry must be %s, not %s", prefix(d, where),
		f->type->name, node_describe(d->arena, n));
	return false;
}

bool refuse_null(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where)
{
	const char *hint;

	if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST)
		hint = arena_printf(d->arena, "write `%s: %s`, or remove the key", f->name,
			field_sample(d->arena, f));
	else
		hint = arena_printf(
			d->arena, "write what belongs below it, indented, or remove the key");
	diag_error(d, n->mark, hint, "%shas no value", prefix(d, where));
	return false;
}

bool refuse_null_object(
	struct diags *d, const struct table *t, const struct node *n, const struct path *where)
{
	const struct field *f = t->scalar ? table_field(t, t->scalar) : NULL;
	const char *hint = "write `{}` where the defaults are meant";

	for (size_t i = 0; i < t->n_fields && !f; i++)
		if (t->fields[i].required)
			f = &t->fields[i];
	if (f && t->scalar)
		hint = arena_printf(d->arena, "write `%s: %s`", text_shown(d->arena, where->part),
			field_sample(d->arena, f));
	else if (f)
		hint = arena_printf(d->arena, "write at least `%s: %s` below it, indented", f->name,
			field_sample(d->arena, f));
	diag_error(d, n->mark, hint, "%shas no value", prefix(d, where));
	return false;
}

bool refuse_object(
	struct diags *d, const struct table *t, const struct node *n, const struct path *where)
{
	const struct field *alone = t->scalar ? table_field(t, t->scalar) : NULL;

	if (diags_full(d))
		diag_error(d, n->mark, NULL, "map");
	else
		diag_error(d, n->mark,
			arena_printf(d->arena, "its keys are: %s", keys_text(d->arena, t)),
			"%smust be %s%sa map of keys, not %s", prefix(d, where),
			alone ? alone->type->name : "", alone ? ", or " : "",
			node_describe(d->arena, n));
	return false;
}

/* The type's own words, or "must be TYPE, not VALUE". */
static const char *why(
	struct diags *d, const struct field *f, const struct node *n, const struct scalar *s)
{
	if (s->why)
		return s->why;
	return arena_printf(
		d->arena, "must be %s, not %s", f->type->name, node_describe(d->arena, n));
}

bool refuse_scalar(struct diags *d, const struct field *f, const struct node *n,
	const struct path *where, const struct scalar *s)
{
	const char *text = prefix(d, where), *stray;

	if (f->secret)
		diag_error(d, n->mark, NULL, "%smust be %s", text, f->type->name);
	else
		diag_error(d, n->mark, (stray = stray_hint(d->arena, n->text)) ? stray : s->hint,
			"%s%s", text, why(d, f, n, s));
	return false;
}

bool refuse_key(struct diags *d, const struct field *f, const struct node *key,
	const struct path *where, const struct scalar *s)
{
	diag_error(d, key->mark, s->hint, "key in %s: %s", path_text(d->arena, where),
		why(d, f, key, s));
	return false;
}

bool refuse_planned(
	struct diags *d, const struct field *f, const struct node *key, const struct path *where)
{
	const char *in = path_text(d->arena, where->up);

	diag_error(d, key->mark, "remove it; a later version will know it",
		"`%s`%s%s is not built in this version of kvmhost", f->name, *in ? " in " : "", in);
	return false;
}

bool refuse_missing(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where)
{
	const char *in = path_text(d->arena, where);

	diag_error(d, n->mark,
		arena_printf(d->arena, "add `%s: %s`", f->name, field_sample(d->arena, f)),
		"`%s` is missing%s%s", f->name, *in ? " in " : "", in);
	return false;
}

bool refuse_default(struct diags *d, const struct field *f, const struct path *where)
{
	diag_error(d, (struct mark){ 0 }, NULL,
		"%sits default `%s` is not valid (a fault of kvmhost)", prefix(d, where), f->def);
	return false;
}
