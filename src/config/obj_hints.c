/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/obj_hints.h"
#include "base/utf8.h"

const char *keys_text(struct arena *a, const struct table *t)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].shape != SHAPE_PLANNED)
			sb_addf(&out, "%s%s", n++ ? ", " : "", t->fields[i].name);
	return arena_strdup(a, sb_str(&out));
}

const char *glued_hint(struct arena *a, const struct table *t, const char *text)
{
	const char *colon = strchr(text, ':');

	if (!colon || !colon[1] || !table_field(t, arena_strndup(a, text, (size_t)(colon - text))))
		return NULL;
	return arena_printf(a, "write a blank behind the colon: `%s`",
		text_shown(a, arena_printf(a, "%.*s: %s", (int)(colon - text), text, colon + 1)));
}

static const struct {
	uint32_t from, to;
	const char *like;
} strays[] = {
	{ 0xa0, 0xa0, "a blank" },
	{ 0x200b, 0x200d, "nothing" },
	{ 0x2060, 0x2060, "nothing" },
	{ 0x2010, 0x2015, "-" },
	{ 0x2212, 0x2212, "-" },
	{ 0x2018, 0x201b, "'" },
	{ 0x201c, 0x201f, "\"" },
};

const char *stray_hint(struct arena *a, const char *text)
{
	size_t left = strlen(text), len;
	uint32_t c;

	for (; (len = utf8_decode(text, left, &c)); text += len, left -= len)
		for (size_t i = 0; i < ARRAY_SIZE(strays); i++)
			if (c >= strays[i].from && c <= strays[i].to)
				return arena_printf(a,
					"there is the character U+%04X, which looks like %s: type "
					"it anew",
					c, strays[i].like);
	return NULL;
}
