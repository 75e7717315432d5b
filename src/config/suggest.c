/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/diag.h"
#include "config/other_words.h"
#include <ctype.h>

enum { LONGEST = 63 };

/* Without case, and - like _, so that max-vfs and Max_VFs are no slips of max_vfs. */
static bool fold(const char *s, char out[static LONGEST + 1])
{
	size_t n = strlen(s);

	if (n > LONGEST)
		return false;
	for (size_t i = 0; i <= n; i++)
		out[i] = s[i] == '-' ? '_' : (char)tolower((unsigned char)s[i]);
	return true;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	return MIN_OF(MIN_OF(a, b), c);
}

/*
 * The number of characters inserted, left out, mistaken or swapped with a
 * neighbour (Damerau-Levenshtein, each place edited once).
 */
static size_t slips_between(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], *before = rows[0], *above = rows[1], *row = rows[2], *spare;
	size_t n = strlen(a), m = strlen(b);

	for (size_t j = 0; j <= m; j++)
		above[j] = j;
	for (size_t i = 1; i <= n; i++) {
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = MIN_OF(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[m];
}

/* The only word of which this one is the beginning: nft of nftables. No slip, and not sure. */
static const char *begun(const char *beginning, const char *const *words, size_t n, size_t *slips)
{
	const char *found = NULL;
	char b[LONGEST + 1];

	for (size_t i = 0; i < n; i++) {
		if (!fold(words[i], b) || !startswith(b, beginning))
			continue;
		if (found)
			return NULL;
		found = words[i];
	}
	*slips = 2;
	return found;
}

const char *suggest_slips(const char *word, const char *const *words, size_t n, size_t *slips)
{
	char a[LONGEST + 1], b[LONGEST + 1];
	const char *best = NULL;
	size_t least, len;

	if (!fold(word, a))
		return NULL;
	best = other_word(a, words, n);
	if (best) {
		if (slips)
			*slips = 1;
		return best;
	}
	len = strlen(a);
	least = len < 2 ? 1 : len < 5 ? 2 : len < 9 ? 3 : 4; /* one more than allowed */
	for (size_t i = 0; i < n; i++) {
		size_t have, distance;

		if (!fold(words[i], b))
			continue;
		have = strlen(b);
		if ((have > len ? have - len : len - have) >= least)
			continue;
		distance = slips_between(a, b);
		/* Where every character was mistaken it is another word. */
		if (distance < least && distance < MAX_OF(len, have)) {
			least = distance;
			best = words[i];
		}
	}
	if (!best && len >= 3)
		best = begun(a, words, n, &least);
	if (best && slips)
		*slips = least;
	return best;
}

const char *suggest(const char *word, const char *const *words, size_t n)
{
	return suggest_slips(word, words, n, NULL);
}
