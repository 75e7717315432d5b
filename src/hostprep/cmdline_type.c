/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel parameter as it stands in the document. */
#include "config/scalar.h"
#include "config/type.h"
#include "hostprep/cmdline_token.h"

static bool refuse_characters(struct scalar *s)
{
	const char *p;

	for (p = s->text; *p; p++) {
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			return scalar_refuse(s, "must be printable ASCII");
		if (strchr("'`\\", *p)) {
			scalar_cure(s, "the kernel itself groups by double quotes: dyndbg=\"file "
				       "a.c +p\"");
			return scalar_refuse(s,
				"must not contain %c, which boot loaders do not hand over as it is",
				*p);
		}
	}
	return true;
}

/* These say from where and what is booted. */
static bool refuse_loaders_own(struct scalar *s, const char *key)
{
	static const char *const keys[] = { "BOOT_IMAGE", "initrd", "root", "ro", "rw" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (streq(key, keys[i])) {
			scalar_cure(s, "take it out; it stays as the boot loader has it");
			return scalar_refuse(s, "must not set %s, which the boot loader sets", key);
		}
	return true;
}

static bool token_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	const char *rest = s->text, *p;
	struct token t;
	unsigned quotes = 0;
	char *text;
	size_t n;

	if (!s->quoted && s->kind != SCALAR_STRING) {
		scalar_cure(s, "quote it: \"%s\"", scalar_shown(s));
		return scalar_refuse(s, "must be text");
	}
	if (!refuse_characters(s))
		return false;
	for (p = s->text; *p; p++)
		quotes += *p == '"';
	if (quotes % 2)
		return scalar_refuse(s, "has a quote that is not closed");
	scalar_cure(s, "write KEY or KEY=VALUE, or take it out");
	if (!token_next(&rest, &n))
		return scalar_refuse(s, "must not be empty");
	if (rest[strspn(rest, " \t")]) {
		scalar_cure(s, "write each parameter as an item of its own; a value with blanks in "
			       "double quotes");
		return scalar_refuse(s, "must be one parameter, not `%s`", scalar_shown(s));
	}
	t = token_of(s->arena, s->text);
	if (streq(t.key, "--") || !*t.key || *t.key == '=')
		return scalar_refuse(s, "must be a parameter, not `%s`", scalar_shown(s));
	if (t.key[strcspn(t.key, " \"")] || (t.value && strchr(t.value, '"')))
		return scalar_refuse(s,
			"must have quotes around its whole value, or none, not `%s`",
			scalar_shown(s));
	if (!refuse_loaders_own(s, t.key))
		return false;
	text = token_text(&t);
	*(const char **)value = arena_strdup(s->arena, text);
	free(text);
	return true;
}

static void token_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool token_equal(const void *a, const void *b)
{
	return streq_null(*(const char *const *)a, *(const char *const *)b);
}

/* Printable ASCII without ' ` \ and, but around a value or the whole, without ". */
#define CHAR "!#-&(-\\\\[\\\\]-_a-~"
#define KEY_CHAR "!#-&(-<>-\\\\[\\\\]-_a-~"

static void token_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out,
		"\"type\":\"string\",\"pattern\":\"^(?!--$)(?!(BOOT_IMAGE|initrd|root|ro|rw)(=|$))"
		"([" KEY_CHAR "]+(=([" CHAR "]*|\\\"[ " CHAR "]*\\\"))?|"
		"\\\"[" KEY_CHAR "]+(=[ " CHAR "]*)?\\\")$\"");
}

const struct type type_token = {
	.name = "a kernel parameter such as transparent_hugepage=never",
	.size = sizeof(const char *),
	.parse = token_parse,
	.format = token_format,
	.equal = token_equal,
	.schema = token_schema,
};
