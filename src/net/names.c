/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/names.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct list names_sorted(const char **v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), by_text);
	return (struct list){ v, n };
}

bool names_have(const struct list *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (streq(LIST_AT(names, const char *, i), name))
			return true;
	return false;
}
