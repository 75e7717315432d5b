/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/node.h"
#include "base/hash.h"
#include "config/diag.h"

enum { FEW_PAIRS = 8 };

static bool is_one_of(const char *s, const char *const *words)
{
	for (; *words; words++)
		if (*s == **words && streq(s, *words))
			return true;
	return false;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

static bool looks_int(const char *s)
{
	if (startswith(s, "0x") && s[2])
		return s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
	if (startswith(s, "0o") && s[2])
		return s[2 + strspn(s + 2, "01234567")] == '\0';
	s += *s == '+' || *s == '-';
	return *s && s[digits(s)] == '\0';
}

static bool looks_float(const char *s)
{
	static const char *const special[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	size_t whole, fraction = 0;

	if (is_one_of(s, nan))
		return true;
	s += *s == '+' || *s == '-';
	if (is_one_of(s, special))
		return true;
	s += whole = digits(s);
	if (*s == '.')
		s += 1 + (fraction = digits(s + 1));
	if (whole + fraction == 0)
		return false;
	if (*s == 'e' || *s == 'E') {
		s++;
		s += *s == '+' || *s == '-';
		if (!digits(s))
			return false;
		s += digits(s);
	}
	return *s == '\0';
}

enum scalar_kind node_scalar_kind(const struct node *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE",
		NULL };

	if (n->type != NODE_SCALAR || n->quoted)
		return SCALAR_STRING;
	/* It is asked several times for every value of a document: the first letter says most. */
	switch (*n->text) {
	case '\0':
	case '~':
	case 'n':
	case 'N': return is_one_of(n->text, nulls) ? SCALAR_NULL : SCALAR_STRING;
	case 't':
	case 'T':
	case 'f':
	case 'F': return is_one_of(n->text, bools) ? SCALAR_BOOL : SCALAR_STRING;
	case '+':
	case '-':
	case '.':
	case '0' ... '9':
		if (looks_int(n->text))
			return SCALAR_INT;
		return looks_float(n->text) ? SCALAR_FLOAT : SCALAR_STRING;
	default: return SCALAR_STRING;
	}
}

static size_t index_few(const struct node *map, uint32_t *first_of)
{
	size_t twice = 0;

	for (size_t i = 0; i < map->n; i++) {
		size_t j = 0;

		while (!streq(map->pairs[i].key->text, map->pairs[j].key->text))
			j++;
		twice += j < i;
		if (first_of)
			first_of[i] = (uint32_t)j;
	}
	return twice;
}

/* A power of two, of which at least half stay free. */
static size_t places_for(size_t pairs)
{
	size_t places = 2 * FEW_PAIRS;

	while (places < 2 * pairs)
		places *= 2;
	return places;
}

/* Where the key stands in the index, or the free place where it belongs. */
static uint32_t *place_of(const struct node *map, const char *key)
{
	size_t mask = places_for(map->n) - 1, i = hash_more(HASH_START, key) & mask;

	while (map->index[i] && !streq(map->pairs[map->index[i] - 1].key->text, key))
		i = (i + 1) & mask;
	return &map->index[i];
}

size_t node_index(struct arena *a, struct node *map, uint32_t *first_of)
{
	size_t twice = 0;

	map->index = NULL;
	if (map->n <= FEW_PAIRS)
		return index_few(map, first_of);
	map->index = arena_alloc(a, places_for(map->n) * sizeof(*map->index));
	for (size_t i = 0; i < map->n; i++) {
		uint32_t *at = place_of(map, map->pairs[i].key->text);

		twice += *at != 0;
		if (!*at)
			*at = (uint32_t)i + 1;
		if (first_of)
			first_of[i] = *at - 1;
	}
	return twice;
}

const struct pair *node_find(const struct node *n, const char *key)
{
	if (!n || n->type != NODE_MAP)
		return NULL;
	if (n->index) {
		uint32_t at = *place_of(n, key);

		return at ? &n->pairs[at - 1] : NULL;
	}
	for (size_t i = 0; i < n->n; i++)
		if (streq(n->pairs[i].key->text, key))
			return &n->pairs[i];
	return NULL;
}

const char *node_describe(struct arena *a, const struct node *n)
{
	if (n->type == NODE_LIST)
		return "a list";
	if (n->type == NODE_MAP)
		return "a map";
	if (n->quoted)
		return arena_printf(a, "the text \"%s\"", text_shown(a, n->text));
	if (node_scalar_kind(n) == SCALAR_NULL)
		return "an empty value";
	return arena_printf(a, "`%s`", text_shown(a, n->text));
}

static struct node *scalar_new(struct arena *a, const char *text, bool quoted)
{
	struct node *n = arena_alloc(a, sizeof(*n));

	n->text = arena_strdup(a, text);
	n->n = strlen(text);
	n->quoted = quoted;
	return n;
}

static struct node *map_from_json(struct arena *a, json_t *json)
{
	struct node *n = arena_alloc(a, sizeof(*n));
	const char *key;
	json_t *value;

	n->type = NODE_MAP;
	n->pairs = arena_alloc(a, json_object_size(json) * sizeof(*n->pairs));
	json_object_foreach (json, key, value) {
		n->pairs[n->n].key = scalar_new(a, key, true);
		n->pairs[n->n++].value = node_from_json(a, value);
	}
	node_index(a, n, NULL);
	return n;
}

static struct node *list_from_json(struct arena *a, json_t *json)
{
	struct node *n = arena_alloc(a, sizeof(*n));

	n->type = NODE_LIST;
	n->n = json_array_size(json);
	n->items = arena_alloc(a, n->n * sizeof(*n->items));
	for (size_t i = 0; i < n->n; i++)
		n->items[i] = node_from_json(a, json_array_get(json, i));
	return n;
}

struct node *node_from_json(struct arena *a, json_t *json)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT: return map_from_json(a, json);
	case JSON_ARRAY: return list_from_json(a, json);
	case JSON_STRING: return scalar_new(a, json_string_value(json), true);
	case JSON_INTEGER:
		return scalar_new(a,
			arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(json)), false);
	case JSON_REAL:
		return scalar_new(a, arena_printf(a, "%.17g", json_real_value(json)), false);
	case JSON_TRUE: return scalar_new(a, "true", false);
	case JSON_FALSE: return scalar_new(a, "false", false);
	default: return scalar_new(a, "null", false);
	}
}
