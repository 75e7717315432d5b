/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table's check on an object of which some fields could not be read. What it
 * finds whatever stands in those fields is an error of its own; what it finds
 * with some values alone follows from the flaw, which has been told already.
 * So it is run with several values for each, and what it finds every time counts.
 */
#include "config/obj_flawed.h"

/* Beyond this many errors nobody waits for one more. */
enum { VARIANTS = 12, ERRORS_MAX = 50 };

/* It has been read as far as its own fields, and those with a fault are told apart. */
static bool is_read(const struct field *f, const struct node *n)
{
	return (f->shape == SHAPE_OBJECT && n->type == NODE_MAP) ||
	       (f->shape == SHAPE_OBJECTS && n->type == NODE_LIST) ||
	       (f->shape == SHAPE_MAP && n->type == NODE_MAP);
}

bool flaw_add(struct flaws *all, struct arena *a, struct obj *o, size_t row, const struct node *n)
{
	const struct field *f = &o->table->fields[row];

	if (f->shape != SHAPE_PLANNED)
		*ARENA_PUSH(a, all->v, all->n) = (struct flaw){ o, row, n && is_read(f, n) };
	return false;
}

bool flaw_add_rows(struct flaws *all, struct arena *a, struct obj *o, uint64_t rows)
{
	for (size_t i = 0; rows && i < o->table->n_fields; i++)
		if (rows >> i & 1)
			flaw_add(all, a, o, i, NULL);
	return false;
}

static void empty(struct obj *o, const struct field *f)
{
	memset(member_of(o, f), 0, member_size(f));
	if (f->shape == SHAPE_OBJECT)
		obj_init(member_of(o, f), f->table, NULL);
}

static bool put_text(struct obj *o, const struct field *f, const char *text, struct arena *a)
{
	empty(o, f);
	if (obj_value(f, text, a, member_of(o, f)))
		return true;
	empty(o, f);
	return false;
}

static size_t count_names(const struct field *f)
{
	size_t n = 0;

	while (f->shape == SHAPE_SCALAR && f->names && f->names[n])
		n++;
	return n;
}

static bool put_bound(struct obj *o, const struct field *f, int64_t bound)
{
	if (f->shape != SHAPE_SCALAR || (!f->min && !f->max) || member_size(f) != sizeof(bound))
		return false;
	*(int64_t *)member_of(o, f) = bound;
	return true;
}

/* The k-th of the values that the field may have; false: none. */
static bool put_value(struct obj *o, const struct field *f, size_t k, struct arena *a)
{
	size_t names = count_names(f);

	empty(o, f);
	if (names)
		return put_text(o, f, f->names[k % names], a);
	switch (k % 4) {
	case 0:
		return f->def || f->required
			       ? put_text(o, f, f->def ? f->def : field_sample(a, f), a)
			       : false;
	case 1:
		return put_bound(o, f, f->min) || put_text(o, f, "false", a) ||
		       put_text(o, f, field_sample(a, f), a);
	case 2:
		return put_bound(o, f, f->max) || put_text(o, f, "true", a) ||
		       put_text(o, f, field_sample(a, f), a);
	default: return put_text(o, f, field_sample(a, f), a);
	}
}

/* False: a value that must be there cannot be thought of. */
static bool put_values(const struct flaws *all, size_t from, size_t k, struct arena *a)
{
	for (size_t i = from; i < all->n; i++) {
		struct obj *o = all->v[i].o;
		size_t row = all->v[i].row;
		const struct field *f = &o->table->fields[row];

		o->set |= UINT64_C(1) << row;
		/* Not all of them with their first values, then all with their second ones. */
		if (all->v[i].below || put_value(o, f, k + i * (k / 4), a))
			continue;
		o->set &= ~(UINT64_C(1) << row);
		if (f->required && f->shape == SHAPE_SCALAR)
			return false;
	}
	return true;
}

static void take_values_back(const struct flaws *all, size_t from)
{
	for (size_t i = from; i < all->n; i++) {
		const struct flaw *flaw = &all->v[i];

		flaw->o->set &= ~(UINT64_C(1) << flaw->row);
		if (!flaw->below)
			empty(flaw->o, &flaw->o->table->fields[flaw->row]);
	}
}

static bool same_place(struct mark a, struct mark b)
{
	return a.source == b.source && a.line == b.line && a.column == b.column;
}

static bool is_among(const struct diag *x, const struct diags *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->v[i].severity == x->severity && same_place(d->v[i].mark, x->mark) &&
			streq(d->v[i].text, x->text))
			return true;
	return false;
}

/* Those of `found` that `again` has too. */
static void keep_common(struct diags *found, const struct diags *again)
{
	size_t n = 0;

	for (size_t i = 0; i < found->n; i++)
		if (is_among(&found->v[i], again))
			found->v[n++] = found->v[i];
	found->n = n;
}

/* What another field names could stand in a list; of maps nothing may say what could be in them. */
static bool is_anything(const struct flaw *x)
{
	const struct field *f = &x->o->table->fields[x->row];

	return !x->below &&
	       (f->shape == SHAPE_LIST ||
		       ((f->shape == SHAPE_OBJECTS || f->shape == SHAPE_MAP) && !f->example));
}

/* It is said of the value that took the flaw's place, or of one that nobody has written. */
static bool is_of_flaw(const struct diag *x, const struct flaws *all, size_t from)
{
	if (!x->mark.source)
		return true;
	for (size_t i = from; i < all->n; i++) {
		const struct obj *o = all->v[i].o;
		const char *name = o->table->fields[all->v[i].row].name;

		if (!all->v[i].below && node_get(o->node, name) &&
			same_place(x->mark, obj_mark(o, name)))
			return true;
	}
	return false;
}

void flawed_check(struct obj *o, const struct flaws *all, size_t from, struct diags *d)
{
	struct diags found = { .arena = d->arena };

	/* What YAML could not read has left no flaw behind. */
	if (d->incomplete || d->errors > ERRORS_MAX)
		return;
	for (size_t i = from; i < all->n; i++)
		if (is_anything(&all->v[i]))
			return;
	for (size_t k = 0; k < VARIANTS; k++) {
		struct diags again = { .arena = d->arena };

		if (!put_values(all, from, k, d->arena)) {
			found.n = 0;
			break;
		}
		o->table->check(o, &again);
		if (k)
			keep_common(&found, &again);
		else
			found = again;
		if (!found.n)
			break;
	}
	take_values_back(all, from);
	for (size_t i = 0; i < found.n; i++)
		if (found.v[i].severity == DIAG_ERROR && !is_of_flaw(&found.v[i], all, from))
			diag_relate(diag_error(d, found.v[i].mark, found.v[i].hint, "%s",
					    found.v[i].text),
				found.v[i].related, found.v[i].relation);
}
