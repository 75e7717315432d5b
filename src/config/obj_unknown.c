/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys that a table does not have, and what was probably meant. */
#include "config/obj_errors.h"
#include "config/obj_hints.h"

enum { DEEPEST = 8 };

/* Where below t, exactly `depth` tables down, there is such a key: "host.cpu". */
static const char *find_at(struct arena *a, const struct table *t, const char *key,
	const struct path *where, size_t depth)
{
	const struct field *f;
	const char *found = NULL;

	if (depth == 0) {
		f = table_field(t, key);
		return f && f->shape != SHAPE_PLANNED ? path_text(a, where) : NULL;
	}
	for (size_t i = 0; i < t->n_fields && !found; i++) {
		struct path section = { where, t->fields[i].name };
		struct path entry = { &section, "NAME" };

		f = &t->fields[i];
		if (f->table && f->table->key_word)
			entry.part = f->table->key_word;
		if (f->table && f->shape != SHAPE_PLANNED)
			found = find_at(a, f->table, key, f->shape == SHAPE_MAP ? &entry : &section,
				depth - 1);
	}
	return found;
}

/* The nearest such place below the table at `where`, at least `depth` tables down. */
static const char *elsewhere_hint(struct arena *a, const struct table *t, const char *key,
	const struct path *where, size_t depth)
{
	for (; depth < DEEPEST; depth++) {
		const char *found = find_at(a, t, key, where, depth);

		if (found)
			return arena_printf(a, "`%s` belongs %s%s", key,
				*found ? "under " : "at the top level, beside `version`", found);
	}
	return NULL;
}

/* The only key that has the word as one of its parts: host_port for port. */
static const struct field *row_with_part(const struct table *t, const char *word)
{
	const struct field *found = NULL;
	size_t n = strlen(word);

	for (size_t i = 0; n && i < t->n_fields; i++) {
		const char *name = t->fields[i].name, *p = strstr(name, word);

		if (!p || (p > name && p[-1] != '_') || (p[n] && p[n] != '_'))
			continue;
		if (found)
			return NULL;
		found = &t->fields[i];
	}
	return found;
}

/* addresses for address */
static bool is_plural(const char *word, const char *name)
{
	return startswith(name, word) && strlen(name) <= strlen(word) + 2;
}

/* What was probably meant: *meant a row of t, or else the text of a hint. */
static const char *unknown_hint(struct arena *a, const struct table *root, const struct table *t,
	const char *key, const struct path *where, const struct field **meant)
{
	const struct path top = { NULL, "" };
	const char *hint = stray_hint(a, key);
	const struct field *part;
	size_t slips = 0;

	if (!hint)
		hint = glued_hint(a, t, key);
	if (hint)
		return hint;
	*meant = table_nearest(t, key, &slips);
	if (*meant && (slips <= 1 || is_plural(key, (*meant)->name)))
		return NULL;
	/* Not surely this one where the word is the key of something in here. */
	hint = elsewhere_hint(a, t, key, where, 1);
	if (hint || (*meant && startswith((*meant)->name, key)))
		return hint;
	part = row_with_part(t, key);
	if (part)
		*meant = part;
	else
		hint = elsewhere_hint(a, root, key, &top, 0);
	return hint;
}

const struct field *refuse_unknown(struct diags *d, const struct table *root, const struct table *t,
	const struct node *key, const struct path *where)
{
	const char *hint, *in = path_text(d->arena, where);
	const struct field *meant = NULL;

	if (diags_full(d)) {
		diag_error(d, key->mark, NULL, "unknown key");
		return NULL;
	}
	hint = unknown_hint(d->arena, root, t, key->text, where, &meant);
	if (hint)
		meant = NULL;
	else if (meant)
		hint = arena_printf(d->arena, "did you mean `%s`?", meant->name);
	else
		hint = arena_printf(d->arena, "the keys here are: %s", keys_text(d->arena, t));
	diag_error(d, key->mark, hint, "unknown key `%s`%s%s", text_shown(d->arena, key->text),
		*in ? " in " : " at the top level", text_shown(d->arena, in));
	return meant;
}
