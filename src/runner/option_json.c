/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/option_json.h"
#include "base/arena.h"

/* The command line knows texts alone, QMP minds the type: digits that are one ... */
static const char *const texts[] = { "id", "serial", "port", "drive", "node-name", "fd",
	"vhostfd" };
/* ... and switches that have a third position, "auto". */
static const char *const switches[] = { "locking", "write-cache", "disable-legacy" };

static bool among(const char *const *v, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (streq(v[i], key))
			return true;
	return false;
}

static json_t *typed(const char *key, const char *value)
{
	if ((streq(value, "on") || streq(value, "off")) &&
		!among(switches, ARRAY_SIZE(switches), key))
		return json_boolean(streq(value, "on"));
	if (*value && strlen(value) < 19 && !value[strspn(value, "0123456789")] &&
		!among(texts, ARRAY_SIZE(texts), key))
		return json_integer(strtoll(value, NULL, 10));
	return json_string(value);
}

/* "cache.direct" is a member of a member. */
static void put(json_t *to, char *key, const char *value)
{
	char *dot;

	while ((dot = strchr(key, '.'))) {
		json_t *inner;

		*dot = '\0';
		inner = json_object_get(to, key);
		if (!inner) {
			inner = json_object();
			json_object_set_new(to, key, inner);
		}
		to = inner;
		key = dot + 1;
	}
	json_object_set_new(to, key, typed(key, value));
}

json_t *option_json(const char *text, const char *first)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *item;
	json_t *out = json_object();

	while ((item = strsep(&rest, ","))) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = '\0';
		if (value)
			put(out, item, value);
		else if (first)
			json_object_set_new(out, first, json_string(item));
		first = NULL;
	}
	return out;
}
