/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files, directories, merging, and the merged document written out. */
#include "sample.h"
#include "base/file.h"
#include "../scratch.h"
#include <fcntl.h>
#include <sys/stat.h>

static char dir[] = "/tmp/kvmhost-load-XXXXXX";
static int root = -1;

static int set_up(void **state _unused_)
{
	strcpy(dir, "/tmp/kvmhost-load-XXXXXX");
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_DIRECTORY | O_CLOEXEC);
	umask(022);
	return root < 0;
}

static int tear_down(void **state _unused_)
{
	close(root);
	return scratch_remove(dir);
}

static void put(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(root, path, text, strlen(text), 0644), 0);
}

struct merged {
	struct arena *arena;
	struct diags diags;
	struct document doc;
	char *said;
};

static void free_merged(struct merged *m)
{
	arena_free(m->arena);
	free(m->said);
}
#define _cleanup_merged_ _cleanup_(free_merged)

static void load_paths(struct merged *m, int flags, const char *const *paths, size_t n)
{
	size_t len;
	FILE *f;

	*m = (struct merged){ .arena = arena_new() };
	m->diags.arena = m->arena;
	document_load(&m->doc, root, paths, n, flags, &m->diags);
	f = open_memstream(&m->said, &len);
	diags_print(&m->diags, f, false);
	fclose(f);
}
#define LOAD(m, flags, ...) \
	load_paths(m, flags, (const char *const[]){ __VA_ARGS__ }, \
		ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })))

static void assert_says(const struct merged *m, const char *words)
{
	if (!strstr(m->said, words))
		fail_msg("no \"%s\" in:\n%s", words, m->said);
}

static void test_merge(void **state _unused_)
{
	_cleanup_merged_ struct merged m;
	_cleanup_strbuf_ struct strbuf out = { 0 };

	put("host.yaml",
		"version: 1\nmachines:\n  a: {memory: 1GiB, after: [b, c]}\n  b: {memory: 1GiB}\n");
	put("conf.d/10-x.yaml", "machines:\n  a: {memory: 2GiB, after: [d]}\n");
	put("conf.d/20-y.yaml",
		"machines:\n  a: {autostart: false}\n  c: {}\noptions: {vm.x: \"1\"}\n");
	put("conf.d/ignored.txt", "nonsense: [");
	put("conf.d/.hidden.yaml", "nonsense: [");
	LOAD(&m, 0, "/host.yaml", "conf.d", "none.yaml?");
	assert_string_equal(m.said, "");
	assert_int_equal(m.doc.n_sources, 3);
	document_write(&m.doc, true, &out);
	assert_string_equal(sb_str(&out), "version: 1  # /host.yaml:1:10\n"
					  "machines:\n"
					  "  a:\n"
					  "    memory: 2GiB  # conf.d/10-x.yaml:2:15\n"
					  "    after:\n"
					  "      - d  # conf.d/10-x.yaml:2:29\n"
					  "    autostart: false  # conf.d/20-y.yaml:2:18\n"
					  "  b:\n"
					  "    memory: 1GiB  # /host.yaml:4:15\n"
					  "  c: {}  # conf.d/20-y.yaml:3:6\n"
					  "options:\n"
					  "  vm.x: \"1\"  # conf.d/20-y.yaml:4:17\n");
}

static void test_written_document_is_the_same(void **state _unused_)
{
	static const char *const texts[] = {
		"a: {b: [1, {c: d, e: [f, [g, []]]}, {}], x: ~}\n",
		"a: \"true\"\nb: true\nc: 'on'\nd: \"\"\ne: "
		"\"a\\nb\\t\\x01\\u2028\\U0001F427\"\nf: |\n  x\n  y\n"
		"g: \"1.5\"\nh: 1.5\ni: '- x'\nj: '#'\n\"k: l\": m\n\"...\": '---'\n\"<<\": 1\n",
		"- - - a\n    - b\n  - c: d\n    e: f\n- {}\n",
		"x: \"\\uFFFE\"\ny: 'a b'\nz: a b\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_arena_ struct arena *a = arena_new();
		_cleanup_strbuf_ struct strbuf once = { 0 }, twice = { 0 };
		struct diags d = { .arena = a };
		struct document doc;

		/* A list at the top is no document, but it can be written below a key. */
		_cleanup_strbuf_ struct strbuf text = { 0 };
		if (*texts[i] == '-') {
			sb_add(&text, "top:\n");
		}
		sb_add(&text, texts[i]);
		document_load_text(&doc, "a", sb_str(&text), text.len, &d);
		assert_int_equal(d.n, 0);
		document_write(&doc, false, &once);
		document_load_text(&doc, "b", sb_str(&once), once.len, &d);
		if (d.n)
			fail_msg("%s:\n%s", d.v[0].text, sb_str(&once));
		document_write(&doc, false, &twice);
		assert_string_equal(sb_str(&once), sb_str(&twice));
	}
}

static void test_what_is_no_file(void **state _unused_)
{
	_cleanup_merged_ struct merged m;
	int fd;

	assert_int_equal(mkfifoat(root, "fifo.yaml", 0600), 0);
	assert_int_equal(mkdirat(root, "d", 0755), 0);
	assert_int_equal(mkdirat(root, "d/dir.yaml", 0755), 0);
	assert_int_equal(symlinkat("loop.yaml", root, "loop.yaml"), 0);
	put("yml/host.yml", "version: 1\n");
	fd = openat(root, "large.yaml", O_CREAT | O_WRONLY, 0644);
	assert_int_equal(ftruncate(fd, 100000000), 0);
	close(fd);
	LOAD(&m, 0, "fifo.yaml", "d", "none.yaml", "loop.yaml", "large.yaml", "yml");
	assert_says(&m, "fifo.yaml: error: this is a FIFO, not a file");
	assert_says(&m, "d/dir.yaml: error: this is a directory, not a file");
	assert_says(&m, "none.yaml: error: the file cannot be read: No such file or directory\n    "
			"  = create");
	assert_says(&m, "loop.yaml: error: the file cannot be read: Too many levels");
	assert_says(&m, "large.yaml: error: the file is larger than 16 MiB");
	assert_says(&m, "yml/host.yml: warning: this file is not read");
	assert_null(m.doc.root);
	assert_true(arena_used(m.arena) < 100000);
}

static void test_device(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_close_ int slash = open("/", O_DIRECTORY | O_CLOEXEC);
	struct diags d = { .arena = a };
	struct document doc;

	document_load(&doc, slash, (const char *const[]){ "/dev/zero" }, 1, 0, &d);
	assert_int_equal(d.errors, 1);
	assert_string_equal(d.v[0].text, "this is not a regular file");
}

/* Else why not, which tools/lib/tiers.py looks for. */
static bool is_root(void)
{
	if (geteuid() == 0)
		return true;
	puts("skip: needs root, who gives files to others");
	return false;
}

static void test_unreadable(void **state _unused_)
{
	_cleanup_merged_ struct merged m;

	if (!is_root())
		skip();
	put("secret.yaml", "version: 1\n");
	assert_int_equal(fchmodat(root, "secret.yaml", 0, 0), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	LOAD(&m, 0, "secret.yaml");
	assert_int_equal(seteuid(0), 0);
	assert_says(&m, "secret.yaml: error: the file cannot be read: Permission denied\n"
			"      = run as root");
}

static void test_nothing_at_all(void **state _unused_)
{
	_cleanup_merged_ struct merged m;

	LOAD(&m, 0, "none?", "neither?");
	assert_says(&m, "error: there is no configuration file: looked at none?");
	assert_null(m.doc.root);
}

static void test_errors_of_all_files(void **state _unused_)
{
	_cleanup_merged_ struct merged m;
	struct sample s = { .version = 0 };
	_cleanup_free_ char *said = NULL;
	size_t len;
	FILE *f;

	put("a.yaml", "machines: [\n");
	put("b.yaml", "machines: {}\nmachines: {}\n");
	put("c.yaml", "zzz: 1\n");
	LOAD(&m, 0, "c.yaml", "a.yaml", "b.yaml");
	assert_int_equal(m.diags.errors, 2);
	/* The rest is judged too, but what is missing may stand in a.yaml. */
	assert_false(obj_parse(&sample_table, m.doc.root, NULL, "", &s, &m.diags));
	f = open_memstream(&said, &len);
	diags_print(&m.diags, f, false);
	fclose(f);
	assert_int_equal(m.diags.errors, 3);
	assert_non_null(strstr(strstr(strstr(said, "c.yaml:1:1:"), "a.yaml:2:1:"), "b.yaml:2:1:"));
}

static void test_empty_file_has_a_place(void **state _unused_)
{
	_cleanup_merged_ struct merged m;

	put("empty.yaml", "");
	LOAD(&m, 0, "empty.yaml");
	assert_int_equal(m.diags.n, 0);
	assert_int_equal(m.doc.root->n, 0);
	assert_string_equal(mark_text(m.arena, m.doc.root->mark), "empty.yaml:1:1");
}

static void test_writers(void **state _unused_)
{
	static const struct {
		mode_t file, directory;
		uid_t uid;
		gid_t gid;
		const char *says;
	} cases[] = {
		{ 0644, 0755, 0, 0, NULL },
		{ 0664, 0775, 0, 0, NULL },
		{ 0644, 01777, 0, 0, NULL },
		{ 0666, 0755, 0, 0, "the file can be written by every user" },
		{ 0664, 0755, 0, 1000, "the file can be written by group 1000" },
		{ 0644, 0755, 1000, 0, "the file can be written by its owner, user 1000" },
		{ 0644, 0777, 0, 0, "the directory of this file can be written by every user" },
	};

	if (!is_root())
		skip();
	put("c/a.yaml", "version: 1\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_merged_ struct merged lax, strict;

		assert_int_equal(fchownat(root, "c/a.yaml", cases[i].uid, cases[i].gid, 0), 0);
		assert_int_equal(fchmodat(root, "c/a.yaml", cases[i].file, 0), 0);
		assert_int_equal(fchmodat(root, "c", cases[i].directory, 0), 0);
		LOAD(&lax, 0, "c/a.yaml");
		LOAD(&strict, DOCUMENT_STRICT_OWNER, "c/a.yaml");
		assert_int_equal(lax.diags.errors, 0);
		assert_int_equal(lax.diags.warnings, cases[i].says != NULL);
		assert_int_equal(strict.diags.errors, cases[i].says != NULL);
		if (cases[i].says)
			assert_says(&strict, cases[i].says);
	}
	assert_int_equal(fchmodat(root, "c", 0777, 0), 0);
	assert_int_equal(fchmodat(root, "c/a.yaml", 0644, 0), 0);
	assert_int_equal(fchownat(root, "c/a.yaml", 0, 0, 0), 0);
	{
		_cleanup_merged_ struct merged m;

		LOAD(&m, DOCUMENT_STRICT_OWNER, "c");
		assert_says(&m, "c: error: the directory can be written by every user");
		assert_int_equal(m.diags.errors, 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_merge),
		cmocka_unit_test(test_written_document_is_the_same),
		TEST(test_what_is_no_file),
		cmocka_unit_test(test_device),
		TEST(test_unreadable),
		TEST(test_nothing_at_all),
		TEST(test_errors_of_all_files),
		TEST(test_empty_file_has_a_place),
		TEST(test_writers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
