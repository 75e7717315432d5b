/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/facts.h"

/* /proc/cpuinfo says of each processor what it says of the first, and is long to make for many. */
enum { START = 16 << 10 };

bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; list && *list; list += strcspn(list, " "), list += strspn(list, " "))
		if (strncmp(list, word, n) == 0 && (!list[n] || list[n] == ' '))
			return true;
	return false;
}

/* What follows the colon of the first line that begins with the key; NULL: there is none. */
static const char *value(struct host *h, const char *path, const char *key)
{
	_cleanup_free_ char *text = NULL;
	const char *p;

	if (file_read_start(h->root, path, START, &text) < 0)
		return NULL;
	for (p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *rest = startswith(p, key);

		if (!rest || *(rest += strspn(rest, " \t")) != ':')
			continue;
		rest += 1 + strspn(rest + 1, " \t");
		return arena_strndup(h->pass, rest, strcspn(rest, "\n"));
	}
	return NULL;
}

const char *cpuinfo(struct host *h, const char *key)
{
	return value(h, "/proc/cpuinfo", key);
}

bool cpuinfo_flag(struct host *h, const char *flag)
{
	return has_word(cpuinfo(h, "flags"), flag);
}

uint64_t meminfo(struct host *h, const char *key)
{
	const char *kib = value(h, "/proc/meminfo", key);

	return kib ? strtoull(kib, NULL, 10) * 1024 : 0;
}
