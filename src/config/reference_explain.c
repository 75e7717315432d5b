/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/reference_internal.h"
#include "base/error.h"
#include <ctype.h>

enum { WIDTH = 78 };

struct teller {
	struct strbuf *out;
	struct arena *arena;
	bool color;
};

static void bold(struct teller *t, const char *text)
{
	sb_addf(t->out, t->color ? "\033[1m%s\033[0m" : "%s", text);
}

/* Words of the text in lines, continued behind `indent` blanks; the first begins at `column`. */
static void wrap(struct teller *t, const char *text, size_t len, size_t indent, size_t column)
{
	const char *end = text + len;
	bool first = true;

	while (text < end) {
		size_t word = strcspn(text, " \n");

		word = MIN_OF(word, (size_t)(end - text));
		if (!first && column + 1 + word > WIDTH) {
			sb_addc(t->out, '\n');
			sb_pad(t->out, ' ', indent);
			column = indent;
		} else if (!first) {
			sb_addc(t->out, ' ');
			column++;
		}
		sb_addn(t->out, text, word);
		column += word;
		text += word;
		while (text < end && isspace((unsigned char)*text))
			text++;
		first = false;
	}
	sb_addc(t->out, '\n');
}

static void tell_doc(struct teller *t, const char *doc)
{
	if (!doc)
		return;
	sb_add(t->out, "  ");
	wrap(t, doc, strlen(doc), 2, 2);
	sb_addc(t->out, '\n');
}

static void tell_line(struct teller *t, const char *label, const char *text)
{
	sb_addf(t->out, "  %-10s ", label);
	wrap(t, text, strlen(text), 13, 13);
}

static void tell_facts(struct teller *t, const struct field *f)
{
	_cleanup_strbuf_ struct strbuf type = { 0 };

	type_words(f, &type);
	tell_line(t, "Type:", sb_str(&type));
	if (f->shape == SHAPE_PLANNED)
		return;
	if (f->required)
		tell_line(t, "Required:", "yes");
	else if (f->def)
		tell_line(t, "Default:", f->def);
	else if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST)
		tell_line(t, "Default:", "none");
	if (f->ref)
		tell_line(t, "Names:",
			arena_printf(t->arena, "a %s that this document declares", f->ref));
	if (f->claims)
		tell_line(t,
			"Unique:", arena_printf(t->arena, "each %s may be named once", f->claims));
	if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST)
		tell_line(t, "A change:", change_words(f));
	if (f->shape == SHAPE_SCALAR || f->shape == SHAPE_LIST || f->example)
		tell_line(t, "Example:",
			arena_printf(t->arena, "%s: %s", f->name, field_sample(t->arena, f)));
}

static void tell_keys(struct teller *t, const struct table *table)
{
	size_t width = 0;

	for (size_t i = 0; i < table->n_fields; i++)
		width = MAX_OF(width, strlen(table->fields[i].name));
	for (size_t i = 0; i < table->n_fields; i++) {
		const struct field *f = &table->fields[i];
		const char *doc = f->doc ? f->doc : "";
		const char *text = arena_printf(t->arena, "%s%.*s",
			f->shape == SHAPE_PLANNED ? "(not built yet) "
			: f->required             ? "(required) "
						  : "",
			(int)first_sentence(doc), doc);

		sb_add(t->out, "    ");
		bold(t, f->name);
		sb_pad(t->out, ' ', width - strlen(f->name) + 2);
		wrap(t, text, strlen(text), width + 6, width + 6);
	}
}

static void tell_root(struct teller *t, const struct table *root)
{
	tell_doc(t, root->doc);
	sb_add(t->out, "  Keys:\n");
	tell_keys(t, root);
	sb_add(t->out, "\n  More of each: kvmhostctl explain KEY, such as ");
	sb_addf(t->out, "kvmhostctl explain %s\n", root->fields[root->n_fields - 1].name);
}

static void tell_field(struct teller *t, const struct field *f, const char *path, bool entry)
{
	bold(t, path);
	sb_add(t->out, "\n\n");
	tell_doc(t, entry && f->table && f->table->doc ? f->table->doc : f->doc ? f->doc : "");
	if (!entry)
		tell_facts(t, f);
	if (!f->table)
		return;
	if (!entry)
		sb_addc(t->out, '\n');
	sb_addf(t->out,
		f->shape == SHAPE_OBJECT ? "  Keys:\n"
		: f->shape == SHAPE_MAP  ? "  Keys of each %s:\n"
					 : "  Keys of each entry:\n",
		key_word(f->table));
	tell_keys(t, f->table);
}

int reference_explain(
	const struct table *root, const char *path, bool color, struct strbuf *out, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct teller t = { .out = out, .arena = a, .color = color };
	struct found found = { 0 };
	int r;

	if (!path) {
		tell_root(&t, root);
		return 0;
	}
	r = reference_find(root, path, a, &found, e);
	if (r == 0)
		tell_field(&t, found.field, found.path, found.entry);
	return r;
}
