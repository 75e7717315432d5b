/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields that could not be read, and a table's check beside them. For obj_parse.c. */
#ifndef KVMHOST_OBJ_FLAWED_H
#define KVMHOST_OBJ_FLAWED_H

#include "config/obj_internal.h"

struct flaws {
	struct flaw {
		struct obj *o;
		size_t row;
		bool below; /* the value is there; what is wrong is a flaw of its own in it */
	} * v;
	size_t n;
};

/*
 * A field without a value, where n is what is written there or NULL. Flaws are added from the
 * inside out. Both return false.
 */
bool flaw_add(struct flaws *all, struct arena *a, struct obj *o, size_t row, const struct node *n);
bool flaw_add_rows(struct flaws *all, struct arena *a, struct obj *o, uint64_t rows);
/* Runs the check of an object whose flaws are those behind `from`; adds what does not come of them.
 */
void flawed_check(struct obj *o, const struct flaws *all, size_t from, struct diags *d);

/* obj_parse.c: a value from its text in YAML; false when that is none. */
bool obj_value(const struct field *f, const char *text, struct arena *a, void *member);

#endif
