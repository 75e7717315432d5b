/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line is cut up as the kernel does it. */
#include "fixture.h"

/* "key|value" of each, blank-separated; a word without = has no bar. */
static const char *cut(struct machine *m, const char *text)
{
	struct tokens t = { .arena = m->arena };
	const char *out = "";

	tokens_read(&t, text);
	for (size_t i = 0; i < t.n; i++)
		out = arena_printf(m->arena, "%s%s%s%s%s", out, i ? " " : "", t.v[i].key,
			t.v[i].value ? "|" : "", t.v[i].value ? t.v[i].value : "");
	return out;
}

static void test_as_the_kernel_does(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ " \t\n", "" },
		{ "quiet  ro\tx=1\n", "quiet ro x|1" },
		{ "a=b=c", "a|b=c" },
		{ "a=", "a|" },
		{ "=x y", "=x y" },
		{ "dyndbg=\"file a.c +p\" z", "dyndbg|file a.c +p z" },
		{ "\"dyndbg=file a.c +p\" z", "dyndbg|file a.c +p z" },
		{ "a=\"b", "a|b" },
		{ "a=b\"c d\"e f", "a|b\"c d\"e f" },
		{ "\"\" x", " x" },
		{ "ro init=/bin/sh -- iommu=pt", "ro init|/bin/sh" },
		{ "--x=1 -y", "--x|1 -y" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(cut(*state, cases[i][0]), cases[i][1]);
}

static void test_same(void **state)
{
	struct machine *m = *state;
	struct tokens t = { .arena = m->arena };
	struct token on = token_of(m->arena, "intel_iommu=on"), pt = token_of(m->arena, "iommu=pt");
	struct token dash = token_of(m->arena, "intel-iommu=on");
	struct token console = token_of(m->arena, "console=ttyS0");

	tokens_read(&t, "console=tty0 xintel_iommu=on intel_iommu=only intel_iommu=on iommu=soft");
	assert_int_equal(tokens_count(&t, &on), 1);
	assert_int_equal(tokens_count(&t, &dash), 1);
	assert_int_equal(tokens_count(&t, &pt), 0);
	assert_string_equal(tokens_against(&t, &on)->value, "only");
	assert_string_equal(tokens_against(&t, &pt)->value, "soft");
	assert_null(tokens_against(&t, &console));
	tokens_drop(&t, &on);
	assert_int_equal(tokens_count(&t, &on), 0);
	assert_int_equal(t.n, 4);
}

/* What stands behind `--` is for init: neither read nor added to. */
static void test_edit(void **state)
{
	static const char *const cases[][4] = {
		/* text, drop, add, what it becomes */
		{ "ro quiet\n", "", "nosmt", "ro quiet nosmt\n" },
		{ "ro  quiet\n", "ro", "", "quiet\n" },
		{ "ro nosmt  quiet\n", "nosmt", "", "ro  quiet\n" },
		{ "", "", "nosmt", "nosmt" },
		{ "ro -- single\n", "", "nosmt", "ro nosmt -- single\n" },
		{ "ro nosmt  -- single nosmt\n", "nosmt", "", "ro  -- single nosmt\n" },
		{ "-- single", "", "nosmt", "nosmt -- single" },
		{ "nosmt -- single", "nosmt", "", "-- single" },
		{ "ro \"--\" x", "", "a=1", "ro a=1 \"--\" x" },
		{ "--x -- y", "", "a=1", "--x a=1 -- y" },
	};
	struct machine *m = *state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct tokens drop = { .arena = m->arena }, add = { .arena = m->arena };
		_cleanup_strbuf_ struct strbuf out = { 0 };

		tokens_read(&drop, cases[i][1]);
		tokens_read(&add, cases[i][2]);
		tokens_edit(cases[i][0], &drop, &add, &out);
		assert_string_equal(sb_str(&out), cases[i][3]);
	}
}

static void test_in_the_document(void **state)
{
	static const char *const bad[][2] = {
		{ "a b", "must be one parameter" },
		{ "\"--\"", "must be a parameter" },
		{ "\"root=/dev/sda\"", "which the boot loader sets" },
		{ "'a=\"b'", "a quote that is not closed" },
		{ "\"a='b'\"", "must not contain '" },
		{ "'a\\b'", "must not contain \\" },
		{ "'a=b\"c d\"e'", "quotes around its whole value" },
		{ "1", "must be text" },
		{ "\"\"", "must not be empty" },
		{ "\"a=\\u00e4\"", "printable ASCII" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const char *said = reject(*state, arena_printf(((struct machine *)*state)->arena,
							  "cmdline: [%s]\n", bad[i][0]));

		if (!strstr(said, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], said);
	}
	assert_non_null(strstr(reject(*state, "cmdline: [quiet, a=1, quiet]\n"),
		"test.yaml:1:23: error: quiet stands twice"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_as_the_kernel_does, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_same, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(test_edit, machine_setup, machine_teardown),
		cmocka_unit_test_setup_teardown(
			test_in_the_document, machine_setup, machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
