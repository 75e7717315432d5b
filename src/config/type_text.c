/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Types whose value is text: const char *. */
#include "config/type.h"
#include "config/scalar.h"
#include "base/utf8.h"
#include <limits.h>
#include <net/if.h>

static void text_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool text_equal(const void *a, const void *b)
{
	return streq(*(const char *const *)a, *(const char *const *)b);
}

static bool take(struct scalar *s, void *value)
{
	*(const char **)value = arena_strdup(s->arena, s->text);
	return true;
}

/* A number or boolean where text is wanted: one of them was not meant. */
static bool refuse_unquoted(struct scalar *s)
{
	if (s->quoted || s->kind == SCALAR_STRING)
		return true;
	scalar_refuse(s, "must be text, and `%s` without quotes is %s", scalar_shown(s),
		s->kind == SCALAR_BOOL ? "a boolean" : "a number");
	return scalar_cure(s, "quote it: \"%s\"", scalar_shown(s));
}

static bool refuse_control(struct scalar *s)
{
	size_t left = strlen(s->text), len;
	const char *p = s->text;
	uint32_t c;

	for (; left; p += len, left -= len) {
		len = utf8_decode(p, left, &c);
		if (len == 0)
			return scalar_refuse(s, "must be UTF-8");
		if (utf8_is_control(c))
			return scalar_refuse(s, "must not contain %s",
				c == '\n' ? "a line break" : "control characters");
	}
	return true;
}

static const char letters_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* All characters are letters, digits, or among `more`. */
static bool only_letters_digits(const char *s, const char *more)
{
	while (*s && (strchr(letters_digits, *s) || strchr(more, *s)))
		s++;
	return *s == '\0';
}

/*
 * Enumerations
 */

static bool enum_parse(const struct field *f, struct scalar *s, void *value)
{
	_cleanup_strbuf_ struct strbuf all = { 0 };
	const char *near;
	size_t n;

	for (n = 0; f->names[n]; n++) {
		if (streq(f->names[n], s->text)) {
			*(int *)value = (int)n;
			return true;
		}
		sb_addf(&all, "%s%s", n ? ", " : "", f->names[n]);
	}
	near = suggest(s->text, f->names, n);
	if (near)
		scalar_cure(s, "did you mean `%s`?", near);
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
	if (*s->text == '\0')
		return scalar_refuse(s, "must not be empty");
	return refuse_unquoted(s) && refuse_control(s) && take(s, value);
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
	return refuse_control(s) && take(s, value);
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
	if (!refuse_control(s))
		return false;
	if (!clean_path(s->text, &clean))
		return scalar_refuse(s, "must not contain the parts . and ..");
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

/*
 * Names
 */

static bool ifname_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	size_t n = strlen(s->text);

	if (!refuse_unquoted(s))
		return false;
	if (n == 0 || n >= IFNAMSIZ)
		return scalar_refuse(s, "must be an interface name of 1 to %d bytes, not of %zu",
			IFNAMSIZ - 1, n);
	if (streq(s->text, ".") || streq(s->text, ".."))
		return scalar_refuse(s, "`%s` is no interface name", s->text);
	if (strpbrk(s->text, "/:% \t"))
		return scalar_refuse(s, "must be an interface name, without blank, /, : and %%");
	return refuse_control(s) && take(s, value);
}

static void ifname_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out,
		"\"type\":\"string\",\"maxLength\":15,"
		"\"pattern\":\"^(?!\\\\.{1,2}$)[^/:%\\\\u0000-\\\\u0020\\\\u007f-\\\\u009f]+$\"");
}

const struct type type_ifname = {
	.name = "an interface name such as eth0",
	.size = sizeof(const char *),
	.parse = ifname_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = ifname_schema,
};

static bool name_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	size_t n = strlen(s->text);

	if (!only_letters_digits(s->text, "_.-") || n == 0)
		return scalar_refuse(s, "must be a name of letters, digits, _ . and -, not `%s`",
			scalar_shown(s));
	if (n > 64)
		return scalar_refuse(s, "must be a name of at most 64 bytes, not of %zu", n);
	if (s->text[strspn(s->text, "0123456789")] == '\0') {
		scalar_refuse(s, "must not be of digits alone");
		return scalar_cure(s, "put a letter before them: vm%s", s->text);
	}
	if (*s->text == '.' || *s->text == '-')
		return scalar_refuse(s,
			"must not begin with `%c`: commands and files are named by it", *s->text);
	return take(s, value);
}

static void name_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"maxLength\":64,"
		    "\"pattern\":\"^(?![0-9]+$)[A-Za-z0-9_][A-Za-z0-9_.-]*$\"");
}

const struct type type_name = {
	.name = "a name such as web1",
	.size = sizeof(const char *),
	.parse = name_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = name_schema,
};

static bool module_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	/* MODULE_NAME_LEN of a 64-bit kernel, with its NUL */
	enum { LONGEST = 55 };
	size_t n = strlen(s->text);
	char *copy;

	if (n == 0 || n > LONGEST || !only_letters_digits(s->text, "_-")) {
		if (endswith(s->text, ".ko") && n > 3)
			scalar_cure(s, "leave out the .ko");
		return scalar_refuse(
			s, "must be a kernel module's name, not `%s`", scalar_shown(s));
	}
	copy = arena_strdup(s->arena, s->text);
	for (char *p = copy; (p = strchr(p, '-')); p++)
		*p = '_';
	*(const char **)value = copy;
	return true;
}

static void module_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_-]{1,55}$\"");
}

const struct type type_module = {
	.name = "a kernel module's name such as kvm_intel",
	.size = sizeof(const char *),
	.parse = module_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = module_schema,
};

/*
 * Sysctl names. In the canonical form a dot stands between parts and a slash
 * for a dot inside one. Where the first of both is a slash it is the other way
 * round (sysctl.d(5)).
 */

static bool sysctl_valid(const char *s)
{
	size_t parts = 0, n;

	for (;; s += n + 1, parts++) {
		n = strcspn(s, ".");
		/* A part of slashes alone would be the directory . or .. */
		if (n == 0 || strspn(s, "/") >= n)
			return false;
		if (s[n] == '\0')
			return parts > 0;
	}
}

static bool sysctl_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	char *name = arena_strdup(s->arena, s->text);
	size_t first = strcspn(name, "./");

	if (name[first] == '/')
		for (char *p = name + first; (p = strpbrk(p, "./")); p++)
			*p = *p == '.' ? '/' : '.';
	if (strlen(name) > 255 || !only_letters_digits(name, "_-./:@") || !sysctl_valid(name)) {
		scalar_refuse(
			s, "must be the name of a kernel parameter, not `%s`", scalar_shown(s));
		return scalar_cure(s, "write it as sysctl(8) does: vm.swappiness");
	}
	*(const char **)value = name;
	return true;
}

static void sysctl_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"maxLength\":255,\"pattern\":"
		    "\"^[A-Za-z0-9_:@-]+([./]+[A-Za-z0-9_:@-]+)+$\"");
}

const struct type type_sysctl = {
	.name = "a kernel parameter such as vm.swappiness",
	.size = sizeof(const char *),
	.parse = sysctl_parse,
	.format = text_format,
	.equal = text_equal,
	.schema = sysctl_schema,
};
