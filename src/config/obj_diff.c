/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two objects compared. What want has no opinion on does not differ, at every
 * level. One walk serves both questions: obj_differs() has no arena and ends
 * at the first difference, obj_diff() writes all of them down.
 */
#include "config/obj_internal.h"

struct differ {
	struct arena *arena; /* NULL: the answer is enough */
	struct change *changes;
	size_t n;
};

static bool differ_object(struct differ *d, const struct table *t, const void *want,
	const void *have, const struct path *where);

static const char *list_text(struct arena *a, const struct field *f, const struct list *l)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	bool bare;

	if (f->shape != SHAPE_LIST) {
		field_json(f, l, &out);
		return arena_strdup(a, sb_str(&out));
	}
	bare = f->alone && l->n == 1;
	sb_add(&out, bare ? "" : "[");
	for (size_t i = 0; i < l->n; i++) {
		sb_add(&out, i ? ", " : "");
		value_text(f, element(l, i, f->type->size), &out);
	}
	sb_add(&out, bare ? "" : "]");
	return arena_strdup(a, sb_str(&out));
}

static const char *member_text(struct arena *a, const struct field *f, const void *member)
{
	if (!member)
		return NULL;
	return f->shape == SHAPE_SCALAR ? value_string(a, f, member) : list_text(a, f, member);
}

/* Notes a difference; always true. */
static bool note(struct differ *d, const struct field *f, const struct path *where,
	const char *have, const char *want)
{
	*ARENA_PUSH(d->arena, d->changes, d->n) = (struct change){
		.field = f,
		.path = path_text(d->arena, where),
		.have = have,
		.want = want,
	};
	return true;
}

static bool note_member(struct differ *d, const struct field *f, const struct path *where,
	const void *want, const void *have)
{
	if (!d->arena)
		return true;
	return note(d, f, where, member_text(d->arena, f, have), member_text(d->arena, f, want));
}

static bool lists_equal(const struct field *f, const struct list *want, const struct list *have)
{
	struct differ quick = { .arena = NULL };

	if (want->n != have->n)
		return false;
	if (want->v == have->v)
		return true;
	for (size_t i = 0; i < want->n; i++) {
		if (f->shape == SHAPE_LIST) {
			if (!value_equal(f->type, element(want, i, f->type->size),
				    element(have, i, f->type->size)))
				return false;
		} else if (differ_object(&quick, f->table, element(want, i, f->table->size),
				   element(have, i, f->table->size), NULL)) {
			return false;
		}
	}
	return true;
}

/* An entry that one side lacks, in few words: the value alone where one field says it all. */
static const char *entry_text(struct arena *a, const struct field *f, const struct obj *o)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const struct table *t = f->table;
	const struct field *only = t->scalar ? table_field(t, t->scalar) : NULL;

	if (only && o->set == UINT64_C(1) << (only - t->fields))
		return value_string(a, only, member_of(o, only));
	object_json(t, o, &out);
	return arena_strdup(a, sb_str(&out));
}

static bool differ_entry(struct differ *d, const struct field *f, const struct obj *want,
	const struct obj *have, const struct path *where)
{
	struct path entry = { where, NULL };

	/* At least one of the two is there. */
	if (want)
		entry.part = want->name;
	else if (have)
		entry.part = have->name;
	if (want && have)
		return differ_object(d, f->table, want, have, &entry);
	if (!d->arena)
		return true;
	if (want && want->set)
		return differ_object(d, f->table, want, NULL, &entry);
	return note(d, f, &entry, have ? entry_text(d->arena, f, have) : NULL,
		want ? entry_text(d->arena, f, want) : NULL);
}

static bool differ_map(struct differ *d, const struct field *f, const struct list *want,
	const struct list *have, const struct path *where)
{
	static const struct list empty = { .v = NULL };
	_cleanup_free_ const struct obj **w = sorted_entries(f, want);
	_cleanup_free_ const struct obj **h = sorted_entries(f, have ? have : &empty);
	size_t i = 0, j = 0, n = have ? have->n : 0;
	bool differs = false;

	while ((i < want->n || j < n) && (!differs || d->arena)) {
		int r = i == want->n ? 1 : j == n ? -1 : strcmp(w[i]->name, h[j]->name);

		differs |= differ_entry(d, f, r <= 0 ? w[i] : NULL, r >= 0 ? h[j] : NULL, where);
		i += r <= 0;
		j += r >= 0;
	}
	return differs;
}

static bool same_entry(const struct field *f, const struct obj *a, const struct obj *b)
{
	struct differ quick = { .arena = NULL };

	return !differ_object(&quick, f->table, a, b, NULL) &&
	       !differ_object(&quick, f->table, b, a, NULL);
}

/* How many entries are the same at both ends, where the lists differ between. */
static void same_ends(const struct field *f, const struct list *want, const struct list *have,
	size_t *first, size_t *last)
{
	size_t size = f->table->size, least = MIN_OF(want->n, have->n);

	for (*first = 0; *first < least; ++*first)
		if (!same_entry(f, element(want, *first, size), element(have, *first, size)))
			break;
	for (*last = 0; *last < least - *first; ++*last)
		if (!same_entry(f, element(want, want->n - 1 - *last, size),
			    element(have, have->n - 1 - *last, size)))
			break;
}

/* What came and went at either side of what stayed, and what changed in its place. */
static bool differ_entries(struct differ *d, const struct field *f, const struct list *want,
	const struct list *have, const struct path *where)
{
	size_t size = f->table->size, i, last, noted = d->n;

	if (lists_equal(f, want, have))
		return false;
	if (!d->arena)
		return true;
	same_ends(f, want, have, &i, &last);
	for (; i < MAX_OF(want->n, have->n) - last; i++) {
		const struct obj *w = i + last < want->n ? element(want, i, size) : NULL;
		const struct obj *h = i + last < have->n ? element(have, i, size) : NULL;
		struct path entry = { where, arena_printf(d->arena, "[%zu]", i) };

		if (w && h)
			differ_object(d, f->table, w, h, &entry);
		else
			note(d, f, &entry, h ? entry_text(d->arena, f, h) : NULL,
				w ? entry_text(d->arena, f, w) : NULL);
	}
	/* What a change costs is the list's to say. */
	for (; noted < d->n; noted++)
		d->changes[noted].field = f;
	return true;
}

static bool differ_field(struct differ *d, const struct field *f, const void *want,
	const void *have, const struct path *where)
{
	switch (f->shape) {
	case SHAPE_SCALAR:
		return (!have || !value_equal(f->type, want, have)) &&
		       note_member(d, f, where, want, have);
	case SHAPE_OBJECT: return differ_object(d, f->table, want, have, where);
	case SHAPE_MAP: return differ_map(d, f, want, have, where);
	case SHAPE_OBJECTS:
		return have ? differ_entries(d, f, want, have, where)
			    : note_member(d, f, where, want, have);
	default:
		return (!have || !lists_equal(f, want, have)) &&
		       note_member(d, f, where, want, have);
	}
}

static bool differ_object(struct differ *d, const struct table *t, const void *want,
	const void *have, const struct path *where)
{
	bool differs = false;

	/* What was observed is often a copy of what is wanted. */
	if (have && !memcmp(want, have, t->size))
		return false;
	for (size_t i = 0; i < t->n_fields && (!differs || d->arena); i++) {
		const struct field *f = &t->fields[i];
		struct path child = { where, f->name };
		bool shorthand = t->scalar && streq(t->scalar, f->name);

		if (is_set(want, i))
			differs |= differ_field(d, f, member_of(want, f),
				have && is_set(have, i) ? member_of(have, f) : NULL,
				shorthand && where ? where : &child);
	}
	return differs;
}

size_t obj_diff(const void *want, const void *have, struct arena *a, struct change **out)
{
	struct differ d = { .arena = a };

	differ_object(&d, ((const struct obj *)want)->table, want, have, NULL);
	*out = d.changes;
	return d.n;
}

bool obj_differs(const void *want, const void *have)
{
	struct differ d = { .arena = NULL };

	return differ_object(&d, ((const struct obj *)want)->table, want, have, NULL);
}

bool obj_field_equal(const void *a, const void *b, const struct field *f)
{
	size_t row = (size_t)(f - ((const struct obj *)a)->table->fields);
	const void *x = member_of(a, f), *y = member_of(b, f);
	struct differ d = { .arena = NULL };

	if (!is_set(a, row) || !is_set(b, row))
		return is_set(a, row) == is_set(b, row);
	return !differ_field(&d, f, x, y, NULL) && !differ_field(&d, f, y, x, NULL);
}

/* The change of something that it is a part of says it as well. */
static bool is_told(const struct change *v, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		const char *rest = startswith(path, v[i].path);

		if (rest && (!*rest || *rest == '.' || *rest == '['))
			return true;
	}
	return false;
}

size_t obj_diff_both(const void *want, const void *have, struct arena *a, struct change **out)
{
	struct change *back = NULL;
	size_t n = obj_diff(want, have, a, out), told = n,
	       m = have ? obj_diff(have, want, a, &back) : 0;

	for (size_t i = 0; i < m; i++)
		if (!is_told(*out, told, back[i].path))
			*ARENA_PUSH(a, *out, n) = (struct change){
				.field = back[i].field,
				.path = back[i].path,
				.have = back[i].want,
				.want = back[i].have,
			};
	return n;
}
