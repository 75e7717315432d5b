/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of CPUs as the kernel writes them: "0-3,8". */
#include "config/cpus.h"
#include "config/scalar.h"
#include "config/type.h"

static const char *number(const char *s, size_t *out)
{
	const char *end;
	uint64_t n;

	if (!digits_parse(s, &end, &n) || n >= CPUS_MAX)
		return NULL;
	*out = (size_t)n;
	return end;
}

bool cpus_parse(const char *text, struct cpus *out)
{
	struct cpus cpus = { 0 };

	for (;;) {
		size_t first, last;

		text = number(text, &first);
		if (!text)
			return false;
		last = first;
		if (*text == '-' && !(text = number(text + 1, &last)))
			return false;
		if (last < first)
			return false;
		for (; first <= last; first++)
			cpus.b[first / 8] |= (uint8_t)(1 << first % 8);
		if (!*text)
			break;
		if (*text++ != ',')
			return false;
	}
	*out = cpus;
	return true;
}

bool cpus_has(const struct cpus *c, size_t n)
{
	return n < CPUS_MAX && (c->b[n / 8] >> n % 8 & 1);
}

void cpus_format(const struct cpus *c, struct strbuf *out)
{
	bool any = false;
	size_t i, end;

	for (i = 0; i < CPUS_MAX; i = end + 1) {
		end = i;
		if (!cpus_has(c, i))
			continue;
		while (cpus_has(c, end + 1))
			end++;
		sb_addf(out, any ? ",%zu" : "%zu", i);
		if (end > i)
			sb_addf(out, "-%zu", end);
		any = true;
	}
}

static bool parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	_cleanup_strbuf_ struct strbuf canonical = { 0 };
	struct cpus cpus;

	if (!cpus_parse(s->text, &cpus)) {
		scalar_cure(
			s, "write numbers and ranges, the smaller number first, without blanks");
		return scalar_refuse(s, "must be CPUs such as 2-7,10, not `%s`", scalar_shown(s));
	}
	cpus_format(&cpus, &canonical);
	*(const char **)value = arena_strdup(s->arena, sb_str(&canonical));
	return true;
}

static void format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const char *const *)value);
}

static bool equal(const void *a, const void *b)
{
	return streq_null(*(const char *const *)a, *(const char *const *)b);
}

/* A range that runs backwards, or beyond what the kernel can have, is refused by the parser alone.
 */
static void schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out,
		"\"type\":[\"string\",\"integer\"],\"minimum\":0,\"pattern\":\"^(0|[1-9][0-9]{0,3})"
		"(-(0|[1-9][0-9]{0,3}))?(,(0|[1-9][0-9]{0,3})(-(0|[1-9][0-9]{0,3}))?)*$\"");
}

const struct type type_cpus = {
	.name = "CPUs such as 2-7,10",
	.size = sizeof(const char *),
	.parse = parse,
	.format = format,
	.equal = equal,
	.schema = schema,
};
