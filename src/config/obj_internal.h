/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the walks over tables share, inside this folder. */
#ifndef KVMHOST_OBJ_INTERNAL_H
#define KVMHOST_OBJ_INTERNAL_H

#include "config/obj.h"

/* Where a walk is, from the inside out. Becomes text only for a message. */
struct path {
	const struct path *up;
	const char *part;
};
/* "disks[1].size": dots between the parts but before an index; empty parts are left out. */
const char *path_text(struct arena *a, const struct path *p);

static inline void *member_of(const void *obj, const struct field *f)
{
	return (char *)(uintptr_t)obj + f->offset;
}
static inline bool is_set(const void *obj, size_t i)
{
	return ((const struct obj *)obj)->set >> i & 1;
}
static inline void *element(const struct list *l, size_t i, size_t size)
{
	return (char *)l->v + i * size;
}

static inline size_t member_size(const struct field *f)
{
	return f->shape == SHAPE_SCALAR   ? f->type->size
	       : f->shape == SHAPE_OBJECT ? f->table->size
					  : sizeof(struct list);
}

/*
 * An object of the table with all of its defaults, for others to copy members of; it lives in the
 * arena of d. NULL the first time, when it would not pay to make it, and without
 * obj_share_defaults().
 */
const struct obj *obj_defaults(struct diags *d, const struct table *t);

/* A scalar from canonical text, of which the type says whether it would stand in quotes. */
bool text_parse(const struct field *f, const char *text, struct arena *a, void *value);
bool value_equal(const struct type *t, const void *a, const void *b);
/* Canonical text; "(secret)" for a secret. */
void value_text(const struct field *f, const void *value, struct strbuf *out);
/* The same as JSON, and the whole of a field or object. */
void value_json(const struct field *f, const void *value, struct strbuf *out);
void field_json(const struct field *f, const void *member, struct strbuf *out);
void object_json(const struct table *t, const void *obj, struct strbuf *out);

/* A map's entries in the order of their names; the caller frees. */
const struct obj **sorted_entries(const struct field *f, const struct list *l);

/* The row that `word` was probably meant to name, or NULL; suggest_slips(). */
const struct field *table_nearest(const struct table *t, const char *word, size_t *slips);

/* A value as the user could write it after "KEY: ". reference_sample.c */
const char *field_sample(struct arena *a, const struct field *f);

#endif
