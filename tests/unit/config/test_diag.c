/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How diagnostics look, and what is proposed for a slip. */
#include "sample.h"
#include <jansson.h>

static struct loaded fixture(const char *text)
{
	struct loaded l = { .arena = arena_new() };

	l.diags.arena = l.arena;
	document_load_text(&l.doc, "f.yaml", text, strlen(text), &l.diags);
	return l;
}

static struct mark at(const struct loaded *l, unsigned line, unsigned column, unsigned width)
{
	return (struct mark){ l->doc.sources[0], line, column, width };
}

static void assert_shown(struct loaded *l, const char *expected)
{
	_cleanup_free_ char *said = messages(l);

	assert_string_equal(said, expected);
}

static void test_format(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = fixture("version: 1\nbr0:\n    foward_delay: 0s\n");

	diag_relate(diag_error(&l.diags, at(&l, 3, 5, 12), "did you mean `forward_delay`?",
			    "unknown key `%s` in bridges.br0", "foward_delay"),
		at(&l, 1, 1, 7), "first here");
	diag_warning(&l.diags, at(&l, 2, 1, 3), NULL, "hm");
	diag_error(&l.diags, (struct mark){ 0 }, "cure", "no place");
	assert_shown(&l, "error: no place\n"
			 "      = cure\n"
			 "f.yaml:2:1: warning: hm\n"
			 "    2 | br0:\n"
			 "      | ^~~\n"
			 "f.yaml:3:5: error: unknown key `foward_delay` in bridges.br0\n"
			 "    3 |     foward_delay: 0s\n"
			 "      |     ^~~~~~~~~~~~\n"
			 "      = did you mean `forward_delay`?\n"
			 "f.yaml:1:1: note: first here\n"
			 "    1 | version: 1\n"
			 "      | ^~~~~~~\n");
}

static void test_each_once_and_in_order(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = fixture("a: 1\nb: 2\n");
	_cleanup_free_ char *said = NULL;

	diag_error(&l.diags, at(&l, 2, 1, 1), NULL, "two");
	diag_error(&l.diags, at(&l, 1, 4, 1), NULL, "one");
	diag_error(&l.diags, at(&l, 1, 1, 1), NULL, "first");
	diag_error(&l.diags, at(&l, 1, 4, 1), NULL, "one again");
	diag_error(&l.diags, at(&l, 1, 4, 1), NULL, "one");
	said = messages(&l);
	assert_int_equal(l.diags.errors, 4);
	assert_int_equal(l.diags.n, 4);
	assert_string_equal(l.diags.v[0].text, "first");
	assert_string_equal(l.diags.v[1].text, "one");
	assert_string_equal(l.diags.v[2].text, "one again");
	assert_string_equal(l.diags.v[3].text, "two");
}

static void test_odd_lines(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l =
		fixture("a:\tx\n\xe6\x97\xa5\xe6\x9c\xac: \xc3\xa4 y\n#ast");

	diag_error(&l.diags, at(&l, 1, 4, 1), NULL, "tab");
	diag_error(&l.diags, at(&l, 2, 7, 1), NULL, "wide");
	diag_error(&l.diags, at(&l, 3, 5, 1), NULL, "behind the end");
	diag_error(&l.diags, at(&l, 9, 1, 1), NULL, "no such line");
	assert_shown(&l, "f.yaml:1:4: error: tab\n"
			 "    1 | a:    x\n"
			 "      |       ^\n"
			 "f.yaml:2:7: error: wide\n"
			 "    2 | \xe6\x97\xa5\xe6\x9c\xac: \xc3\xa4 y\n"
			 "      |         ^\n"
			 "f.yaml:3:5: error: behind the end\n"
			 "    3 | #ast\n"
			 "      |     ^\n"
			 "f.yaml:9:1: error: no such line\n");
}

static void test_nothing_moves_the_cursor(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = fixture("a: \033[31m\xff\n");
	_cleanup_free_ char *said = NULL;

	diag_error(&l.diags, at(&l, 1, 4, 1), "\033[1m", "text \033[2J\n\xe2\x80\xae");
	said = messages(&l);
	assert_null(strchr(said, '\033'));
	assert_null(strstr(said, "\xe2\x80\xae"));
	assert_non_null(strstr(said, "text \\u001b[2J"));
}

static void test_long_line(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_free_ char *said = NULL;

	sb_add(&text, "a: \"");
	sb_pad(&text, 'x', 50000);
	sb_addc(&text, 'Y');
	sb_pad(&text, 'x', 50000);
	sb_add(&text, "\"\n");
	_cleanup_loaded_ struct loaded l = fixture(sb_str(&text));
	diag_error(&l.diags, at(&l, 1, 50005, 30), NULL, "here");
	diag_error(&l.diags, at(&l, 1, 99999, 1), NULL, "too far");
	said = messages(&l);
	assert_true(strlen(said) < 600);
	/* The caret stands below the Y. */
	char *line = strstr(said, "    1 | "), *caret = strstr(line, "      | ");
	assert_int_equal(strchr(line, 'Y') - line, strchr(caret, '^') - caret);
}

static void test_color(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = fixture("a: 1\n");
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	diag_error(&l.diags, at(&l, 1, 1, 1), "cure", "text");
	diags_print(&l.diags, f, true);
	fclose(f);
	assert_non_null(strstr(text, "\033[1;31merror:\033[0m text\n"));
	free(text);
}

static void test_json(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l = fixture("a: 1\nb: 2\n");
	_cleanup_strbuf_ struct strbuf out = { 0 };
	json_t *json, *first, *second;

	diag_relate(
		diag_error(&l.diags, at(&l, 2, 1, 1), "cu\"re", "te\nxt"), at(&l, 1, 1, 1), "rel");
	diag_warning(&l.diags, (struct mark){ 0 }, NULL, "no place");
	diags_json(&l.diags, &out);
	json = json_loads(sb_str(&out), 0, NULL);
	assert_int_equal(json_array_size(json), 2);
	first = json_array_get(json, 0);
	second = json_array_get(json, 1);
	assert_string_equal(json_string_value(json_object_get(first, "severity")), "warning");
	assert_null(json_object_get(first, "file"));
	assert_string_equal(json_string_value(json_object_get(second, "file")), "f.yaml");
	assert_int_equal(json_integer_value(json_object_get(second, "line")), 2);
	assert_string_equal(json_string_value(json_object_get(second, "message")), "te\nxt");
	assert_string_equal(json_string_value(json_object_get(second, "hint")), "cu\"re");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(second, "related"), "line")), 1);
	json_decref(json);
}

static void test_suggest(void **state _unused_)
{
	static const char *const words[] = { "forward_delay", "max_vfs", "mtu", "stp", "ports",
		"addressing" };
	static const char *const cases[][2] = {
		{ "foward_delay", "forward_delay" },
		{ "forwrad_delay", "forward_delay" },
		{ "ForwardDelay", "forward_delay" },
		{ "forward-delay", "forward_delay" },
		{ "MAX_VFS", "max_vfs" },
		{ "maxvfs", "max_vfs" },
		{ "mut", "mtu" },
		{ "port", "ports" },
		{ "adressing", "addressing" },
		{ "xyz", NULL },
		{ "", NULL },
		{ "a", NULL },
		{ "delay", NULL },
		{ "bridge", NULL },
	};
	char longest[1000];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *word = suggest(cases[i][0], words, ARRAY_SIZE(words));

		if (!streq_null(word, cases[i][1]))
			fail_msg("%s: %s", cases[i][0], word ? word : "NULL");
	}
	memset(longest, 'm', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(suggest(longest, words, ARRAY_SIZE(words)));
	assert_null(suggest("mtu", words, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_each_once_and_in_order),
		cmocka_unit_test(test_odd_lines),
		cmocka_unit_test(test_nothing_moves_the_cursor),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_suggest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
