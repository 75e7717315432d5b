/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types whose value is text: const char *. */
#include "config/type_text.h"
#include "config/scalar.h"
#include "base/utf8.h"
#include <limits.h>

void text_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

bool text_equal(const void *a, const void *b)
{
	return streq(*(const char *const *)a, *(const char *const *)b);
}

bool text_take(struct scalar *s, void *value)
{
	*(const char **)value = arena_strdup(s->arena, s->text);
	return true;
}

bool text_refuse_unquoted(struct scalar *s)
{
	if (s->quoted || s->kind == SCALAR_STRING)
		return true;
	scalar_refuse(s, "must be text, and `%s` without quotes is %s", scalar_shown(s),
		s->kind == SCALAR_BOOL ? "a boolean" : "a number");
	return scalar_cure(s, "quote it: \"%s\"", scalar_shown(s));
}

bool text_refuse_control(struct scalar *s)
{
	size_t left = strlen(s->text), len;
	const char *p = s->text;
	uint32_t c;

	for (; left; p += len, left -= len) {
		len = utf8_decode(p, left, &c);
		if (len == 0)
			return scalar_refuse(s, "must be UTF-8");
		if (!utf8_is_control(c))
			continue;
		scalar_cure(s, c == '\n' ? "write it on one line" : "remove them");
		return scalar_refuse(s, "must not contain %s",
			c == '\n' ? "a line break" : "control characters");
	}
	return true;
}

/*
 * Enumerations
 */

static bool enum_parse(const struct field *f, struct scalar *s, void *value)
{
	_cleanup_strbuf_ struct strbuf all = { 0 };
	size_t n;

	for (n = 0; f->names[n]; n++) {
		if (streq(f->names[n], s->text)) {
			*(int *)value = (int)n;
			return true;
		}
		sb_addf(&all, "%s%s", n ? ", " : "", f->names[n]);
	}
	scalar_cure_word(s, f->names, n);
	return scalar_refuse(s, n > 1 ? "must be one of %s, not `%s`" : "must be %s, not `%s`",
		sb_str(&all), scalar_shown(s));
}

static void enum_format(const struct field *f, const void *value, struct strbuf *out)
{
	int i = *(const int *)value;

	for (int n = 0; f->names[n]; n++)
		if (n == i)
			sb_add(out, f->names[n]);
}

static void enum_schema(const struct field *f, struct strbuf *out)
{
	sb_add(out, "\"enum\":[");
	for (size_t i = 0; f->names[i]; i++) {
		sb_add(out, i ? "," : "");
		sb_add_json(out, f->names[i]);
	}
	sb_addc(out, ']');
}

const struct type type_enum = {
	.name = "one word of a set",
	.size = sizeof(int),
	.parse = enum_parse,
	.format = enum_format,
	.schema = enum_schema,
};

/*
 * Text
 */

static bool string_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	if (*s->text == '\0') {
		scalar_cure(s, "write a value, or remove it");
		return scalar_refuse(s, "must not be empty");
	}
	return text_refuse_unquoted(s) && text_refuse_control(s) && text_take(s, value);
}

static void string_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"minLength\":1,"
		    "\"pattern\":\"^[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\"");
}

const struct type type_string = {
	.name = "text",
	.size = sizeof(const char *),
	.parse = string_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = string_schema,
};

static bool any_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	return text_refuse_control(s) && text_take(s, value);
}

static void any_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":[\"string\",\"number\",\"boolean\"]");
}

const struct type type_any = {
	.name = "a value",
	.size = sizeof(const char *),
	.parse = any_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = any_schema,
};

/*
 * Paths
 */

/* Appends the parts with single slashes; false for "." and "..". */
static bool clean_path(const char *path, struct strbuf *out)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if ((n == 1 && *path == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (n) {
			sb_addc(out, '/');
			sb_addn(out, path, n);
		}
		path += n + (path[n] == '/');
	}
	if (!out->len)
		sb_addc(out, '/');
	return true;
}

static bool path_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	_cleanup_strbuf_ struct strbuf clean = { 0 };

	if (*s->text != '/') {
		scalar_refuse(s, "must be an absolute path, not `%s`", scalar_shown(s));
		return scalar_cure(s, "begin it with /");
	}
	if (!text_refuse_control(s))
		return false;
	if (!clean_path(s->text, &clean)) {
		scalar_cure(s, "write where they lead to");
		return scalar_refuse(s, "must not contain the parts . and ..");
	}
	if (clean.len >= PATH_MAX)
		scalar_cure(s, "keep the file where its path is shorter");
	if (clean.len >= PATH_MAX)
		return scalar_refuse(s, "is longer than a path can be (%d bytes)", PATH_MAX - 1);
	*(const char **)value = arena_strdup(s->arena, clean.s);
	return true;
}

/* What the administrator keeps beside the document. */
static bool config_path_parse(const struct field *f, struct scalar *s, void *value)
{
	const char *name = s->text;
	bool well;

	if (*name == '\0')
		return scalar_refuse(s, "must not be empty");
	if (*name != '/')
		s->text = arena_printf(s->arena, "/etc/kvmhost/%s", name);
	well = path_parse(f, s, value);
	s->text = name;
	return well;
}

static void path_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":"
		    "\"^/(?!(.*/)?\\\\.{1,2}(/|$))[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\"");
}

const struct type type_path = {
	.name = "an absolute path such as /var/lib/kvmhost",
	.size = sizeof(const char *),
	.parse = path_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = path_schema,
};

static void config_path_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"minLength\":1,\"pattern\":"
		    "\"^(?!(.*/)?\\\\.{1,2}(/|$))[^\\\\u0000-\\\\u001f\\\\u007f-\\\\u009f]*$\"");
}

const struct type type_config_path = {
	.name = "a file below /etc/kvmhost, or an absolute path",
	.size = sizeof(const char *),
	.parse = config_path_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = config_path_schema,
};
