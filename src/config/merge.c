/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/merge.h"

static struct pair merge_pair(struct arena *a, struct pair earlier, struct pair later)
{
	struct pair out = later;

	if (earlier.value->type == NODE_MAP && later.value->type == NODE_MAP) {
		out.key = earlier.key;
		out.value = merge(a, earlier.value, later.value);
	}
	return out;
}

struct node *merge(struct arena *a, struct node *earlier, struct node *later)
{
	const struct pair *other;
	struct node *n;

	if (earlier->type != NODE_MAP || later->type != NODE_MAP)
		return later;
	n = arena_alloc(a, sizeof(*n));
	*n = *earlier;
	n->n = 0;
	n->pairs = arena_alloc(a, (earlier->n + later->n) * sizeof(*n->pairs));
	for (size_t i = 0; i < earlier->n; i++) {
		other = node_find(later, earlier->pairs[i].key->text);
		n->pairs[n->n++] =
			other ? merge_pair(a, earlier->pairs[i], *other) : earlier->pairs[i];
	}
	for (size_t i = 0; i < later->n; i++)
		if (!node_find(earlier, later->pairs[i].key->text))
			n->pairs[n->n++] = later->pairs[i];
	node_index(a, n, NULL);
	return n;
}
