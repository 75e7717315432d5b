/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the errors of values and of keys both can say, inside this folder. In the arena. */
#ifndef KVMHOST_OBJ_HINTS_H
#define KVMHOST_OBJ_HINTS_H

#include "config/obj_internal.h"

/* The keys of a table, without those that are not built. */
const char *keys_text(struct arena *a, const struct table *t);
/* "size:2GiB", which is one word for YAML; NULL: the text is nothing like that. */
const char *glued_hint(struct arena *a, const struct table *t, const char *text);
/* What web pages and word processors put in the place of plain characters; NULL: there is none. */
const char *stray_hint(struct arena *a, const char *text);

#endif
