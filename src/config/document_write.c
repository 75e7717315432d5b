/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/document.h"
#include "config/yaml_text.h"

struct writer {
	struct strbuf *out;
	bool origins;
};

static void origin(struct writer *w, struct mark m)
{
	if (w->origins && m.source)
		sb_addf(w->out, "  # %s:%u:%u", m.source->name, m.line, m.column);
	sb_addc(w->out, '\n');
}

static void scalar(struct writer *w, const struct node *n)
{
	if (!n->quoted && node_scalar_kind(n) == SCALAR_NULL)
		sb_add(w->out, "null");
	else if (!n->quoted && node_scalar_kind(n) != SCALAR_STRING)
		sb_add(w->out, n->text);
	else
		yaml_add_string(w->out, n->text);
}

static void write_node(struct writer *w, const struct node *n, size_t depth, bool after_dash);

/* What follows `key:` or `-`: on the same line where it fits there. */
static void write_value(struct writer *w, const struct node *n, size_t depth, bool after_dash)
{
	if (n->type != NODE_SCALAR && n->n > 0) {
		if (!after_dash)
			sb_addc(w->out, '\n');
		else
			sb_addc(w->out, ' ');
		write_node(w, n, depth + 1, after_dash);
		return;
	}
	sb_addc(w->out, ' ');
	if (n->type == NODE_SCALAR)
		scalar(w, n);
	else
		sb_add(w->out, n->type == NODE_MAP ? "{}" : "[]");
	origin(w, n->mark);
}

static void write_node(struct writer *w, const struct node *n, size_t depth, bool after_dash)
{
	for (size_t i = 0; i < n->n; i++) {
		/* The first entry after "- " stands on the dash's line. */
		if (i > 0 || !after_dash)
			sb_pad(w->out, ' ', 2 * depth);
		if (n->type == NODE_MAP) {
			yaml_add_string(w->out, n->pairs[i].key->text);
			sb_addc(w->out, ':');
			write_value(w, n->pairs[i].value, depth, false);
		} else {
			sb_addc(w->out, '-');
			write_value(w, n->items[i], depth, true);
		}
	}
}

void document_write(const struct document *doc, bool origins, struct strbuf *out)
{
	struct writer w = { .out = out, .origins = origins };

	if (!doc->root)
		return;
	if (doc->root->n == 0)
		sb_add(out, "{}\n");
	else
		write_node(&w, doc->root, 0, false);
}
