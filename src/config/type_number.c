/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Booleans, whole numbers, percentages, sizes, durations, frequencies and rates. */
#include "config/type.h"
#include "config/scalar.h"
#include "base/decimal.h"
#include <inttypes.h>

/*
 * Booleans
 */

static bool bool_parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	static const char *const yes[] = { "true", "yes", "on", "y", "enabled", "enable", "1" };
	static const char *const no[] = { "false", "no", "off", "n", "disabled", "disable", "0",
		"norway" };
	bool exact = streq(s->text, "true") || streq(s->text, "false");

	if (exact && !s->quoted) {
		*(bool *)value = *s->text == 't';
		return true;
	}
	if (exact) {
		scalar_refuse(s, "must be true or false, not the text \"%s\"", s->text);
		return scalar_cure(s, "remove the quotes: %s", s->text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
		if (strcasecmp(s->text, yes[i]) == 0)
			scalar_cure(s, "write `true`");
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (strcasecmp(s->text, no[i]) == 0)
			scalar_cure(s, "write `false`");
	if (!s->hint)
		scalar_cure(s, "write `true` or `false`");
	return false;
}

static void bool_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_add(out, *(const bool *)value ? "true" : "false");
}

static void bool_schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"boolean\"");
}

const struct type type_bool = {
	.name = "true or false",
	.size = sizeof(bool),
	.parse = bool_parse,
	.format = bool_format,
	.schema = bool_schema,
	.bare = true,
};

/*
 * Whole numbers
 */

/* Other ways to write a whole number, as decimal. */
static void propose_decimal(struct scalar *s)
{
	const char *digits = s->text + (*s->text == '+');
	char plain[21], *end;
	unsigned long long n;
	size_t len = 0;

	if (strlen(digits) > 20)
		return;
	for (const char *p = digits; *p; p++)
		if (*p != '_' && *p != ',')
			plain[len++] = *p;
	plain[len] = '\0';
	if (len > 2 && streq(plain + len - 2, ".0"))
		plain[len - 2] = '\0';
	digits = plain;
	if (startswith(digits, "0x") &&
		digits[2 + strspn(digits + 2, "0123456789abcdefABCDEF")] == '\0')
		n = strtoull(digits + 2, &end, 16);
	else if (startswith(digits, "0o") && digits[2 + strspn(digits + 2, "01234567")] == '\0')
		n = strtoull(digits + 2, &end, 8);
	else if (digits[strspn(digits, "0123456789")] == '\0' && *digits)
		n = strtoull(digits, &end, 10);
	else
		return;
	if (n <= INT64_MAX)
		scalar_cure(s, "write it in decimal: %llu", n);
}

static void propose_number(const struct field *f, struct scalar *s)
{
	int64_t like = f->min == 0 && f->max == 0 ? 10 : MAX_OF(f->min, MIN_OF(f->max, 10));

	if (!s->hint && f->example && f->example[strspn(f->example, "0123456789")] == '\0')
		scalar_cure(s, "write digits alone, such as %s", f->example);
	else if (!s->hint)
		scalar_cure(s, "write digits alone, such as %" PRId64, like);
}

static bool int_parse(const struct field *f, struct scalar *s, void *value)
{
	bool negative = *s->text == '-';
	const char *end;
	uint64_t n;

	if (!digits_parse(s->text + negative, &end, &n) || *end) {
		if (s->text[negative] >= '1' && s->text[negative] <= '9' && *end == '\0')
			scalar_refuse(s, "%s is %s", scalar_shown(s),
				negative ? "too small" : "too large");
		else
			propose_decimal(s);
		propose_number(f, s);
		return false;
	}
	if (s->quoted) {
		scalar_refuse(s, "must be a whole number, not the text \"%s\"", s->text);
		return scalar_cure(s, "remove the quotes: %s", s->text);
	}
	if (!scalar_in_range(f, s, negative ? -(int64_t)n : (int64_t)n))
		return false;
	*(int64_t *)value = negative ? -(int64_t)n : (int64_t)n;
	return true;
}

static void int_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	int64_t n = *(const int64_t *)value;
	struct decimal text;

	if (n < 0)
		sb_addc(out, '-');
	sb_add(out, decimal(&text, n < 0 ? -(uint64_t)n : (uint64_t)n));
}

static void int_schema(const struct field *f, struct strbuf *out)
{
	sb_add(out, "\"type\":\"integer\"");
	if (f->min == 0 && f->max == 0)
		return;
	if (f->min != INT64_MIN)
		sb_addf(out, ",\"minimum\":%" PRId64, f->min);
	if (f->max != INT64_MAX)
		sb_addf(out, ",\"maximum\":%" PRId64, f->max);
}

const struct type type_int = {
	.name = "a whole number",
	.size = sizeof(int64_t),
	.parse = int_parse,
	.format = int_format,
	.schema = int_schema,
	.bare = true,
};

/*
 * Percentages
 */

static const struct unit percent_unit[] = { { "%", 1 } };
static const struct units percent_units = { .v = percent_unit, .n = 1, .usual = "%", .zero = "0%" };

static bool percent_parse(const struct field *f, struct scalar *s, void *value)
{
	return units_parse(&percent_units, f, s, value);
}

static void percent_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	sb_addf(out, "%" PRId64 "%%", *(const int64_t *)value);
}

static void percent_schema(const struct field *f _unused_, struct strbuf *out)
{
	units_schema(&percent_units, out);
}

const struct type type_percent = {
	.name = "a percentage such as 150%",
	.size = sizeof(int64_t),
	.parse = percent_parse,
	.format = percent_format,
	.schema = percent_schema,
};

/*
 * Sizes
 */

static const struct unit size_unit[] = { { "B", 1 }, { "KiB", KIB }, { "MiB", MIB }, { "GiB", GIB },
	{ "TiB", TIB } };
static const char *const size_slips[][2] = { { "bytes", "B" }, { "byte", "B" }, { "K", "KiB" },
	{ "KB", "KiB" }, { "Ki", "KiB" }, { "M", "MiB" }, { "MB", "MiB" }, { "Mi", "MiB" },
	{ "G", "GiB" }, { "GB", "GiB" }, { "Gi", "GiB" }, { "T", "TiB" }, { "TB", "TiB" },
	{ "Ti", "TiB" }, { NULL, NULL } };
static const struct units size_units = { .v = size_unit,
	.n = ARRAY_SIZE(size_unit),
	.usual = "MiB",
	.zero = "0B",
	.slips = size_slips };

static bool size_parse(const struct field *f, struct scalar *s, void *value)
{
	return units_parse(&size_units, f, s, value);
}

static void size_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	units_format(&size_units, *(const uint64_t *)value, out);
}

static void size_schema(const struct field *f _unused_, struct strbuf *out)
{
	units_schema(&size_units, out);
}

const struct type type_size = {
	.name = "a size such as 2GiB",
	.size = sizeof(uint64_t),
	.parse = size_parse,
	.format = size_format,
	.schema = size_schema,
};

/*
 * Durations
 */

static const struct unit duration_unit[] = { { "us", 1 }, { "ms", 1000 }, { "s", USEC_PER_SEC },
	{ "min", 60 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "d", 86400 * USEC_PER_SEC } };
static const char *const duration_slips[][2] = { { "usec", "us" }, { "\xc2\xb5s", "us" },
	{ "msec", "ms" }, { "sec", "s" }, { "secs", "s" }, { "second", "s" }, { "seconds", "s" },
	{ "m", "min" }, { "mins", "min" }, { "minute", "min" }, { "minutes", "min" }, { "hr", "h" },
	{ "hour", "h" }, { "hours", "h" }, { "day", "d" }, { "days", "d" }, { NULL, NULL } };
static const struct units duration_units = {
	.v = duration_unit,
	.n = ARRAY_SIZE(duration_unit),
	.usual = "s",
	.zero = "0s",
	.slips = duration_slips,
};

static bool duration_parse(const struct field *f, struct scalar *s, void *value)
{
	return units_parse(&duration_units, f, s, value);
}

static void duration_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	units_format(&duration_units, *(const uint64_t *)value, out);
}

static void duration_schema(const struct field *f _unused_, struct strbuf *out)
{
	units_schema(&duration_units, out);
}

const struct type type_duration = {
	.name = "a duration such as 30s",
	.size = sizeof(uint64_t),
	.parse = duration_parse,
	.format = duration_format,
	.schema = duration_schema,
};

/*
 * Frequencies
 */

static const struct unit frequency_unit[] = { { "Hz", 1 }, { "kHz", 1000 }, { "MHz", 1000000 },
	{ "GHz", 1000000000 } };
static const char *const frequency_slips[][2] = { { "K", "kHz" }, { "M", "MHz" }, { "G", "GHz" },
	{ NULL, NULL } };
static const struct units frequency_units = { .v = frequency_unit,
	.n = ARRAY_SIZE(frequency_unit),
	.usual = "MHz",
	.zero = "0Hz",
	.slips = frequency_slips,
	.fractions = true };

static bool frequency_parse(const struct field *f, struct scalar *s, void *value)
{
	return units_parse(&frequency_units, f, s, value);
}

static void frequency_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	units_format(&frequency_units, *(const uint64_t *)value, out);
}

static void frequency_schema(const struct field *f _unused_, struct strbuf *out)
{
	units_schema(&frequency_units, out);
}

const struct type type_frequency = {
	.name = "a frequency such as 2.4GHz",
	.size = sizeof(uint64_t),
	.parse = frequency_parse,
	.format = frequency_format,
	.schema = frequency_schema,
};

/*
 * Rates of data
 */

static const struct unit rate_unit[] = { { "bit", 1 }, { "Kbit", 1000 }, { "Mbit", 1000000 },
	{ "Gbit", 1000000000 } };
static const char *const rate_slips[][2] = { { "kbit", "Kbit" }, { "kbps", "Kbit" },
	{ "Kbps", "Kbit" }, { "mbit", "Mbit" }, { "mbps", "Mbit" }, { "Mbps", "Mbit" },
	{ "Mb", "Mbit" }, { "M", "Mbit" }, { "Mbit/s", "Mbit" }, { "gbit", "Gbit" },
	{ "gbps", "Gbit" }, { "Gbps", "Gbit" }, { "Gb", "Gbit" }, { "G", "Gbit" },
	{ "Gbit/s", "Gbit" }, { NULL, NULL } };
static const struct units rate_units = {
	.v = rate_unit,
	.n = ARRAY_SIZE(rate_unit),
	.usual = "Mbit",
	.zero = "0Mbit",
	.slips = rate_slips,
};

static bool rate_parse(const struct field *f, struct scalar *s, void *value)
{
	return units_parse(&rate_units, f, s, value);
}

static void rate_format(const struct field *f _unused_, const void *value, struct strbuf *out)
{
	units_format(&rate_units, *(const uint64_t *)value, out);
}

static void rate_schema(const struct field *f _unused_, struct strbuf *out)
{
	units_schema(&rate_units, out);
}

const struct type type_rate = {
	.name = "a rate such as 100Mbit",
	.size = sizeof(uint64_t),
	.parse = rate_parse,
	.format = rate_format,
	.schema = rate_schema,
};
