/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj_internal.h"
#include "config/yaml_text.h"

/* What stands behind "such as" in a type's name. */
static const char *from_type_name(const struct type *t)
{
	const char *p = strstr(t->name, "such as ");

	return p ? p + strlen("such as ") : NULL;
}

static const char *scalar_sample(struct arena *a, const struct field *f)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const char *text = f->example ? f->example : f->def;

	if (text)
		return text;
	if (f->names)
		return f->names[0];
	if (streq(f->type->name, "true or false"))
		return "true";
	if (f->min || f->max) {
		f->type->format(f, &f->min, &out);
		return arena_strdup(a, sb_str(&out));
	}
	text = from_type_name(f->type);
	if (text)
		return text;
	return f->type->bare ? "1" : "text";
}

const char *field_sample(struct arena *a, const struct field *f)
{
	const char *text;

	switch (f->shape) {
	case SHAPE_SCALAR: return scalar_sample(a, f);
	case SHAPE_LIST:
		text = f->example ? f->example : f->def && !streq(f->def, "[]") ? f->def : NULL;
		if (text && *text == '[')
			return text;
		return arena_printf(a, "[%s]", text ? text : scalar_sample(a, f));
	case SHAPE_OBJECTS: return "[{...}]";
	default: return "{...}";
	}
}
