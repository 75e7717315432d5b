/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a window opens next: inside, before, after, over midnight, and where clocks are changed. */
#include "config/window.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static time_t when(const char *text)
{
	struct tm tm = { .tm_isdst = -1 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return mktime(&tm);
}

static const char *next(const char *window, const char *now)
{
	static char text[32];
	struct window w;
	struct tm tm;
	time_t t;

	assert_true(window_parse(window, &w));
	t = window_next(&w, when(now));
	strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M", localtime_r(&t, &tm));
	return text;
}

/* 2026-11-22 is a Sunday. */
static void test_next(void **state _unused_)
{
	static const char *const cases[][3] = {
		{ "Sun 02:00-04:00", "2026-11-21 12:00", "Sun 2026-11-22 02:00" },
		{ "Sun 02:00-04:00", "2026-11-22 01:59", "Sun 2026-11-22 02:00" },
		{ "Sun 02:00-04:00", "2026-11-22 02:00", "Sun 2026-11-22 02:00" },
		{ "Sun 02:00-04:00", "2026-11-22 03:59", "Sun 2026-11-22 03:59" },
		{ "Sun 02:00-04:00", "2026-11-22 04:00", "Sun 2026-11-29 02:00" },
		{ "02:00-04:00", "2026-11-22 04:00", "Mon 2026-11-23 02:00" },
		{ "Sat 23:00-01:00", "2026-11-22 00:30", "Sun 2026-11-22 00:30" },
		{ "Sat 23:00-01:00", "2026-11-22 01:00", "Sat 2026-11-28 23:00" },
		{ "Mon,Wed 06:00-24:00", "2026-11-23 23:59", "Mon 2026-11-23 23:59" },
		{ "Mon,Wed 06:00-24:00", "2026-11-24 00:00", "Wed 2026-11-25 06:00" },
		{ "Tue 01:00-02:00", "2026-12-29 03:00", "Tue 2027-01-05 01:00" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(next(cases[i][0], cases[i][1]), cases[i][2]);
}

/* On the last Sunday of March there is no 02:30 in Berlin, on that of October there are two. */
static void test_clock_changes(void **state _unused_)
{
	setenv("TZ", "Europe/Berlin", 1);
	tzset();
	assert_string_equal(next("Sun 02:00-04:00", "2026-03-29 01:30"), "Sun 2026-03-29 03:00");
	assert_string_equal(next("Sun 03:00-04:00", "2026-03-29 01:30"), "Sun 2026-03-29 03:00");
	assert_string_equal(next("Sun 04:00-05:00", "2026-10-25 01:30"), "Sun 2026-10-25 04:00");
	setenv("TZ", "UTC", 1);
	tzset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_clock_changes),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
