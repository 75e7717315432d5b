/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/scalar.h"
#include "config/type.h"

enum { VLAN_MAX = 4094 };

static bool number(const char **text, uint16_t *out)
{
	uint64_t n;

	if (!digits_parse(*text, text, &n) || n < 1 || n > VLAN_MAX)
		return false;
	*out = (uint16_t)n;
	return true;
}

static bool range_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	struct vlan_range r;
	const char *text = s->text;

	if (!number(&text, &r.from))
		return false;
	r.to = r.from;
	if (*text == '-' && (text++, !number(&text, &r.to)))
		return false;
	if (*text)
		return false;
	if (r.to < r.from) {
		scalar_refuse(s, "ends before it begins");
		return scalar_cure(s, "write `%u-%u`", r.to, r.from);
	}
	*(struct vlan_range *)value = r;
	return true;
}

static void range_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	const struct vlan_range *r = value;

	sb_addf(out, r->to > r->from ? "%u-%u" : "%u", r->from, r->to);
}

static void range_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":4094},"
		    "{\"type\":\"string\",\"pattern\":\"^[0-9]{1,4}(-[0-9]{1,4})?$\"}]");
}

const struct type type_vlan_range = {
	.name = "a VLAN's number from 1 to 4094, or several such as 20-29",
	.size = sizeof(struct vlan_range),
	.parse = range_parse,
	.format = range_format,
	.schema = range_schema,
};
