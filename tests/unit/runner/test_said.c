/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/run_said.h"
#include <syslog.h>

#define SECOND 1000000ull

/* stderr is a file meanwhile; how many lines were written. */
static int written(FILE *to, struct said *s, uint64_t from, int n, uint64_t every)
{
	int kept = dup(STDERR_FILENO), lines = 0, c;

	fflush(stderr);
	rewind(to);
	assert_int_equal(ftruncate(fileno(to), 0), 0);
	dup2(fileno(to), STDERR_FILENO);
	for (int i = 0; i < n; i++)
		said(s, from + (uint64_t)i * every, LOG_ERR, "x");
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(to);
	while ((c = getc(to)) != EOF)
		lines += c == '\n';
	return lines;
}

static void test_a_flood_is_cut_for_the_rest_of_its_minute(void **state)
{
	FILE *to = tmpfile();
	struct said s = { 0 };

	(void)state;
	assert_int_equal(written(to, &s, SECOND, 1000, 1), SAID_LINES);
	assert_int_equal(s.left_out, 1000 - SAID_LINES);
	assert_int_equal(written(to, &s, 60 * SECOND, 1, 0), 0);
	/* the one, and that some were left out */
	assert_int_equal(written(to, &s, 61 * SECOND, 1, 0), 2);
	assert_int_equal(s.left_out, 0);
	fclose(to);
}

static void test_a_steady_word_is_never_cut(void **state)
{
	FILE *to = tmpfile();
	struct said s = { 0 };

	(void)state;
	assert_int_equal(written(to, &s, SECOND, 1000, SECOND), 1000);
	assert_int_equal(s.left_out, 0);
	fclose(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flood_is_cut_for_the_rest_of_its_minute),
		cmocka_unit_test(test_a_steady_word_is_never_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
