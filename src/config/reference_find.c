/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From "guests.web1.disks.0.bus", as a person writes it, to the row. */
#include "config/reference_internal.h"
#include "base/error.h"
#include <assert.h>

enum { MOST_PARTS = 64 };

struct finder {
	struct arena *arena;
	const char *parts[MOST_PARTS];
	size_t n;
	struct strbuf shown; /* "guests.NAME.disks" */
	struct error *error;
};

static const struct field *find_kind(const struct table *t, const char *kind)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].kind && streq(t->fields[i].kind, kind))
			return &t->fields[i];
	return NULL;
}

/* Sections below the top may hold kinds too: sysctl. */
static const struct field *find_kind_below(
	struct finder *f, const struct table *t, const char *kind)
{
	const struct field *found = find_kind(t, kind);
	size_t before = f->shown.len;

	if (found) {
		sb_addf(&f->shown, "%s%s", f->shown.len ? "." : "", found->name);
		return found;
	}
	for (size_t i = 0; i < t->n_fields; i++) {
		if (t->fields[i].shape != SHAPE_OBJECT)
			continue;
		sb_addf(&f->shown, "%s%s", f->shown.len ? "." : "", t->fields[i].name);
		found = find_kind_below(f, t->fields[i].table, kind);
		if (found)
			return found;
		f->shown.len = before;
		f->shown.s[before] = '\0';
	}
	return NULL;
}

static int no_such_key(struct finder *f, const struct table *t, const char *part)
{
	const struct field *near = table_nearest(t, part, NULL);
	const char *in = sb_str(&f->shown), *dot = *in ? "." : "";

	error_set(f->error, -ENOENT, "there is no key `%s`%s%s", text_shown(f->arena, part),
		*in ? " in " : "", in);
	if (near)
		return error_cure(f->error, "did you mean `%s%s%s`?", in, dot, near->name);
	return error_cure(f->error, "see kvmhostctl explain%s%s", *in ? " " : "", in);
}

static bool all_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

/*
 * How many parts at i name an entry of the map: none when the first is one of
 * its keys, else as many as it takes to come to a key, for names may have
 * dots (eth1.42, vm.swappiness).
 */
static size_t entry_parts(const struct finder *f, const struct table *t, size_t i)
{
	size_t n = 0;

	if (table_field(t, f->parts[i]))
		return 0;
	while (i + n < f->n && !table_field(t, f->parts[i + n]))
		n++;
	if (i + n < f->n || t->scalar)
		return n;
	/* No key follows: what is no number either would have been one. */
	n = 1;
	while (i + n < f->n && all_digits(f->parts[i + n]))
		n++;
	return n;
}

/* What is nearly a key names no entry, but that key. */
static bool nearly_a_key(const struct table *t, const char *part)
{
	size_t slips;

	return !t->scalar && table_nearest(t, part, &slips) && slips <= 1;
}

/* Steps from a map to one of its keys or entries; returns whether the path ends at an entry. */
static bool enter_map(struct finder *f, const struct table *t, size_t *i)
{
	size_t n = entry_parts(f, t, *i);

	if (n == 1 && *i + 1 == f->n && nearly_a_key(t, f->parts[*i]))
		n = 0;
	sb_addf(&f->shown, ".%s", key_word(t));
	*i += n;
	return *i >= f->n;
}

static int no_keys_below(struct finder *f)
{
	error_set(f->error, -ENOENT, "`%s` has no keys below it", sb_str(&f->shown));
	return error_cure(f->error, "kvmhostctl explain %s tells what it is", sb_str(&f->shown));
}

static int find_below(struct finder *f, const struct field *now, struct found *out)
{
	for (size_t i = 1; i < f->n; i++) {
		const struct table *t = now->table;
		bool number = all_digits(f->parts[i]);

		if (number && (now->shape == SHAPE_OBJECTS ||
				      (now->shape == SHAPE_LIST && i + 1 == f->n)))
			continue;
		if (!t)
			return no_keys_below(f);
		out->entry = now->shape == SHAPE_MAP && enter_map(f, t, &i);
		if (out->entry)
			break;
		now = table_field(t, f->parts[i]);
		if (!now)
			return no_such_key(f, t, f->parts[i]);
		sb_addf(&f->shown, ".%s", now->name);
	}
	out->field = now;
	out->path = arena_strdup(f->arena, sb_str(&f->shown));
	return 0;
}

static int split(struct finder *f, const char *path)
{
	char *copy = arena_strdup(f->arena, path), *dot;

	for (; copy && f->n < MOST_PARTS; copy = dot) {
		dot = strchr(copy, '.');
		if (dot)
			*dot++ = '\0';
		if (*copy)
			f->parts[f->n++] = copy;
	}
	return copy ? error_set(f->error, -ENOENT, "the path has too many parts") : 0;
}

/* Inside, two dots may be in a name. */
static int no_path(const char *path, struct error *e)
{
	if (*path)
		error_set(e, -ENOENT, "`%s` is no path of keys: it %s with a dot", path,
			*path == '.' ? "begins" : "ends");
	else
		error_set(e, -ENOENT, "the path of keys is empty");
	return error_cure(e,
		"write one such as guests.disks.bus; kvmhostctl explain alone lists the "
		"sections");
}

int reference_find(const struct table *root, const char *path, struct arena *a, struct found *out,
	struct error *e)
{
	struct finder f = { .arena = a, .error = e };
	const struct field *first;
	int r;

	if (!*path || *path == '.' || endswith(path, "."))
		return no_path(path, e);
	r = split(&f, path);
	if (r < 0)
		return r;
	assert(f.n);
	first = table_field(root, f.parts[0]);
	if (first)
		sb_add(&f.shown, first->name);
	else
		first = find_kind_below(&f, root, f.parts[0]);
	r = first ? find_below(&f, first, out) : no_such_key(&f, root, f.parts[0]);
	sb_free(&f.shown);
	return r;
}

static void add_keys(
	const struct table *t, const struct path *where, struct arena *a, struct strbuf *out)
{
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct field *f = &t->fields[i];
		struct path child = { where, f->name };

		if (f->shape == SHAPE_PLANNED)
			continue;
		sb_addf(out, "%s\n", path_text(a, &child));
		if (f->table)
			add_keys(f->table, &child, a, out);
	}
}

void reference_keys(const struct table *root, struct strbuf *out)
{
	_cleanup_arena_ struct arena *a = arena_new();

	add_keys(root, NULL, a, out);
}
