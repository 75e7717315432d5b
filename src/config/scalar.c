/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/scalar.h"
#include "base/decimal.h"

bool scalar_refuse(struct scalar *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s->why = arena_vprintf(s->arena, fmt, ap);
	va_end(ap);
	return false;
}

bool scalar_cure(struct scalar *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	s->hint = arena_vprintf(s->arena, fmt, ap);
	va_end(ap);
	return false;
}

bool scalar_cure_word(struct scalar *s, const char *const *words, size_t n)
{
	const char *near = suggest(s->text, words, n);

	return near ? scalar_cure(s, "did you mean `%s`?", near) : false;
}

const char *scalar_shown(const struct scalar *s)
{
	return text_shown(s->arena, s->text);
}

void range_text(const struct field *f, struct strbuf *out)
{
	if (f->min == 0 && f->max == 0)
		return;
	if (f->max == INT64_MAX) {
		sb_add(out, "at least ");
		f->type->format(f, &f->min, out);
	} else if (f->min == INT64_MIN) {
		sb_add(out, "at most ");
		f->type->format(f, &f->max, out);
	} else if (f->min == f->max) {
		f->type->format(f, &f->min, out);
	} else {
		f->type->format(f, &f->min, out);
		sb_add(out, " to ");
		f->type->format(f, &f->max, out);
	}
}

bool scalar_in_range(const struct field *f, struct scalar *s, int64_t value)
{
	_cleanup_strbuf_ struct strbuf range = { 0 }, bound = { 0 };

	if ((f->min == 0 && f->max == 0) || (value >= f->min && value <= f->max))
		return true;
	range_text(f, &range);
	f->type->format(f, value < f->min ? &f->min : &f->max, &bound);
	if (!s->hint)
		scalar_cure(s, "write %s%s",
			f->min == f->max ? ""
			: value < f->min ? "at least "
					 : "at most ",
			sb_str(&bound));
	return scalar_refuse(s, "must be %s, not %s", sb_str(&range), scalar_shown(s));
}

bool digits_parse(const char *s, const char **end, uint64_t *out)
{
	uint64_t value = 0;
	size_t n = strspn(s, "0123456789");

	*end = s + n;
	if (n == 0 || (n > 1 && *s == '0'))
		return false;
	for (size_t i = 0; i < n; i++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(s[i] - '0'), &value))
			return false;
	*out = value;
	return value <= INT64_MAX;
}

static const struct unit *unit_find(const struct units *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++)
		if (streq(u->v[i].name, name))
			return &u->v[i];
	return NULL;
}

/* The unit that was probably meant. */
static const struct unit *unit_guess(const struct units *u, const char *name)
{
	for (size_t i = 0; i < u->n; i++)
		if (strcasecmp(u->v[i].name, name) == 0)
			return &u->v[i];
	for (size_t i = 0; u->slips && u->slips[i][0]; i++)
		if (strcasecmp(u->slips[i][0], name) == 0)
			return unit_find(u, u->slips[i][1]);
	return NULL;
}

/* "1.5" times the factor, when that is a whole number. */
static bool fraction_times(const char *text, uint64_t factor, uint64_t *out)
{
	uint64_t value = 0, divisor = 1;
	bool fraction = false;

	for (; *text; text++) {
		if (*text == '.') {
			fraction = true;
			continue;
		}
		if (value > UINT64_MAX / 10 - 9 || divisor > UINT64_MAX / 10)
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		divisor *= fraction ? 10 : 1;
	}
	if (__builtin_mul_overflow(value, factor, &value) || value % divisor ||
		value / divisor > INT64_MAX)
		return false;
	*out = value / divisor;
	return true;
}

static bool in_range(const struct field *f, uint64_t value)
{
	return (f->min == 0 && f->max == 0) ||
	       (value <= INT64_MAX && (int64_t)value >= f->min && (int64_t)value <= f->max);
}

/*
 * For a number alone: the least unit where it makes more than one of the usual, as bytes and hertz
 * do that other programs write; else the usual one, or the largest below it that keeps the number
 * in the range.
 */
static const struct unit *unit_in_range(
	const struct units *u, const struct field *f, const char *number)
{
	const struct unit *usual = unit_find(u, u->usual);
	uint64_t value;

	if (fraction_times(number, u->v->factor, &value) && value > usual->factor &&
		in_range(f, value))
		return u->v;
	for (const struct unit *unit = usual; unit >= u->v; unit--)
		if (fraction_times(number, unit->factor, &value) && in_range(f, value))
			return unit;
	return NULL;
}

/* What a number with its unit looks like, where nothing can be proposed. */
static bool cure_units(const struct units *u, struct scalar *s)
{
	_cleanup_strbuf_ struct strbuf all = { 0 };

	for (size_t i = 0; i < u->n; i++)
		sb_addf(&all, "%s%s", i == 0 ? "" : i + 1 == u->n ? " or " : ", ", u->v[i].name);
	return scalar_cure(s, "write a number and directly behind it its unit: %s", sb_str(&all));
}

static bool refuse_too_large(const struct field *f, struct scalar *s)
{
	if (f->max == INT64_MAX || (f->min == 0 && f->max == 0))
		return scalar_refuse(s, "`%s` is too large", scalar_shown(s));
	return scalar_in_range(f, s, INT64_MAX);
}

/* "1h30m", as other programs take it. */
static bool sum_of_parts(
	const struct units *u, struct arena *a, const char *text, uint64_t *out, size_t *parts)
{
	uint64_t part;

	*out = 0;
	for (*parts = 0; *text; ++*parts) {
		size_t digits = strspn(text, "0123456789"), blanks = strspn(text + digits, " \t");
		const char *name = text + digits + blanks;
		size_t n = strcspn(name, "0123456789 \t");
		const struct unit *unit = unit_guess(u, arena_strndup(a, name, n));

		if (digits == 0 || !unit ||
			!fraction_times(arena_strndup(a, text, digits), unit->factor, &part) ||
			__builtin_add_overflow(*out, part, out))
			return false;
		text = name + n;
		text += strspn(text, " \t");
	}
	return true;
}

/* Says what is wrong with a number that has no, or no known, unit, and proposes the right text. */
static bool units_refuse(const struct units *u, const struct field *f, struct scalar *s)
{
	_cleanup_strbuf_ struct strbuf proposal = { 0 };
	size_t n = strspn(s->text, "0123456789");
	const struct unit *unit;
	const char *name, *number;
	uint64_t value;
	size_t parts;

	if (!s->hint)
		cure_units(u, s);
	if (n == 0 || n > 40)
		return false;
	if (sum_of_parts(u, s->arena, s->text, &value, &parts) && parts > 1 && value <= INT64_MAX &&
		in_range(f, value)) {
		scalar_refuse(s, "must be one number with one unit, not `%s`", scalar_shown(s));
		units_format(u, value, &proposal);
		return scalar_cure(s, "write `%s`", sb_str(&proposal));
	}
	if (s->text[n] == '.')
		n += 1 + strspn(s->text + n + 1, "0123456789");
	name = s->text + n + strspn(s->text + n, " \t");
	number = arena_strndup(s->arena, s->text, n);
	if (*name == '\0')
		scalar_refuse(s, "needs a unit");
	unit = *name ? unit_guess(u, name) : unit_in_range(u, f, number);
	if (!unit || !fraction_times(number, unit->factor, &value))
		return false;
	if (value == 0 || (*name == '\0' && unit != u->v) || (*name && !strchr(number, '.')))
		sb_addf(&proposal, "%llu%s", strtoull(number, NULL, 10), unit->name);
	else
		units_format(u, value, &proposal);
	if (*name && strchr(number, '.'))
		scalar_refuse(s, "must be a %snumber with a unit, not `%s`",
			u->fractions ? "" : "whole ", scalar_shown(s));
	return scalar_cure(s, "write `%s`", sb_str(&proposal));
}

static bool fraction_parse(const struct units *u, const char *text, uint64_t *out)
{
	size_t whole = strspn(text, "0123456789"), n = whole;
	const struct unit *unit;
	char number[32];

	if (whole == 0 || (whole > 1 && *text == '0') || text[n] != '.')
		return false;
	n += 1 + strspn(text + n + 1, "0123456789");
	if (n == whole + 1 || n >= sizeof(number))
		return false;
	memcpy(number, text, n);
	number[n] = '\0';
	unit = unit_find(u, text + n);
	return unit && fraction_times(number, unit->factor, out);
}

bool units_parse(const struct units *u, const struct field *f, struct scalar *s, uint64_t *out)
{
	const struct unit *unit;
	const char *end;
	uint64_t n;

	if (u->fractions && fraction_parse(u, s->text, &n)) {
		*out = n;
		return scalar_in_range(f, s, (int64_t)n);
	}
	if (!digits_parse(s->text, &end, &n)) {
		if (end > s->text && unit_find(u, end) && *s->text != '0')
			return refuse_too_large(f, s);
		return units_refuse(u, f, s);
	}
	unit = unit_find(u, end);
	if (!unit)
		return units_refuse(u, f, s);
	if (__builtin_mul_overflow(n, unit->factor, &n) || n > INT64_MAX)
		return refuse_too_large(f, s);
	if (!scalar_in_range(f, s, (int64_t)n))
		return false;
	*out = n;
	return true;
}

void units_format(const struct units *u, uint64_t value, struct strbuf *out)
{
	struct decimal text;
	size_t i = u->n - 1;

	if (value == 0) {
		sb_add(out, u->zero);
		return;
	}
	while (i > 0 && value % u->v[i].factor)
		i--;
	sb_add(out, decimal(&text, value / u->v[i].factor));
	sb_add(out, u->v[i].name);
}

void units_schema(const struct units *u, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^(0|[1-9][0-9]*)");
	sb_add(out, u->fractions ? "(\\\\.[0-9]+)?(" : "(");
	for (size_t i = 0; i < u->n; i++)
		sb_addf(out, "%s%s", i ? "|" : "", u->v[i].name);
	sb_add(out, ")$\"");
}
