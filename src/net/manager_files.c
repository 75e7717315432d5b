/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A manager's files of ours: one list of links in each, between fixed texts. */
#include "net/manager.h"
#include "reconcile/dropin.h"

const struct list *manager_list(const struct manager *m, const char *field)
{
	return (const void *)((const char *)m + table_field(m->obj.table, field)->offset);
}

/* What follows our header. */
static char *body_of(char *text)
{
	while (*text == '#')
		text += strcspn(text, "\n"), text += *text == '\n';
	return text;
}

/* A text of another shape names no links: somebody changed it, and it is written anew. */
static void parse(struct arena *a, const struct manager_file *f, char *text, struct list *out)
{
	char *at = body_of(text), *end = at + strlen(at) - MIN_OF(strlen(at), strlen(f->tail));
	const char **v = NULL;

	if (!startswith(at, f->head) || !streq(end, f->tail))
		return;
	*end = '\0';
	for (at += strlen(f->head); at && *at;) {
		char *next = strstr(at, f->glue);
		size_t n = next ? (size_t)(next - at) : strlen(at);

		*ARENA_PUSH(a, v, out->n) = arena_strndup(a, at, n);
		at = next ? next + strlen(f->glue) : NULL;
	}
	out->v = v;
}

int manager_files_read(struct host *h, const struct manager_daemon *d, struct manager *m,
	bool *found, struct error *e)
{
	*found = false;
	for (size_t i = 0; i < d->n_files; i++) {
		const struct manager_file *f = &d->files[i];
		_cleanup_free_ char *text = NULL;
		int r = dropin_read(h, f->path, &text, e);

		if (r < 0)
			return r;
		obj_mark_set(m, f->field);
		if (!text)
			continue;
		*found = true;
		parse(h->pass, f, text, (struct list *)manager_list(m, f->field));
	}
	return 0;
}

int manager_files_write(
	struct host *h, const struct manager_daemon *d, const struct manager *m, struct error *e)
{
	for (size_t i = 0; i < d->n_files; i++) {
		const struct manager_file *f = &d->files[i];
		const struct list *names = manager_list(m, f->field);
		_cleanup_strbuf_ struct strbuf body = { 0 };
		int r;

		for (size_t k = 0; k < names->n; k++)
			sb_addf(&body, "%s%s", k ? f->glue : f->head,
				LIST_AT(names, const char *, k));
		if (names->n)
			sb_add(&body, f->tail);
		r = dropin_write_for(h, f->path, "bridges", sb_str(&body), e);
		if (r < 0)
			return r;
	}
	return 0;
}
