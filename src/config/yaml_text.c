/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/yaml_text.h"
#include "config/node.h"

/* What other readers of YAML take for booleans. */
static bool is_old_boolean(const char *s)
{
	static const char *const words[] = { "y", "n", "yes", "no", "on", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcasecmp(s, words[i]) == 0)
			return true;
	return false;
}

/* Plain, and cannot be mistaken by any YAML reader for something else. */
static bool is_plain(const char *s)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./%+-";
	const struct node n = { .type = NODE_SCALAR, .text = s };

	if (*s == '\0' || streq(s, "...") || strchr("%+-", *s) || s[strspn(s, letters)] != '\0')
		return false;
	return node_scalar_kind(&n) == SCALAR_STRING && !is_old_boolean(s);
}

void yaml_add_string(struct strbuf *out, const char *text)
{
	if (is_plain(text))
		sb_add(out, text);
	else
		sb_add_json(out, text);
}
