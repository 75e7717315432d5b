/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values to show: from a row's example, its default, or what its type says of itself. */
#include "config/reference_internal.h"
#include "config/compose.h"
#include "config/yaml_text.h"

/* What stands behind "such as" in a type's name. */
static const char *from_type_name(const struct type *t)
{
	const char *p = strstr(t->name, "such as ");

	return p ? p + strlen("such as ") : NULL;
}

/* The row's example or default as a node: NULL when there is none. */
static const struct node *given_sample(struct arena *a, const struct field *f)
{
	const char *text = f->example ? f->example : f->def;

	return text ? compose_text(a, text) : NULL;
}

const char *sample_text(struct arena *a, const struct field *f)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const struct node *n = given_sample(a, f);
	const char *text;

	if (n && n->type == NODE_LIST && n->n > 0)
		n = n->items[0];
	if (n && n->type == NODE_SCALAR)
		return n->text;
	if (f->names)
		return f->names[0];
	if (f->min || f->max) {
		f->type->format(f, &f->min, &out);
		return arena_strdup(a, sb_str(&out));
	}
	text = from_type_name(f->type);
	if (text)
		return text;
	if (startswith(f->type->name, "true"))
		return "true";
	return f->type->bare ? "1" : "text";
}

const char *sample_key(struct arena *a, const struct field *f)
{
	const struct node *n = f->example ? compose_text(a, f->example) : NULL;
	const struct type *key = f->table->key;

	if (n && n->type == NODE_MAP && n->n > 0)
		return n->pairs[0].key->text;
	if (key && from_type_name(key))
		return from_type_name(key);
	return key && key->bare ? "0" : "example";
}

const char *field_sample(struct arena *a, const struct field *f)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };

	if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST) {
		if (f->example && (f->shape == SHAPE_SCALAR || *f->example == '['))
			return f->example;
		sb_add(&out, f->shape == SHAPE_LIST ? "[" : "");
		if (f->type->bare)
			sb_add(&out, sample_text(a, f));
		else
			yaml_add_string(&out, sample_text(a, f));
		sb_add(&out, f->shape == SHAPE_LIST ? "]" : "");
		return arena_strdup(a, sb_str(&out));
	}
	if (f->example)
		return f->example;
	return f->shape == SHAPE_OBJECTS ? "[{...}]" : "{...}";
}
