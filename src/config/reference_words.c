/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/reference_internal.h"
#include "config/scalar.h"

static void scalar_words(const struct field *f, struct strbuf *out)
{
	if (!f->names) {
		sb_add(out, f->type->name);
	} else {
		sb_add(out, f->names[0] && f->names[1] ? "one of " : "");
		for (size_t i = 0; f->names[i]; i++)
			sb_addf(out, "%s%s", i ? ", " : "", f->names[i]);
	}
	if (f->min || f->max) {
		sb_add(out, ", ");
		range_text(f, out);
	}
}

static void map_words(const struct table *t, struct strbuf *out)
{
	const char *word = key_word(t);

	if (t->scalar)
		sb_addf(out, "a map of %s: %s", word, t->scalar);
	else
		sb_addf(out, "a map, each %s with keys of its own", word);
	if (t->key)
		sb_addf(out, "; %s is %s", word, t->key->name);
}

void type_words(const struct field *f, struct strbuf *out)
{
	switch (f->shape) {
	case SHAPE_SCALAR: scalar_words(f, out); break;
	case SHAPE_LIST:
		sb_add(out, f->alone ? "one alone, or a list; each: " : "a list; each: ");
		scalar_words(f, out);
		break;
	case SHAPE_OBJECT:
		sb_add(out, "a map of keys");
		if (f->table->scalar)
			sb_addf(out, ", or its %s alone", f->table->scalar);
		break;
	case SHAPE_OBJECTS: sb_add(out, "a list of maps"); break;
	case SHAPE_MAP: map_words(f->table, out); break;
	case SHAPE_PLANNED: sb_add(out, "not built in this version"); break;
	}
}

const char *change_words(const struct field *f)
{
	switch (f->on_change) {
	case CHANGE_PARTLY:
		return "is made in place where the end of the list changes; else a guest is "
		       "restarted";
	case CHANGE_RECREATE: return "needs the thing to be made again; a guest is restarted";
	case CHANGE_REBOOT: return "takes effect at the next boot";
	default: return "is made in place";
	}
}

const char *key_word(const struct table *t)
{
	return t->key_word ? t->key_word : "NAME";
}

size_t first_sentence(const char *doc)
{
	const char *p = doc;

	while ((p = strchr(p, '.')) && p[1] != ' ' && p[1] != '\0')
		p++;
	return p ? (size_t)(p - doc) + 1 : strlen(doc);
}

void node_json(const struct node *n, struct strbuf *out)
{
	if (n->type == NODE_SCALAR) {
		enum scalar_kind kind = node_scalar_kind(n);

		if (kind == SCALAR_STRING)
			sb_add_json(out, n->text);
		else
			sb_add(out, kind == SCALAR_NULL ? "null" : n->text);
		return;
	}
	sb_addc(out, n->type == NODE_MAP ? '{' : '[');
	for (size_t i = 0; i < n->n; i++) {
		sb_add(out, i ? "," : "");
		if (n->type == NODE_MAP) {
			sb_add_json(out, n->pairs[i].key->text);
			sb_addc(out, ':');
		}
		node_json(n->type == NODE_MAP ? n->pairs[i].value : n->items[i], out);
	}
	sb_addc(out, n->type == NODE_MAP ? '}' : ']');
}
