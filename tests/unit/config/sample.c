/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sample.h"

void load_bytes(struct loaded *l, const char *text, size_t len)
{
	*l = (struct loaded){ .arena = arena_new() };
	l->diags.arena = l->arena;
	document_load_text(&l->doc, "t.yaml", text, len, &l->diags);
	l->sample = arena_alloc(l->arena, sample_table.size);
	l->ok = l->doc.root &&
		obj_parse(&sample_table, l->doc.root, NULL, "", l->sample, &l->diags);
	if (l->ok)
		l->ok = l->diags.errors == 0;
	else
		assert_true(l->diags.errors > 0);
}

void load(struct loaded *l, const char *text)
{
	load_bytes(l, text, strlen(text));
}

void unload(struct loaded *l)
{
	arena_free(l->arena);
}

char *messages(struct loaded *l)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	diags_print(&l->diags, f, false);
	fclose(f);
	return text;
}

void assert_refused(const char *text, ...)
{
	_cleanup_loaded_ struct loaded l;
	_cleanup_free_ char *said = NULL;
	const char *at, *words;
	va_list ap;

	load(&l, text);
	said = messages(&l);
	if (l.ok)
		fail_msg("accepted:\n%s", text);
	at = said;
	va_start(ap, text);
	while ((words = va_arg(ap, const char *))) {
		at = strstr(at, words);
		if (!at)
			fail_msg("no \"%s\" in:\n%s\nof:\n%s", words, said, text);
		at += strlen(words);
	}
	va_end(ap);
}

void assert_accepted(const char *text)
{
	_cleanup_loaded_ struct loaded l;
	_cleanup_free_ char *said = NULL;

	load(&l, text);
	said = messages(&l);
	if (!l.ok || l.diags.n)
		fail_msg("%s\nof:\n%s", said, text);
}
