/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Generic walks over a table: reading, defaults, writing, comparing, finding. */
#ifndef KVMHOST_OBJ_H
#define KVMHOST_OBJ_H

#include "config/field.h"

/*
 * Fills *out (t->size bytes, zeroed) from a node; a NULL node gives defaults
 * only. Adds every error to d; false when there was one. `where` is the path
 * for messages, "bridges.br0". Values live in d->arena.
 */
bool obj_parse(const struct table *t, const struct node *n, const char *name, const char *where,
	void *out, struct diags *d);
/* Many objects will be parsed with d: each table's defaults are parsed once for all. */
void obj_share_defaults(struct diags *d);

/*
 * Below, a field's name may have dots, which descend into embedded objects:
 * "cpu.count". Marking cpu.count as set marks cpu too.
 */

/* Prepares a zeroed object, such as an element of a list that observe fills. */
void obj_init(void *obj, const struct table *t, const char *name);
/* A zeroed object of the table with nothing set, for observe to fill. */
void *obj_new(struct arena *a, const struct table *t, const char *name);
/*
 * Sets the fields that the node names, and no others: no defaults, nothing required. For records
 * and runtime files that obj_json() wrote. Unknown keys and invalid values are errors in d, the
 * rest is set all the same; false when there was one.
 */
bool obj_load(void *obj, const struct node *n, struct diags *d);
/* Marks the field as having a value (written to the member by the caller before or after). */
void obj_mark_set(void *obj, const char *field);
bool obj_has(const void *obj, const char *field);
/* Sets a scalar from text, parsed like input; false when the text is not valid. */
bool obj_set_text(void *obj, const char *field, const char *text, struct arena *a);
/* The canonical text of a scalar or, for others, its JSON; NULL when not set. Dots descend. */
const char *obj_text(const void *obj, const char *path, struct arena *a);

/* The place of a field's value (of item i of a list), or of the object where it was left out. */
struct mark obj_mark(const void *obj, const char *field);
struct mark obj_mark_item(const void *obj, const char *field, size_t i);
/* The place of the key itself. */
struct mark obj_mark_key(const void *obj, const char *field);

/* Canonical JSON, in which secrets are "(secret)": set fields in the table's order; maps sorted by
 * key. Equal objects, equal text. */
void obj_json(const void *obj, struct strbuf *out);

/* One value that differs. have or want NULL: absent there. Texts are canonical, for people. */
struct change {
	const struct field *field;
	const char *path; /* "cpu.count", "options.max_vfs", "disks[1].size" */
	const char *have, *want;
	const char *when; /* what it takes, where a kind says so ("changes live"); else NULL */
};
/*
 * Compares the fields that want has set; objects, maps (by key) and lists of
 * objects (by place, "disks[1].size") field by field, lists of values as a
 * whole. have may be NULL: every set field is a change.
 * The array and texts live in the arena.
 */
size_t obj_diff(const void *want, const void *have, struct arena *a, struct change **out);
/* The same, and what have has set and want has not, which becomes absent. */
size_t obj_diff_both(const void *want, const void *have, struct arena *a, struct change **out);
/* The same question without building texts; quick. */
bool obj_differs(const void *want, const void *have);
/* Two objects of one table have the same in a row of it, or both nothing. */
bool obj_field_equal(const void *a, const void *b, const struct field *f);

/*
 * Calls fn for every scalar value set in the object, nested and listed ones
 * too, with its row and place. Few want the text of all: value_string() makes it.
 */
typedef void obj_walk_fn(const struct field *f, const void *value, struct mark m, void *arg);
void obj_walk(const void *obj, obj_walk_fn *fn, void *arg);
/* The same for rows with ref, uses or claims alone. */
void obj_walk_names(const void *obj, obj_walk_fn *fn, void *arg);
/* The canonical text of a value of that row; "(secret)" for a secret. */
const char *value_string(struct arena *a, const struct field *f, const void *value);

#endif
