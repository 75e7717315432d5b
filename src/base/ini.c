/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ini.h"
#include <ctype.h>
#include <string.h>

static char *trimmed(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n && isspace((unsigned char)s[n - 1]); n--)
		s[n - 1] = '\0';
	return s;
}

void ini_each(char *text, ini_fn *fn, void *arg)
{
	const char *section = "";
	char *l;

	while ((l = strsep(&text, "\n"))) {
		char *line = trimmed(l), *value = strchr(line, '='), *end = strrchr(line, ']');

		if (*line == '[' && end) {
			*end = '\0';
			section = line + 1;
		} else if (value && *line != '#' && *line != ';') {
			*value++ = '\0';
			fn(section, trimmed(line), trimmed(value), arg);
		}
	}
}
