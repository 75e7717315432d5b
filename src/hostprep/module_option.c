/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module's parameters in the document: `options: {max_vfs: 7}`. */
#include "hostprep/module.h"
#include "config/scalar.h"
#include "config/type.h"
#include <ctype.h>

/* As in modprobe.d and on the kernel command line, where - and _ are the same. */
static bool parameter_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	char *name = arena_strdup(s->arena, s->text), *p;

	for (p = name; *p; p++) {
		if (*p == '-')
			*p = '_';
		else if (!isalnum((unsigned char)*p) && *p != '_' && *p != '.')
			break;
	}
	if (*p || p == name)
		return scalar_refuse(
			s, "must be a module parameter's name, not `%s`", scalar_shown(s));
	*(const char **)value = name;
	return true;
}

static void parameter_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool parameter_equal(const void *a, const void *b)
{
	return streq_null(*(const char *const *)a, *(const char *const *)b);
}

static void parameter_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_.-]+$\"");
}

static const struct type type_parameter = {
	.name = "a parameter's name such as max_vfs",
	.size = sizeof(const char *),
	.parse = parameter_parse,
	.format = parameter_format,
	.equal = parameter_equal,
	.schema = parameter_schema,
};

static void check_option(const void *obj, struct diags *d)
{
	const struct module_option *o = obj;

	if (strchr(o->value, '"'))
		diag_error(d, obj_mark(o, "value"), "write it without",
			"option %s: modprobe.d has no way to write a double quote in a value",
			o->obj.name);
}

static const struct field option_fields[] = {
	FIELD_STRING(struct module_option, value, type_any, .required = true, .example = "7",
		.doc = "The parameter's value, as modprobe takes it."),
};

const struct table module_option_table = TABLE(struct module_option, option_fields,
	.key = &type_parameter, .key_word = "PARAMETER", .scalar = "value", .check = check_option,
	.doc = "Parameters and their values; modinfo -p MODULE lists them.");
