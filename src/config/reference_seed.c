/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/reference_internal.h"
#include "config/compose.h"
#include "config/yaml_text.h"

static void seed_table(const struct table *t, size_t depth, struct arena *a, struct strbuf *out);

static void add_scalar(const struct field *f, const char *text, struct strbuf *out)
{
	if (f->type->bare)
		sb_add(out, text);
	else
		yaml_add_string(out, text);
}

static void seed_list(const struct field *f, struct arena *a, struct strbuf *out)
{
	const char *given = f->example ? f->example : f->def;
	const struct node *n = given ? compose_text(a, given) : NULL;
	bool whole = n && n->type == NODE_LIST && n->n > 0;

	sb_add(out, " [");
	for (size_t i = 0; i < (whole ? n->n : 1); i++) {
		sb_add(out, i ? ", " : "");
		add_scalar(f, whole ? n->items[i]->text : sample_text(a, f), out);
	}
	sb_add(out, "]\n");
}

static void seed_field(const struct field *f, size_t depth, struct arena *a, struct strbuf *out)
{
	sb_pad(out, ' ', 2 * depth);
	yaml_add_string(out, f->name);
	sb_addc(out, ':');
	switch (f->shape) {
	case SHAPE_SCALAR:
		sb_addc(out, ' ');
		add_scalar(f, sample_text(a, f), out);
		sb_addc(out, '\n');
		break;
	case SHAPE_LIST: seed_list(f, a, out); break;
	case SHAPE_MAP:
		sb_addc(out, '\n');
		sb_pad(out, ' ', 2 * depth + 2);
		yaml_add_string(out, sample_key(a, f));
		sb_addc(out, ':');
		seed_table(f->table, depth + 2, a, out);
		break;
	case SHAPE_OBJECTS:
		sb_addc(out, '\n');
		sb_pad(out, ' ', 2 * depth + 2);
		sb_addc(out, '-');
		seed_table(f->table, depth + 2, a, out);
		break;
	default: seed_table(f->table, depth + 1, a, out); break;
	}
}

static void seed_table(const struct table *t, size_t depth, struct arena *a, struct strbuf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_fields; i++) {
		if (t->fields[i].shape == SHAPE_PLANNED)
			continue;
		/* Below a key the first line begins anew; at the top it is there already. */
		if (n++ == 0 && depth > 0)
			sb_addc(out, '\n');
		seed_field(&t->fields[i], depth, a, out);
	}
	if (n == 0)
		sb_add(out, " {}\n");
}

void reference_seed(const struct table *root, struct strbuf *out)
{
	_cleanup_arena_ struct arena *a = arena_new();

	seed_table(root, 0, a, out);
}
