/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/scalar.h"
#include "config/type.h"
#include "config/window.h"
#include <ctype.h>
#include <strings.h>

static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

enum { WEEK = ARRAY_SIZE(days), DAY_MINUTES = 24 * 60 };

static const char *day_parse(const char *s, size_t *day)
{
	for (*day = 0; *day < WEEK; (*day)++)
		if (strncasecmp(s, days[*day], 3) == 0 && !isalpha((unsigned char)s[3]))
			return s + 3;
	return NULL;
}

/* Sun  Sat,Sun  Mon..Fri */
static const char *days_parse(const char *s, uint8_t *out)
{
	size_t first, last;

	*out = 0;
	for (;;) {
		s = day_parse(s, &first);
		if (!s)
			return NULL;
		last = first;
		if (startswith(s, "..")) {
			s = day_parse(s + 2, &last);
			if (!s || last < first)
				return NULL;
		}
		for (; first <= last; first++)
			*out |= (uint8_t)(1 << first);
		if (*s != ',')
			return s;
		s++;
	}
}

/* 02:00; the end of a day may be 24:00. */
static const char *time_parse(const char *s, unsigned *out)
{
	unsigned hour, minute;

	if (!isdigit((unsigned char)s[0]) || !isdigit((unsigned char)s[1]) || s[2] != ':' ||
		!isdigit((unsigned char)s[3]) || !isdigit((unsigned char)s[4]))
		return NULL;
	hour = (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
	minute = (unsigned)(s[3] - '0') * 10 + (unsigned)(s[4] - '0');
	*out = hour * 60 + minute;
	return minute < 60 && *out <= DAY_MINUTES ? s + 5 : NULL;
}

bool window_parse(const char *text, struct window *out)
{
	struct window w = { .days = (1 << WEEK) - 1 };
	const char *s = text;

	if (isalpha((unsigned char)*s)) {
		s = days_parse(s, &w.days);
		if (!s || *s++ != ' ')
			return false;
	}
	s = time_parse(s, &w.from);
	if (!s || *s++ != '-' || w.from == DAY_MINUTES)
		return false;
	s = time_parse(s, &w.to);
	if (!s || *s || w.to == w.from)
		return false;
	*out = w;
	return true;
}

static void days_format(const struct window *w, struct strbuf *out)
{
	size_t i, end;

	for (i = 0; i < WEEK; i = end + 1) {
		end = i;
		if (!(w->days >> i & 1))
			continue;
		while (end + 1 < WEEK && (w->days >> (end + 1) & 1))
			end++;
		sb_addf(out, "%s%s", out->len ? "," : "", days[i]);
		if (end > i)
			sb_addf(out, "..%s", days[end]);
	}
	sb_addc(out, ' ');
}

void window_format(const struct window *w, char *out, size_t size)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	if (w->days != (1 << WEEK) - 1)
		days_format(w, &text);
	snprintf(out, size, "%s%02u:%02u-%02u:%02u", sb_str(&text), w->from / 60, w->from % 60,
		w->to / 60, w->to % 60);
}

/* Midnight of the day plus minutes, as clocks show them there. */
static time_t at(const struct tm *day, int offset, unsigned minutes)
{
	struct tm tm = { .tm_year = day->tm_year,
		.tm_mon = day->tm_mon,
		.tm_mday = day->tm_mday + offset,
		.tm_hour = (int)(minutes / 60),
		.tm_min = (int)(minutes % 60),
		.tm_isdst = -1 };

	return mktime(&tm);
}

time_t window_next(const struct window *w, time_t now)
{
	struct tm today;
	int i;

	localtime_r(&now, &today);
	/* From yesterday, whose window may reach into today. */
	for (i = -1; i <= WEEK; i++) {
		unsigned day = (unsigned)(today.tm_wday + 6 + i + WEEK) % WEEK;
		time_t from = at(&today, i, w->from),
		       to = at(&today, i + (w->to <= w->from), w->to);

		if ((w->days >> day & 1) && now < to)
			return from > now ? from : now;
	}
	return now; /* not reached: some day has it */
}

static bool parse(const struct field *f _unused_, struct scalar *s, void *value)
{
	char text[WINDOW_TEXT_MAX];
	struct window w;

	if (!window_parse(s->text, &w)) {
		scalar_cure(s, "write days, which may be left out, and two times: Sun 02:00-04:00, "
			       "Sat,Sun 22:00-06:00, Mon..Fri 03:00-04:00");
		return scalar_refuse(s, "must be a time of the week, not `%s`", scalar_shown(s));
	}
	window_format(&w, text, sizeof(text));
	*(const char **)value = arena_strdup(s->arena, text);
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

#define DAY "[A-Za-z]{3}"
#define DAY_RANGE DAY "(\\\\.\\\\." DAY ")?"
#define TIME "[0-2][0-9]:[0-5][0-9]"

static void schema(const struct field *f _unused_, struct strbuf *out)
{
	sb_add(out, "\"type\":\"string\",\"pattern\":\"^(" DAY_RANGE "(," DAY_RANGE ")* )?" TIME
		    "-" TIME "$\"");
}

const struct type type_window = {
	.name = "a time of the week such as Sun 02:00-04:00",
	.size = sizeof(const char *),
	.parse = parse,
	.format = format,
	.equal = equal,
	.schema = schema,
};
