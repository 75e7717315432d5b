/* SPDX-License-Identifier: GPL-2.0-or-later */
/* YAML to nodes: hostile input, limits, places. */
#include "sample.h"
#include "config/compose.h"

struct bad {
	const char *text, *place, *says, *cure;
};

static const struct bad bad[] = {
	/* indentation and punctuation */
	{ "version: 1\nmachines:\n\tweb: {}\n", "t.yaml:3:1:", "YAML forbids tabs", "spaces" },
	{ "version: 1\nmachines:\n  web:\n  \tmemory: 1GiB\n", "t.yaml:4:3:", "YAML forbids tabs",
		"spaces" },
	{ "version: 1\nmachines:\n  web: foo: bar\n", "t.yaml:3:11:", "a `:` is not allowed",
		"quote" },
	{ "version: 1\nmachines\noptions: {}\n", "t.yaml:2:1:", "a `:` is missing", "key: value" },
	{ "version: 1\n: x\n", "t.yaml:2:1:", "a key is missing", "before the `:`" },
	{ "version: 'it's'\n", "t.yaml:1:14:", "line goes on", "twice" },
	{ "version: \"1\n", "t.yaml:1:10:", "never closed", "closing quote" },
	{ "version: [1, 2\nmachines: {}\n", "t.yaml:2:9:", "`]` is missing", "]" },
	{ "machines: {a: {memory: 1GiB}\n", "t.yaml:2:1:", "`}` is missing", "}" },
	{ "version: 1\nmachines:\n    a: {}\n  b: {}\n", "t.yaml:4:3:", "a key of the map above",
		"indentation" },
	{ "machines: [\n", "t.yaml:2:1:", "ends inside a list or map", "]" },
	{ "machines: - a\n", "t.yaml:1:11:", "a list item cannot begin", "line of its own" },
	{ "version: @x\n", "t.yaml:1:10:", "begin with `@`", "quotes" },
	{ "version: `x\n", "t.yaml:1:10:", "begin with ``", "quotes" },
	{ "version: %x\n", "t.yaml:1:10:", "begin with `%`", "quotes" },
	{ "version: \"\\q\"\n", "t.yaml:1:11:", "no such escape", "single quotes" },
	{ "version: \"\\xzz\"\n", "t.yaml:1:", "hexadecimal", "\\x41" },
	{ "version: *\n", "t.yaml:1:11:", "`*` begins an alias", "quote" },
	{ "version: & x\n", "t.yaml:1:11:", "`&` begins an anchor", "quote" },
	{ "version: |0\n  x\n", "t.yaml:1:11:", "must be 1 to 9", "leave it out" },
	{ "version: | x\n  x\n", "t.yaml:1:", "nothing may follow", "next line" },
	{ "version: 1\n%YAML 1.1\n", "t.yaml:2:1:", "directive", "remove the line" },
	/* what YAML has and this language does not */
	{ "version: !!int 1\n", "t.yaml:1:10:", "tags such as `!!int`", "remove the tag" },
	{ "version: !foo 1\n", "t.yaml:1:10:", "tags such as `!foo`", "remove the tag" },
	{ "version: !<x> 1\nmachines: !bar {}\n", "t.yaml:2:11:", "`!bar`", "remove the tag" },
	{ "version: 1\n---\nversion: 1\n", "t.yaml:2:1:", "a second YAML document",
		"file of its own" },
	{ "version: 1\n? {a: b}\n: c\n", "t.yaml:2:3:", "a key must be plain text, not a map",
		"quote" },
	{ "version: 1\n[x]: y\n", "t.yaml:2:1:", "a key must be plain text, not a list", "quote" },
	{ "version: 1\nmachines:\n  a: &a {memory: 1GiB}\n  b:\n    <<: *a\n",
		"t.yaml:5:5:", "merge key `<<`", "repeat" },
	/* keys */
	{ "version: 1\nversion: 1\n", "t.yaml:2:1:", "duplicate key `version`",
		"t.yaml:1:1: note" },
	{ "version: 1\nmachines: {a: {memory: 1GiB}, \"a\": {}}\n",
		"t.yaml:2:31:", "duplicate key `a`", "t.yaml:2:12: note: first used here" },
	/* aliases */
	{ "version: *v\n", "t.yaml:1:10:", "no anchor `&v`", "quotes" },
	{ "version: 1\nmachines: &m {a: *m}\n", "t.yaml:2:18:", "inside its own anchor",
		"complete" },
	/* shapes */
	{ "- a\n", "t.yaml:1:1:", "a map of keys, not a list", "version: 1" },
	{ "hello\n", "t.yaml:1:1:", "a map of keys, not `hello`", "version: 1" },
	{ "", "t.yaml:1:1:", "`version` is missing", "add `version: 1`" },
	{ "# nothing\n---\n", "t.yaml:", "`version` is missing", "add `version: 1`" },
	{ "~\n", "t.yaml:1:1:", "not an empty value", "version: 1" },
	/* characters */
	{ "version: 1 # \xfc\n", "t.yaml:1:14:", "0xfc here is not UTF-8", "iconv" },
	{ "version: 1\033[31m\n", "t.yaml:1:11:", "control character U+001B", "remove it" },
	{ "version: 1\rmachines: {}\n", "t.yaml:1:11:", "carriage return", "LF" },
	{ "version: 1 # \xe2\x80\xa8\n", "t.yaml:1:14:", "U+2028", "remove it" },
	{ "version: 1 # \xc2\x85\n", "t.yaml:1:14:", "U+0085", "remove it" },
	{ "version: \"\\0\"\n", "t.yaml:1:10:", "NUL", "remove" },
	{ "version: 1\r\nmachinesx: {}\r\n", "t.yaml:2:1:", "unknown key",
		"    2 | machinesx: {}\n" },
};

static void test_bad(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_refused(bad[i].text, bad[i].place, bad[i].says, bad[i].cure, NULL);
}

/* The first message of a text given by bytes. */
static void assert_bytes_refused(const char *text, size_t len, const char *says)
{
	_cleanup_loaded_ struct loaded l;
	_cleanup_free_ char *said = NULL;

	load_bytes(&l, text, len);
	said = messages(&l);
	assert_false(l.ok);
	if (!strstr(said, says))
		fail_msg("no \"%s\" in:\n%s", says, said);
}

static void test_encodings(void **state _unused_)
{
	assert_bytes_refused("\xff\xfev\0e\0r\0", 8, "UTF-16");
	assert_bytes_refused("\xfe\xff\0v\0e\0r", 8, "UTF-16");
	assert_bytes_refused("v\0e\0r\0s\0", 8, "UTF-16");
	assert_bytes_refused("\0v\0e\0r\0s", 8, "UTF-16");
	assert_bytes_refused("\xff\xfe\0\0v\0\0\0", 8, "UTF-32");
	assert_bytes_refused("v\0\0\0e\0\0\0", 8, "UTF-32");
	assert_bytes_refused(
		"version: 1\0", 11, "t.yaml:1:11: error: the file contains a NUL byte");
	assert_bytes_refused("\0", 1, "NUL");
}

static void test_good(void **state _unused_)
{
	assert_accepted("version: 1\n");
	assert_accepted("\xef\xbb\xbfversion: 1\n");
	assert_accepted("version: 1\r\nmachines: {}\r\n");
	assert_accepted("--- # comment\nversion: 1\n...\n");
	assert_accepted("{version: 1, machines: {}}");
	assert_accepted("{\"version\": 1, \"machines\": {\"a\": {\"memory\": \"1GiB\"}}}");
	assert_accepted("version: 1\nmachines:\n  a: &a {memory: 1GiB}\n  b: *a\n");
	assert_accepted("version: 1\nmachines:\n  a: {memory: &m 1GiB}\n  b: {memory: *m}\n");
}

static char *repeat(const char *s, size_t n)
{
	struct strbuf b = { 0 };

	while (n--)
		sb_add(&b, s);
	return sb_steal(&b);
}

static void test_limits(void **state _unused_)
{
	static const struct {
		const char *unit;
		size_t n;
		const char *says;
	} cases[] = {
		{ "[", 100000, "deeper than 64 levels" },
		{ "{a: ", 100000, "deeper than 64 levels" },
		{ "- ", 100000, "deeper than 64 levels" },
		{ "? ", 100000, "deeper than 64 levels" },
		{ "- x\n", COMPOSE_NODES, "more than 500,000 values" },
		{ "x", (16 << 20) + 1, "larger than 16 MiB" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = repeat(cases[i].unit, cases[i].n);

		assert_refused(text, cases[i].says, NULL);
	}
}

static void test_alias_bombs(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf wide = { 0 }, deep = { 0 };
	_cleanup_loaded_ struct loaded l;

	sb_add(&wide, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
	for (int i = 1; i < 20; i++) {
		sb_addf(&wide, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			sb_addf(&wide, "%s*a%d", j ? "," : "", i - 1);
		sb_add(&wide, "]\n");
	}
	assert_refused(sb_str(&wide), "t.yaml:6:22:", "aliases expanded", NULL);

	sb_add(&deep, "a0: &a0 {x: 1}\n");
	for (int i = 1; i < 100; i++)
		sb_addf(&deep, "a%d: &a%d {x: *a%d}\n", i, i, i - 1);
	assert_refused(sb_str(&deep), "deeper than 64 levels", NULL);

	/* Memory stays near that of the text. */
	load(&l, sb_str(&wide));
	assert_true(arena_used(l.arena) < 200000);
}

static void test_many_errors_are_counted(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_loaded_ struct loaded l;
	_cleanup_free_ char *said = NULL;

	for (int i = 0; i < 5000; i++)
		sb_addf(&text, "x%d: 1\n", i);
	load(&l, sb_str(&text));
	said = messages(&l);
	assert_int_equal(l.diags.errors, 5001);
	assert_non_null(strstr(said, "... and 4001 more\n"));
}

static void test_duplicates_in_large_map(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };
	_cleanup_loaded_ struct loaded l;

	sb_add(&text, "version: 1\noptions:\n");
	for (int i = 0; i < 3000; i++)
		sb_addf(&text, "  vm.x%d: %d\n", i % 2990, i);
	load(&l, sb_str(&text));
	assert_int_equal(l.diags.errors, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(l.diags.v[i].mark.line, 3 + 2990 + i);
		assert_int_equal(l.diags.v[i].related.line, 3 + i);
	}
	/* The first of each is kept. */
	assert_int_equal(l.sample->options.n, 2990);
	assert_string_equal(LIST_AT(&l.sample->options, struct option, 7).value, "7");
}

static void test_marks(void **state _unused_)
{
	_cleanup_loaded_ struct loaded l;
	const struct node *n;
	struct mark m;

	load(&l, "version: 1\n"
		 "machines:\n"
		 "  web:\n"
		 "    memory: \"2GiB\"   # \xc3\xa4\n"
		 "    links:\n"
		 "      - name: eth0\n"
		 "    after: [web2, web3]\n");
	assert_true(l.ok);
	n = node_get(node_get(node_get(l.doc.root, "machines"), "web"), "memory");
	assert_true(n->quoted);
	assert_int_equal(n->mark.line, 4);
	assert_int_equal(n->mark.column, 13);
	assert_int_equal(n->mark.width, 6);
	m = node_find(node_get(l.doc.root, "machines"), "web")->key->mark;
	assert_int_equal(m.line, 3);
	assert_int_equal(m.column, 3);
	assert_int_equal(m.width, 3);
	n = node_get(node_get(node_get(l.doc.root, "machines"), "web"), "after");
	assert_int_equal(n->items[1]->mark.column, 19);
	assert_string_equal(mark_text(l.arena, n->mark), "t.yaml:7:12");
	assert_string_equal(mark_text(l.arena, (struct mark){ 0 }), "");
}

static void test_scalar_kinds(void **state _unused_)
{
	static const struct {
		const char *text;
		enum scalar_kind kind;
	} cases[] = {
		{ "", SCALAR_NULL },
		{ "~", SCALAR_NULL },
		{ "null", SCALAR_NULL },
		{ "NULL", SCALAR_NULL },
		{ "nULL", SCALAR_STRING },
		{ "true", SCALAR_BOOL },
		{ "FALSE", SCALAR_BOOL },
		{ "yes", SCALAR_STRING },
		{ "on", SCALAR_STRING },
		{ "0", SCALAR_INT },
		{ "-12", SCALAR_INT },
		{ "+3", SCALAR_INT },
		{ "007", SCALAR_INT },
		{ "0o17", SCALAR_INT },
		{ "0x1F", SCALAR_INT },
		{ "0x", SCALAR_STRING },
		{ "0b1", SCALAR_STRING },
		{ "-", SCALAR_STRING },
		{ "1_000", SCALAR_STRING },
		{ "1.", SCALAR_FLOAT },
		{ ".5", SCALAR_FLOAT },
		{ ".", SCALAR_STRING },
		{ "1e3", SCALAR_FLOAT },
		{ "1e", SCALAR_STRING },
		{ "-.inf", SCALAR_FLOAT },
		{ ".NaN", SCALAR_FLOAT },
		{ "-.nan", SCALAR_STRING },
		{ "12:30", SCALAR_STRING },
		{ "1.2.3", SCALAR_STRING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct node n = { .type = NODE_SCALAR, .text = cases[i].text };

		if (node_scalar_kind(&n) != cases[i].kind)
			fail_msg("%s", cases[i].text);
		n.quoted = true;
		assert_int_equal(node_scalar_kind(&n), SCALAR_STRING);
	}
}

static void test_json_nodes(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	json_t *json = json_loads("{\"a\":[1,true,null,\"x\",1.5],\"b\":{\"c\":\"1\"}}", 0, NULL);
	const struct node *n = node_from_json(a, json), *list = node_get(n, "a");

	json_decref(json);
	assert_int_equal(n->type, NODE_MAP);
	assert_int_equal(list->n, 5);
	assert_int_equal(node_scalar_kind(list->items[0]), SCALAR_INT);
	assert_int_equal(node_scalar_kind(list->items[1]), SCALAR_BOOL);
	assert_int_equal(node_scalar_kind(list->items[2]), SCALAR_NULL);
	assert_int_equal(node_scalar_kind(list->items[3]), SCALAR_STRING);
	assert_int_equal(node_scalar_kind(list->items[4]), SCALAR_FLOAT);
	assert_int_equal(node_scalar_kind(node_get(node_get(n, "b"), "c")), SCALAR_STRING);
	assert_null(n->mark.source);
	assert_null(node_get(n, "z"));
	assert_null(node_get(list, "z"));
	assert_null(node_get(NULL, "z"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_alias_bombs),
		cmocka_unit_test(test_many_errors_are_counted),
		cmocka_unit_test(test_duplicates_in_large_map),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_scalar_kinds),
		cmocka_unit_test(test_json_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
