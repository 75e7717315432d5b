/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From libyaml's events to nodes, with a stack of our own: depth, number of
 * nodes and recursion are judged before anything is built. An alias shares its
 * anchor's node, but counts as if copied, for all later walks see it so.
 */
#include "config/compose.h"
#include "config/source.h"
#include "base/strmap.h"
#include <yaml.h>
#include <assert.h>

struct anchor {
	struct node *node;
	size_t nodes; /* in it, expanded */
	size_t height; /* levels in it: 0 for a scalar */
	bool open; /* its end was not seen yet */
};

struct frame {
	struct node *node;
	struct anchor *anchor; /* NULL: has none */
	struct node *key; /* map: its value is still to come */
	bool drop; /* map: that value's key was refused */
	size_t nodes_before, height;
};

struct composer {
	const struct source *place; /* NULL: marks are not kept */
	struct diags *d;
	size_t *nodes;
	struct strmap anchors;
	struct frame stack[COMPOSE_DEPTH];
	size_t depth;
	struct node *root;
	unsigned documents;
	bool stop;
};

static struct mark event_mark(const struct composer *c, const yaml_event_t *e)
{
	struct mark m = { .source = c->place, .width = 1 };

	if (!c->place)
		return (struct mark){ 0 };
	m.line = (uint32_t)e->start_mark.line + 1;
	m.column = (uint32_t)e->start_mark.column + 1;
	if (e->end_mark.line == e->start_mark.line && e->end_mark.column > e->start_mark.column &&
		(e->type == YAML_SCALAR_EVENT || e->type == YAML_ALIAS_EVENT))
		m.width = (uint32_t)(e->end_mark.column - e->start_mark.column);
	return m;
}

/* Reports what makes reading on pointless. */
static void stop(struct composer *c, struct mark m, const char *hint, const char *text)
{
	diag_error(c->d, m, hint, "%s", text);
	c->stop = true;
}

static bool count(struct composer *c, struct mark m, size_t n)
{
	*c->nodes += n;
	if (*c->nodes <= COMPOSE_NODES)
		return true;
	stop(c, m, "split the host's configuration, and check the use of aliases (*name)",
		"the document is too large: more than 500,000 values, with aliases expanded");
	return false;
}

static bool deep(struct composer *c, struct mark m, size_t levels)
{
	if (c->depth + levels <= COMPOSE_DEPTH)
		return false;
	stop(c, m, "look for a bracket that is never closed",
		"the document is nested deeper than 64 levels");
	return true;
}

/* "{{ name }}" is a map whose key is a map for YAML; which of the two this one is. */
static bool is_template(const struct node *key, bool inner)
{
	const struct source *s = key->mark.source;
	size_t at;

	if (key->type != NODE_MAP || !s)
		return false;
	at = source_offset(s, key->mark);
	return at >= inner && startswith(s->text + at - inner, "{{");
}

static bool refuse_key(struct composer *c, const struct node *key)
{
	struct diags *d = c->d;

	if (is_template(key, false))
		return true; /* told by the inner one */
	if (is_template(key, true))
		diag_error(d, key->mark, "put the file in place as the template's output",
			"a `{{` that no program has filled in begins here");
	else if (key->type != NODE_SCALAR)
		diag_error(d, key->mark,
			"write a plain word before the `:`; quote it if it has {, }, [ or ]",
			"a key must be plain text, not %s", node_describe(d->arena, key));
	else if (!key->quoted && key->n == 0)
		diag_error(d, key->mark, "write the key before the `:`", "a key is missing here");
	else if (node_scalar_kind(key) == SCALAR_NULL)
		diag_error(d, key->mark,
			arena_printf(d->arena,
				"write the key before the `:`, or \"%s\" in quotes where that is "
				"meant",
				key->text),
			"`%s` is YAML's word for nothing, and no key", key->text);
	else if (!key->quoted && streq(key->text, "<<"))
		diag_error(d, key->mark,
			"repeat the keys here, or put what is common into a file that is read "
			"before: maps of several files merge",
			"the merge key `<<` is not part of this language");
	else
		return false;
	d->incomplete = true;
	return true;
}

static void attach_to_map(struct composer *c, struct frame *f, struct node *n)
{
	struct pair *p;

	if (f->drop) {
		f->drop = false;
	} else if (!f->key) {
		f->drop = refuse_key(c, n);
		f->key = f->drop ? NULL : n;
	} else {
		p = ARENA_PUSH(c->d->arena, f->node->pairs, f->node->n);
		p->key = TAKE_PTR(f->key);
		p->value = n;
	}
}

static void attach(struct composer *c, struct node *n, size_t height)
{
	struct frame *f;

	if (c->depth == 0) {
		c->root = n;
		return;
	}
	f = &c->stack[c->depth - 1];
	assert(f->node);
	f->height = MAX_OF(f->height, height + 1);
	if (f->node->type == NODE_MAP)
		attach_to_map(c, f, n);
	else
		*ARENA_PUSH(c->d->arena, f->node->items, f->node->n) = n;
}

static struct anchor *add_anchor(struct composer *c, const yaml_char_t *name, struct node *n)
{
	struct anchor *a;

	if (!name)
		return NULL;
	a = arena_alloc(c->d->arena, sizeof(*a));
	a->node = n;
	a->nodes = 1;
	strmap_put(&c->anchors, arena_strdup(c->d->arena, (const char *)name), a);
	return a;
}

static void refuse_tag(struct composer *c, struct mark m, const yaml_char_t *tag)
{
	const char *text = (const char *)tag, *core;

	if (!tag)
		return;
	core = startswith(text, "tag:yaml.org,2002:");
	diag_error(c->d, m, "remove the tag; put text in quotes where it must stay text",
		"YAML tags such as `%s%s` are not part of this language", core ? "!!" : "",
		text_shown(c->d->arena, core ? core : text));
}

static struct node *new_node(struct composer *c, enum node_type type, const yaml_event_t *e)
{
	struct node *n = arena_alloc(c->d->arena, sizeof(*n));

	n->type = type;
	n->mark = event_mark(c, e);
	return n;
}

static void on_scalar(struct composer *c, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t len = e->data.scalar.length;
	struct node *n = new_node(c, NODE_SCALAR, e);

	if (!count(c, n->mark, 1))
		return;
	refuse_tag(c, n->mark, e->data.scalar.tag);
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	n->text = arena_strndup(c->d->arena, text, len);
	n->n = strlen(n->text);
	if (n->n != len)
		diag_error(c->d, n->mark, "remove the \\0 or \\x00",
			"the text contains a NUL character");
	add_anchor(c, e->data.scalar.anchor, n);
	attach(c, n, 0);
}

/* Leaves out a node whose fault was reported, and its key. What is missing then was not forgotten.
 */
static void leave_out(struct composer *c)
{
	struct frame *f = c->depth ? &c->stack[c->depth - 1] : NULL;

	c->d->incomplete = true;
	if (!f || f->node->type != NODE_MAP)
		return;
	f->drop = !f->drop && !f->key;
	f->key = NULL;
}

static void refuse_alias(struct composer *c, struct mark m, const char *name, bool open)
{
	name = text_shown(c->d->arena, name);
	if (open)
		diag_error(c->d, m, "an alias can only repeat what is complete before it",
			"the alias `*%s` stands inside its own anchor", name);
	else
		diag_error(c->d, m, "text that begins with * needs quotes",
			"there is no anchor `&%s` before this alias", name);
	leave_out(c);
}

static void on_alias(struct composer *c, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;
	struct anchor *a = strmap_get(&c->anchors, name);
	struct mark m = event_mark(c, e);

	if (!a || a->open)
		refuse_alias(c, m, name, a != NULL);
	else if (count(c, m, a->nodes) && !deep(c, m, a->height))
		attach(c, a->node, a->height);
}

static void on_start(struct composer *c, enum node_type type, const yaml_event_t *e)
{
	bool map = type == NODE_MAP;
	struct node *n = new_node(c, type, e);
	struct frame *f;

	if (deep(c, n->mark, 1) || !count(c, n->mark, 1))
		return;
	refuse_tag(c, n->mark, map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	f = &c->stack[c->depth++];
	*f = (struct frame){ .node = n, .nodes_before = *c->nodes - 1 };
	f->anchor = add_anchor(
		c, map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor, n);
	if (f->anchor)
		f->anchor->open = true;
}

/* Reports keys that stand twice and keeps the first of each. */
static void close_map(struct composer *c, struct node *map)
{
	struct arena *a = c->d->arena;
	uint32_t *first_of;
	size_t kept = 0;

	if (node_index(a, map, NULL) == 0)
		return;
	first_of = arena_alloc(a, map->n * sizeof(*first_of));
	node_index(a, map, first_of);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = map->pairs[i].key;

		if (first_of[i] == i) {
			first_of[i] = (uint32_t)kept; /* where it is from now on */
			map->pairs[kept++] = map->pairs[i];
			continue;
		}
		diag_relate(diag_error(c->d, key->mark, "remove one of the two",
				    "duplicate key `%s`", text_shown(a, key->text)),
			map->pairs[first_of[first_of[i]]].key->mark, "first used here");
	}
	map->n = kept;
	node_index(a, map, NULL);
}

static void on_end(struct composer *c)
{
	struct frame *f = &c->stack[c->depth - 1];

	assert(c->depth && f->node); /* libyaml's beginnings and ends pair up */
	if (f->node->type == NODE_MAP)
		close_map(c, f->node);
	if (f->anchor) {
		f->anchor->nodes = *c->nodes - f->nodes_before;
		f->anchor->height = MAX_OF(f->height, (size_t)1);
		f->anchor->open = false;
	}
	c->depth--;
	attach(c, f->node, MAX_OF(f->height, (size_t)1));
}

static void on_document(struct composer *c, const yaml_event_t *e)
{
	if (c->documents++ > 0)
		stop(c, event_mark(c, e),
			"remove the `---`, or put the second document into a file of its own",
			"a second YAML document begins here");
}

static void on_event(struct composer *c, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT: on_document(c, e); break;
	case YAML_SCALAR_EVENT: on_scalar(c, e); break;
	case YAML_ALIAS_EVENT: on_alias(c, e); break;
	case YAML_SEQUENCE_START_EVENT: on_start(c, NODE_LIST, e); break;
	case YAML_MAPPING_START_EVENT: on_start(c, NODE_MAP, e); break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: on_end(c); break;
	default: break;
	}
}

static bool run(struct composer *c, const char *text, size_t len, const struct source *s)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;

	if (!yaml_parser_initialize(&parser))
		abort();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!end && !c->stop) {
		if (!yaml_parser_parse(&parser, &event)) {
			compose_error(&parser, s, c->d);
			c->stop = true;
			break;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		on_event(c, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	strmap_free(&c->anchors);
	return !c->stop;
}

/* "---" alone is as empty as no text at all. */
static bool is_blank(const struct node *n)
{
	return n && n->type == NODE_SCALAR && !n->quoted && n->n == 0;
}

bool compose(const struct source *s, size_t *nodes, struct diags *d, struct node **root)
{
	struct composer c = { .place = s, .d = d, .nodes = nodes };

	if (!source_check(s, d) || !run(&c, s->text, s->len, s))
		return false;
	*root = is_blank(c.root) ? NULL : c.root;
	return true;
}

struct node *compose_text(struct arena *a, const char *text)
{
	struct diags d = { .arena = a };
	size_t nodes = 0;
	struct composer c = { .d = &d, .nodes = &nodes };

	return run(&c, text, strlen(text), NULL) && !d.errors ? c.root : NULL;
}
