/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/value.h"
#include <ctype.h>
#include <strings.h>

static const char *skip_blanks(const char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (s[n] && !isspace((unsigned char)s[n]))
		n++;
	return n;
}

/* The kernel reads integers in base 0 and shows them in base 10. */
static bool word_integer(const char *s, size_t n, long long *value)
{
	char *end;

	if (n == 0 || (!isdigit((unsigned char)*s) && *s != '-'))
		return false;
	errno = 0;
	*value = strtoll(s, &end, 0);
	return errno == 0 && end == s + n;
}

static bool same_word(const char *a, size_t na, const char *b, size_t nb)
{
	long long x, y;

	if (na == nb && memcmp(a, b, na) == 0)
		return true;
	return word_integer(a, na, &x) && word_integer(b, nb, &y) && x == y;
}

bool value_same(const char *a, const char *b)
{
	for (;;) {
		size_t na, nb;

		a = skip_blanks(a);
		b = skip_blanks(b);
		if (!*a || !*b)
			return *a == *b;
		na = word_length(a);
		nb = word_length(b);
		if (!same_word(a, na, b, nb))
			return false;
		a += na;
		b += nb;
	}
}

/* Y, N or NULL, as kstrtobool() reads it. */
static const char *truth(const char *s)
{
	if (streq(s, "1") || strchr("yYtT", s[0]) || !strcasecmp(s, "on"))
		return "Y";
	if (streq(s, "0") || strchr("nNfF", s[0]) || !strcasecmp(s, "off"))
		return "N";
	return NULL;
}

bool value_same_param(const char *a, const char *b)
{
	bool shown = streq(a, "Y") || streq(a, "N") || streq(b, "Y") || streq(b, "N");

	if (value_same(a, b))
		return true;
	return shown && *a && *b && truth(a) && truth(b) && streq(truth(a), truth(b));
}
