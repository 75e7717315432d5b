/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The document as a tree of nodes. Every node knows its place: file, line and
 * column, both counted from 1, the column in characters. Nodes live in the
 * document's arena and never change once loaded, so an alias shares its
 * anchor's node.
 */
#ifndef KVMHOST_NODE_H
#define KVMHOST_NODE_H

#include "base/arena.h"
#include <jansson.h>

/* One input, kept whole so that a diagnostic can show its line. */
struct source {
	const char *name; /* as the user named it */
	const char *text;
	size_t len;
	const uint32_t *lines; /* offset of each line's first byte */
	size_t n_lines;
	unsigned index; /* its turn among the document's inputs */
};

struct mark {
	const struct source *source; /* NULL: no place (a default, a record) */
	uint32_t line,
		column; /* line 0: the source as a whole, such as a file that cannot be read */
	uint32_t width; /* characters to underline, at least 1 */
};

enum node_type { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_type type;
	bool quoted; /* scalar in quotes or a block: a string whatever it looks like */
	struct mark mark;
	const char *text; /* scalar */
	size_t n; /* items or pairs; for a scalar its bytes */
	union {
		struct node **items;
		struct pair *pairs;
	};
	uint32_t *index; /* number of a pair, from 1, by its key's hash; NULL where there are few */
};

struct pair {
	struct node *key; /* always a scalar */
	struct node *value;
};

/* What a plain scalar means in the YAML 1.2 core schema; a quoted one is always a string. */
enum scalar_kind { SCALAR_STRING, SCALAR_NULL, SCALAR_BOOL, SCALAR_INT, SCALAR_FLOAT };
enum scalar_kind node_scalar_kind(const struct node *n);

/* The pair with this key, or NULL; n may be NULL or no map. */
const struct pair *node_find(const struct node *n, const char *key);
static inline const struct node *node_get(const struct node *n, const char *key)
{
	const struct pair *p = node_find(n, key);
	return p ? p->value : NULL;
}

/*
 * Completes a map whose pairs are in place: prepares node_find(). Returns how many pairs repeat a
 * key. first_of, unless NULL, has map->n elements and gets for each pair the index of the first
 * pair with its key.
 */
size_t node_index(struct arena *a, struct node *map, uint32_t *first_of);

/* "a list", "a map", "the text `x`", ... for messages; in the arena. */
const char *node_describe(struct arena *a, const struct node *n);

/* A tree without places from JSON kept in records and runtime files. */
struct node *node_from_json(struct arena *a, json_t *json);

#endif
