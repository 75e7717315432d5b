/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From nodes to structs. A fault in one field hides none in its siblings: each
 * is reported, the field stays without a value, and the walk goes on.
 */
#include "config/obj_internal.h"
#include "base/decimal.h"
#include "base/strmap.h"
#include "config/compose.h"
#include "config/obj_errors.h"
#include "config/obj_flawed.h"
#include <assert.h>

/* What is being parsed; the outermost table serves hints. */
struct parser {
	struct diags *d;
	const struct table *root;
	struct flaws flaws;
	bool load; /* a record, not a document: no defaults, nothing required, no checks */
	bool unchecked; /* a value to try: no checks */
};

static bool parse_field(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, void *member);
static bool parse_object(struct parser *p, const struct table *t, const struct node *n,
	const char *name, const struct path *where, void *out);

static bool is_null(const struct node *n)
{
	return n->type == NODE_SCALAR && node_scalar_kind(n) == SCALAR_NULL;
}

static bool parse_scalar(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, void *value)
{
	struct scalar s = { .text = n->text, .quoted = n->quoted, .arena = p->d->arena };

	if (n->type != NODE_SCALAR)
		return refuse_shape(p->d, f, n, where);
	if (is_null(n))
		return refuse_null(p->d, f, n, where);
	s.kind = node_scalar_kind(n);
	if (f->type->parse(f, &s, value))
		return true;
	return refuse_scalar(p->d, f, n, where, &s);
}

static bool parse_list(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, struct list *out)
{
	bool ok = true;

	if (f->alone && n->type == NODE_SCALAR) {
		*out = (struct list){ arena_alloc(p->d->arena, f->type->size), 1 };
		return parse_scalar(p, f, n, where, out->v);
	}
	if (n->type != NODE_LIST)
		return refuse_shape(p->d, f, n, where);
	out->v = arena_alloc(p->d->arena, n->n * f->type->size);
	out->n = n->n;
	for (size_t i = 0; i < n->n; i++) {
		const struct node *item = n->items[i];

		if (item->type != NODE_SCALAR || is_null(item))
			ok = refuse_item(p->d, f, item, where);
		else
			ok &= parse_scalar(p, f, item, where, element(out, i, f->type->size));
	}
	return ok;
}

static bool parse_objects(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, struct list *out)
{
	bool ok = true;
	struct decimal index;

	if (n->type != NODE_LIST)
		return refuse_shape(p->d, f, n, where);
	out->v = arena_alloc(p->d->arena, n->n * f->table->size);
	out->n = n->n;
	for (size_t i = 0; i < n->n; i++) {
		struct path item = { where, decimal(&index, i) };

		ok &= parse_object(
			p, f->table, n->items[i], NULL, &item, element(out, i, f->table->size));
	}
	return ok;
}

/* The canonical text of a map's key, or NULL after reporting what is wrong with it. */
static const char *parse_key(
	struct parser *p, const struct table *t, const struct node *key, const struct path *where)
{
	const struct field f = { .name = t->key_word ? t->key_word : "NAME", .type = t->key };
	struct arena *a = p->d->arena;
	struct scalar s = { .text = key->text, .arena = a };
	struct node plain = *key;
	void *value;

	if (!t->key)
		return key->text;
	/* Keys are text in JSON too: quotes mean nothing. */
	plain.quoted = s.quoted = !t->key->bare;
	s.kind = node_scalar_kind(&plain);
	value = arena_alloc(a, t->key->size);
	if (t->key->parse(&f, &s, value))
		return value_string(a, &f, value);
	refuse_key(p->d, &f, key, where, &s);
	return NULL;
}

/* Two spellings of one key, such as kvm-intel and kvm_intel. */
static bool check_twice(
	struct parser *p, const struct field *f, const struct node *n, const struct list *entries)
{
	_cleanup_strmap_ struct strmap seen = { 0 };
	bool ok = true;

	for (size_t i = 0; i < n->n; i++) {
		const struct obj *o = element(entries, i, f->table->size);
		struct pair *first = strmap_get(&seen, o->name);

		if (!first) {
			strmap_put(&seen, o->name, &n->pairs[i]);
			continue;
		}
		diag_relate(diag_error(p->d, n->pairs[i].key->mark, "remove one of the two",
				    "`%s` is the same as `%s`, which is in this map already",
				    text_shown(p->d->arena, n->pairs[i].key->text),
				    text_shown(p->d->arena, first->key->text)),
			first->key->mark, "first used here");
		ok = false;
	}
	return ok;
}

static bool parse_map(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, struct list *out)
{
	bool ok = true, renamed = false;

	if (n->type != NODE_MAP)
		return refuse_shape(p->d, f, n, where);
	out->v = arena_alloc(p->d->arena, n->n * f->table->size);
	out->n = n->n;
	for (size_t i = 0; i < n->n; i++) {
		const struct node *key = n->pairs[i].key;
		const char *name = parse_key(p, f->table, key, where);
		struct path entry = { where, key->text };

		ok &= name != NULL;
		name = name ? name : key->text;
		renamed |= !streq(name, key->text);
		ok &= parse_object(p, f->table, n->pairs[i].value, name, &entry,
			element(out, i, f->table->size));
	}
	return (!renamed || check_twice(p, f, n, out)) && ok;
}

static bool parse_field(struct parser *p, const struct field *f, const struct node *n,
	const struct path *where, void *member)
{
	if (f->shape == SHAPE_PLANNED)
		return refuse_planned(p->d, f, n, where);
	if (is_null(n))
		return refuse_null(p->d, f, n, where);
	switch (f->shape) {
	case SHAPE_SCALAR: return parse_scalar(p, f, n, where, member);
	case SHAPE_LIST: return parse_list(p, f, n, where, member);
	case SHAPE_OBJECT:
		if (n->type != NODE_MAP && !f->table->scalar)
			return refuse_shape(p->d, f, n, where);
		return parse_object(p, f->table, n, NULL, where, member);
	case SHAPE_OBJECTS: return parse_objects(p, f, n, where, member);
	case SHAPE_MAP: return parse_map(p, f, n, where, member);
	default: return false;
	}
}

static bool parse_default(
	struct parser *p, const struct field *f, const struct path *where, void *member)
{
	bool nothing = streq(f->def, "{}") || streq(f->def, "[]");
	struct node *n;

	if (f->shape == SHAPE_SCALAR)
		return text_parse(f, f->def, p->d->arena, member);
	if (f->shape == SHAPE_OBJECT && nothing)
		return parse_object(p, f->table, NULL, NULL, where, member);
	if (nothing)
		return true;
	n = compose_text(p->d->arena, f->def);
	return n && parse_field(p, f, n, where, member);
}

/* A row's default as it was parsed once, for as long as the diagnostics' arena lives. */
static bool copy_default(const struct obj *defaults, size_t row, struct obj *o)
{
	const struct field *f = &o->table->fields[row];

	if (!defaults || !is_set(defaults, row))
		return false;
	memcpy(member_of(o, f), member_of(defaults, f), member_size(f));
	return true;
}

/* Fields that were not written: default, required, or no opinion. */
static bool fill_in(struct parser *p, struct obj *o, const struct path *where, uint64_t given,
	uint64_t suspected)
{
	const struct obj *defaults = o->node ? obj_defaults(p->d, o->table) : NULL;
	bool ok = true;

	for (size_t i = 0; i < o->table->n_fields; i++) {
		const struct field *f = &o->table->fields[i];
		struct path child = { where, f->name };

		if (given >> i & 1)
			continue;
		if (f->required && o->node) {
			ok = flaw_add(&p->flaws, p->d->arena, o, i, NULL);
			if (!(suspected >> i & 1) && !p->d->incomplete)
				refuse_missing(p->d, f, o->node, where);
		} else if (f->def) {
			if (copy_default(defaults, i, o) ||
				parse_default(p, f, &child, member_of(o, f)))
				o->set |= UINT64_C(1) << i;
			else
				ok = refuse_default(p->d, f, &child);
		}
	}
	return ok;
}

/* suspected: rows that an unknown key was probably meant to name; stray: it may be any other. */
static bool parse_pairs(struct parser *p, struct obj *o, const struct path *where, uint64_t *given,
	uint64_t *suspected, bool *stray)
{
	const struct table *t = o->table;
	bool ok = true;

	for (size_t i = 0; i < o->node->n; i++) {
		const struct pair *pair = &o->node->pairs[i];
		const struct field *f = table_field(t, pair->key->text);
		struct path child = { where, pair->key->text };
		size_t row = f ? (size_t)(f - t->fields) : 0;

		if (!f) {
			f = refuse_unknown(p->d, p->root, t, pair->key, where);
			*suspected |= f ? UINT64_C(1) << (f - t->fields) : 0;
			*stray |= !f;
			ok = false;
			continue;
		}
		*given |= UINT64_C(1) << row;
		if (parse_field(p, f, f->shape == SHAPE_PLANNED ? pair->key : pair->value, &child,
			    member_of(o, f)))
			o->set |= UINT64_C(1) << row;
		else
			ok = flaw_add(&p->flaws, p->d->arena, o, row, pair->value);
	}
	return ok;
}

static bool parse_shorthand(
	struct parser *p, struct obj *o, const struct path *where, uint64_t *given)
{
	const struct field *f = table_field(o->table, o->table->scalar);

	assert(f && f->shape == SHAPE_SCALAR);
	*given |= UINT64_C(1) << (f - o->table->fields);
	if (!parse_scalar(p, f, o->node, where, member_of(o, f)))
		return flaw_add_rows(&p->flaws, p->d->arena, o, *given);
	o->set |= *given;
	return true;
}

/* flaws: those behind this many are in the object; given: the rows that are written there. */
static bool checked(struct parser *p, struct obj *o, bool ok, size_t flaws, uint64_t given)
{
	size_t errors = p->d->errors;

	if (!o->table->check)
		return ok;
	if (!ok) {
		flawed_check(o, &p->flaws, flaws, p->d);
		return false;
	}
	o->table->check(o, p->d);
	if (p->d->errors == errors)
		return true;
	/* Which of its values is to change nobody knows. */
	flaw_add_rows(&p->flaws, p->d->arena, o, given);
	return false;
}

static bool parse_object(struct parser *p, const struct table *t, const struct node *n,
	const char *name, const struct path *where, void *out)
{
	struct obj *o = out;
	uint64_t given = 0, suspected = 0;
	size_t flaws = p->flaws.n;
	bool ok = true, stray = false;

	obj_init(o, t, name);
	o->node = n;
	if (n && is_null(n))
		return flaw_add_rows(&p->flaws, p->d->arena, o, UINT64_MAX) ||
		       refuse_null_object(p->d, t, n, where);
	if (n && n->type == NODE_MAP)
		ok = parse_pairs(p, o, where, &given, &suspected, &stray);
	else if (n && n->type == NODE_SCALAR && t->scalar)
		ok = parse_shorthand(p, o, where, &given);
	else if (n)
		return flaw_add_rows(&p->flaws, p->d->arena, o, UINT64_MAX) ||
		       refuse_object(p->d, t, n, where);
	if (p->load)
		return ok;
	ok &= fill_in(p, o, where, given, suspected);
	flaw_add_rows(&p->flaws, p->d->arena, o, (stray ? UINT64_MAX : suspected) & ~given);
	return !n || p->unchecked ? ok : checked(p, o, ok, flaws, given);
}

bool obj_parse(const struct table *t, const struct node *n, const char *name, const char *where,
	void *out, struct diags *d)
{
	struct parser p = { .d = d, .root = t };
	struct path path = { NULL, where ? where : "" };

	return parse_object(&p, t, n, name ? arena_strdup(d->arena, name) : NULL, &path, out);
}

bool obj_value(const struct field *f, const char *text, struct arena *a, void *member)
{
	struct diags quiet = { .arena = a };
	struct parser p = { .d = &quiet, .root = f->table, .unchecked = true };
	struct path path = { NULL, "" };
	const struct node *n = compose_text(a, text);

	if (f->shape == SHAPE_SCALAR && !f->type->bare && n && n->type == NODE_SCALAR)
		return text_parse(f, n->text, a, member);
	return n && parse_field(&p, f, n, &path, member);
}

bool obj_load(void *obj, const struct node *n, struct diags *d)
{
	const struct obj *o = obj;
	struct parser p = { .d = d, .root = o->table, .load = true };
	struct path path = { NULL, o->name ? o->name : "" };

	return parse_object(&p, o->table, n, o->name, &path, obj);
}
