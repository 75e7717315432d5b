/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The errors of obj_parse.c, in words. Those that return a bool return false. */
#ifndef KVMHOST_OBJ_ERRORS_H
#define KVMHOST_OBJ_ERRORS_H

#include "config/obj_internal.h"

/* A list where a map is wanted, and so on. */
bool refuse_shape(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where);
/* In a list of scalars, one that is none or empty. */
bool refuse_item(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where);
/* "key:" and nothing behind it. */
bool refuse_null(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where);
bool refuse_null_object(
	struct diags *d, const struct table *t, const struct node *n, const struct path *where);
bool refuse_object(
	struct diags *d, const struct table *t, const struct node *n, const struct path *where);
/* The type refused the text; s says why. */
bool refuse_scalar(struct diags *d, const struct field *f, const struct node *n,
	const struct path *where, const struct scalar *s);
bool refuse_key(struct diags *d, const struct field *f, const struct node *key,
	const struct path *where, const struct scalar *s);
bool refuse_planned(
	struct diags *d, const struct field *f, const struct node *key, const struct path *where);
bool refuse_missing(
	struct diags *d, const struct field *f, const struct node *n, const struct path *where);
bool refuse_default(struct diags *d, const struct field *f, const struct path *where);
/* obj_unknown.c: returns the field that was probably meant, or NULL. */
const struct field *refuse_unknown(struct diags *d, const struct table *root, const struct table *t,
	const struct node *key, const struct path *where);

#endif
