/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reference part of kvmhost.yaml(5). */
#include "config/reference_internal.h"

/* Text that troff prints as it is. */
static void add_text(struct strbuf *out, const char *s)
{
	if (*s == '.' || *s == '\'')
		sb_add(out, "\\&");
	for (; *s; s++) {
		if (*s == '\\')
			sb_add(out, "\\e");
		else if (*s == '-')
			sb_add(out, "\\-");
		else if (*s == '\n')
			sb_addc(out, ' ');
		else
			sb_addc(out, *s);
	}
}

static void add_paragraph(struct strbuf *out, const char *s)
{
	if (!s)
		return;
	add_text(out, s);
	sb_addc(out, '\n');
}

static void add_facts(struct strbuf *out, const struct field *f)
{
	_cleanup_strbuf_ struct strbuf type = { 0 };
	_cleanup_arena_ struct arena *a = arena_new();
	bool leaf = f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST;

	type_words(f, &type);
	if (f->required)
		sb_add(&type, "; required");
	else if (f->def && leaf)
		sb_addf(&type, "; default %s", *f->def ? f->def : "\"\"");
	add_paragraph(out, sb_str(&type));
	if (f->ref) {
		sb_add(out, ".br\n");
		add_paragraph(
			out, arena_printf(a, "Names a %s that this document declares.", f->ref));
	}
	if (leaf && f->on_change != CHANGE_LIVE) {
		sb_add(out, ".br\n");
		add_paragraph(out, arena_printf(a, "A change %s.", change_words(f)));
	}
	if (f->example) {
		sb_add(out, ".br\nExample: ");
		add_paragraph(out, arena_printf(a, "%s: %s", f->name, field_sample(a, f)));
	}
}

static void add_table(struct strbuf *out, const struct table *t, const char *path, const char *doc)
{
	sb_add(out, ".SS ");
	add_text(out, path);
	sb_addc(out, '\n');
	add_paragraph(out, t->doc ? t->doc : doc);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];

		if (f->shape == SHAPE_PLANNED)
			continue;
		sb_add(out, ".TP\n.B ");
		add_text(out, f->name);
		sb_addc(out, '\n');
		add_paragraph(out, f->doc);
		sb_add(out, f->doc ? ".br\n" : "");
		add_facts(out, f);
	}
}

/* A table, then those below it, each in a subsection of its own. */
static void add_tables(struct strbuf *out, struct arena *a, const struct table *t, const char *path,
	const char *doc)
{
	add_table(out, t, *path ? path : "Top level", doc);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		const char *below = arena_printf(a, "%s%s%s", path, *path ? "." : "", f->name);

		if (f->shape == SHAPE_PLANNED || !f->table)
			continue;
		if (f->shape == SHAPE_MAP)
			below = arena_printf(a, "%s.%s", below, key_word(f->table));
		add_tables(out, a, f->table, below, f->doc);
	}
}

void reference_man(const struct table *root, struct strbuf *out)
{
	_cleanup_arena_ struct arena *a = arena_new();

	sb_add(out, ".SH KEYS\n");
	add_tables(out, a, root, "", NULL);
}
