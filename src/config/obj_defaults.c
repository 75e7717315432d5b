/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table's defaults are texts, parsed once where many objects of one table are in a document. */
#include "config/obj_internal.h"
#include <assert.h>

/* Several times as many as there are tables. */
enum { SLOTS = 256 };

struct obj_defaults {
	size_t n;
	struct slot {
		const struct table *table;
		struct obj *made;
	} slots[SLOTS];
};

static struct slot *find(struct obj_defaults *all, const struct table *t)
{
	size_t i = ((uintptr_t)t / sizeof(*t)) % SLOTS;

	while (all->slots[i].table && all->slots[i].table != t)
		i = (i + 1) % SLOTS;
	return &all->slots[i];
}

void obj_share_defaults(struct diags *d)
{
	d->defaults = arena_alloc(d->arena, sizeof(*d->defaults));
}

const struct obj *obj_defaults(struct diags *d, const struct table *t)
{
	struct slot *s;
	struct obj *made;

	if (!d->defaults)
		return NULL;
	s = find(d->defaults, t);
	if (!s->table) {
		s->table = t;
		d->defaults->n++;
		assert(d->defaults->n < SLOTS);
		return NULL;
	}
	if (!s->made) {
		made = arena_alloc(d->arena, t->size);
		obj_parse(t, NULL, NULL, NULL, made, d);
		s->made = made;
	}
	return s->made;
}
