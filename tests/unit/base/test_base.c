/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"
#include "base/error.h"
#include "base/json_walk.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "base/tool.h"
#include "base/utf8.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void test_arena_is_zeroed_and_aligned(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	size_t sizes[] = { 0, 1, 15, 16, 17, 4000, 5000, 100000, 3000000 };

	for (size_t round = 0; round < 50; round++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes) - (round > 1); i++) {
			unsigned char *p = arena_alloc(a, sizes[i]);

			assert_int_equal((uintptr_t)p % 16, 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(p[j], 0);
			memset(p, 0xaa, sizes[i]);
		}
	assert_true(arena_used(a) >= 6000000);
}

static void test_arena_grow(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	unsigned *v = NULL;
	size_t n = 0;

	for (unsigned i = 0; i < 10000; i++)
		*ARENA_PUSH(a, v, n) = i;
	assert_int_equal(n, 10000);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(v[i], i);
}

static void test_arena_text(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();

	assert_string_equal(arena_strdup(a, "abc"), "abc");
	assert_string_equal(arena_strndup(a, "abc", 2), "ab");
	assert_string_equal(arena_strndup(a, "abc", 9), "abc");
	assert_string_equal(arena_printf(a, "%s-%d", "x", 7), "x-7");
}

static void test_strbuf(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };
	char *s;

	assert_string_equal(sb_str(&b), "");
	sb_add(&b, "ab");
	sb_addc(&b, 'c');
	sb_addf(&b, "%d", 12);
	sb_pad(&b, '.', 40);
	assert_int_equal(b.len, 45);
	assert_string_equal(sb_str(&b), "abc12........................................");
	s = sb_steal(&b);
	assert_string_equal(s, "abc12........................................");
	free(s);
	s = sb_steal(&b);
	assert_string_equal(s, "");
	free(s);
}

static void test_json(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "plain", "\"plain\"" },
		{ "", "\"\"" },
		{ "a\"b\\c", "\"a\\\"b\\\\c\"" },
		{ "a\nb\tc\r", "\"a\\nb\\tc\\r\"" },
		{ "\x01\x7f", "\"\\u0001\\u007f\"" },
		{ "gr\xc3\xbc\xc3\x9f", "\"gr\xc3\xbc\xc3\x9f\"" },
		{ "bad \xff\xfe end \xc3", "\"bad \xef\xbf\xbd\xef\xbf\xbd end \xef\xbf\xbd\"" },
		{ "\xe2\x80\xa8", "\"\\u2028\"" },
		{ "\xf0\x9f\x90\xa7", "\"\xf0\x9f\x90\xa7\"" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_strbuf_ struct strbuf b = { 0 };

		sb_add_json(&b, cases[i][0]);
		assert_string_equal(sb_str(&b), cases[i][1]);
		sb_addc(&b, ':');
		sb_add(&b, cases[i][0]);
		sb_json_from(&b, strlen(cases[i][1]) + 1);
		assert_int_equal(b.s[strlen(cases[i][1])], ':');
		assert_string_equal(b.s + strlen(cases[i][1]) + 1, cases[i][1]);
	}
}

/* "name=value;..." of an object, or "refused". */
static char *walked(const char *text)
{
	struct json_walk w = { .at = text };
	struct strbuf out = { 0 };
	struct json_member m;
	int r;

	while ((r = json_walk(&w, &m)) > 0) {
		sb_addn(&out, m.name, m.name_len);
		sb_addc(&out, '=');
		sb_addn(&out, m.value, m.value_len);
		sb_addc(&out, ';');
	}
	if (r < 0) {
		sb_free(&out);
		sb_add(&out, "refused");
	} else {
		sb_add(&out, w.at);
	}
	return sb_steal(&out);
}

static void test_json_walk(void **state _unused_)
{
	static const char *const cases[][2] = {
		{ "{}", "" },
		{ " {\n} rest", " rest" },
		{ "{\"a\": 1 ,\"b\" : [ ]\t}", "a=1;b=[ ];" },
		{ "{\"a\":[1,-20,{\"b\":[null,true,false]}]}",
			"a=[1,-20,{\"b\":[null,true,false]}];" },
		{ "{\"a\\\"b\":\"c\\\\\"}", "a\\\"b=\"c\\\\\";" },
		{ "{\"a\":{\"b\":{}},\"\":0}", "a={\"b\":{}};=0;" },
	};
	/* Not JSON, or nothing that it knows. */
	static const char *const refused[] = { "", "[]", "{", "{\"", "{\"a", "{\"a\"",
		"{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1{\"b\":1}",
		"{\"a\":1 \"b\":1}", "{\"a\" 1}", "{a:1}", "{\"a\":[1,]}", "{\"a\":[,1]}",
		"{\"a\":[1}", "{\"a\":[1", "{\"a\":nul}", "{\"a\":nullx}", "{\"a\":01}",
		"{\"a\":1.5}", "{\"a\":1e3}", "{\"a\":-}", "{\"a\":1234567890123456789}",
		"{\"a\":\"\\u0041\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\", "{\"a\":\"\n\"}",
		"{\"a\":\"\xc3\xbc\"}", "{\"a\":}" };
	_cleanup_strbuf_ struct strbuf deep = { 0 };
	_cleanup_free_ char *bottom = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *found = walked(cases[i][0]);

		assert_string_equal(found, cases[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_free_ char *found = walked(refused[i]);

		assert_string_equal(found, "refused");
	}
	sb_add(&deep, "{\"a\":");
	sb_pad(&deep, '[', 1000000);
	bottom = walked(sb_str(&deep));
	assert_string_equal(bottom, "refused");
}

static void test_utf8(void **state _unused_)
{
	static const struct {
		const char *bytes;
		size_t n, len;
		uint32_t c;
	} cases[] = {
		{ "a", 1, 1, 'a' },
		{ "", 0, 0, 0 },
		{ "\0", 1, 1, 0 },
		{ "\xc3\xa4", 2, 2, 0xe4 },
		{ "\xc3\xa4", 1, 0, 0 },
		{ "\xe2\x82\xac", 3, 3, 0x20ac },
		{ "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff },
		{ "\xf4\x90\x80\x80", 4, 0, 0 }, /* beyond Unicode */
		{ "\xc0\xaf", 2, 0, 0 }, /* overlong */
		{ "\xe0\x80\xaf", 3, 0, 0 },
		{ "\xf0\x80\x80\xaf", 4, 0, 0 },
		{ "\xed\xa0\x80", 3, 0, 0 }, /* a surrogate */
		{ "\x80", 1, 0, 0 },
		{ "\xc3(", 2, 0, 0 },
	};
	char text[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t c = 0;

		assert_int_equal(utf8_decode(cases[i].bytes, cases[i].n, &c), cases[i].len);
		assert_int_equal(c, cases[i].c);
	}
	assert_int_equal(utf8_valid("abc\xff", 4), 3);
	assert_int_equal(utf8_valid("\xc3\xa4z", 3), 3);
	assert_string_equal(utf8_mend(strcpy(text, "\xe9t\xe9 \xc3\xa4\xc3")), "?t? \xc3\xa4?");
	assert_string_equal(utf8_mend(strcpy(text, "")), "");
}

static void test_error(void **state _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	_cleanup_free_ char *line = NULL, *bare = NULL;
	struct error code = { .code = -ENOENT };

	assert_int_equal(error_set(NULL, -EIO, "lost"), -EIO);
	assert_true(error_cure(NULL, "lost") < 0);
	assert_int_equal(error_set(&e, -EIO, "cannot read %s", "x"), -EIO);
	/* A text may be made from the one that it replaces. */
	assert_int_equal(error_set(&e, -ENOENT, "again: %s", e.text), -ENOENT);
	assert_int_equal(error_prefix(&e, "%s: ", "eth0"), -ENOENT);
	assert_int_equal(error_cure(&e, "do %d", 1), -ENOENT);
	assert_int_equal(error_cure(&e, "do %d", 2), -ENOENT);
	line = error_line(&e);
	assert_string_equal(line, "eth0: again: cannot read x; do 2");
	bare = error_line(&code);
	assert_string_equal(bare, "No such file or directory");
}

/* What is logged between begin and end. */
static int saved_stderr, log_file;

static void begin_log(bool journal)
{
	char stream[64];
	struct stat st;

	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	log_file = memfd_create("log", 0);
	dup2(log_file, STDERR_FILENO);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino + !journal);
	setenv("JOURNAL_STREAM", stream, 1);
	log_setup("prog", LOG_INFO);
}

static void end_log(const char *expected)
{
	char buf[4096] = "";
	ssize_t n = pread(log_file, buf, sizeof(buf) - 1, 0);

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(log_file);
	unsetenv("JOURNAL_STREAM");
	assert_true(n >= 0);
	assert_string_equal(buf, expected);
}

static void test_log(void **state _unused_)
{
	_cleanup_error_ struct error e = { 0 };

	begin_log(true);
	log_error("a\nb \033[31m%s", "red");
	log_debug("not said");
	log_warning("%s", "");
	end_log("<3>a\n<3>b ?[31mred\n<4>\n");

	begin_log(false);
	error_set(&e, -EIO, "broken");
	error_cure(&e, "mend it");
	errno = 5;
	assert_int_equal(log_failure(&e), -EIO);
	assert_int_equal(errno, 5);
	end_log("prog: broken; mend it\n");
}

/* ^C at a terminal goes to a whole process group. */
static void test_tool_is_not_interrupted_with_us(void **state _unused_)
{
	static char *const argv[] = { "/bin/sh", "-c", "trap : INT; kill -INT 0; exit 0", NULL };

	assert_int_equal(tool_run(argv, -1, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_is_zeroed_and_aligned),
		cmocka_unit_test(test_arena_grow),
		cmocka_unit_test(test_arena_text),
		cmocka_unit_test(test_strbuf),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_walk),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_tool_is_not_interrupted_with_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
