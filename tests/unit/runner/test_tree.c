/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/tree.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_info(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct tree t = { 0 };

	assert_true(tree_info(a,
		"[checksums]\nimages/k = sha256:" SUM
		"\nimages/i = md5:12\r\n\n; a comment\n[general]\n"
		"family = Fedora\n[images-x86_64]\n kernel=images/k\ninitrd =  images/i \n"
		"[images-aarch64]\nkernel = other\n",
		&t));
	assert_string_equal(t.kernel, "images/k");
	assert_string_equal(t.initrd, "images/i");
	assert_string_equal(t.kernel_sha256, SUM);
	assert_null(t.initrd_sha256);
	assert_int_equal(t.family, TREE_FEDORA);
	assert_true(tree_info(a,
		"[general]\nfamily = openSUSE Leap\n[images-x86_64]\nkernel = k\ninitrd = i", &t));
	assert_int_equal(t.family, TREE_SUSE);
}

/* A server's word: nothing outside of the tree, and no option of curl's. */
static void test_paths_outside(void **state _unused_)
{
	static const char *const paths[] = { "/etc/shadow", "../k", "a/../../k", "-k", "a b", "",
		"a?b", "a\tb" };
	_cleanup_arena_ struct arena *a = arena_new();
	struct tree t = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_false(tree_info(a,
			arena_printf(a, "[images-x86_64]\ninitrd = i\nkernel = %s\n", paths[i]),
			&t));
	assert_false(tree_info(a, "", &t));
	assert_false(tree_info(a, "<html>Not = found</html>\n[images-x86_64", &t));
}

static void test_arguments(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();
	const char *name;

	assert_string_equal(tree_arguments(a, TREE_FEDORA, "http://h/t", true, &name),
		"inst.ks=file:/ks.cfg inst.repo=http://h/t");
	assert_string_equal(name, "ks.cfg");
	assert_string_equal(
		tree_arguments(a, TREE_FEDORA, "/srv/t", true, &name), "inst.ks=file:/ks.cfg");
	assert_string_equal(
		tree_arguments(a, TREE_FEDORA, "http://h/t", false, &name), "inst.repo=http://h/t");
	assert_string_equal(tree_arguments(a, TREE_SUSE, "ftp://h/t", true, &name),
		"autoyast=file:///autoinst.xml install=ftp://h/t");
	assert_string_equal(tree_arguments(a, TREE_DEBIAN, "/srv/t", false, &name), "");
	assert_string_equal(tree_arguments(a, TREE_DEBIAN, "/srv/t", true, &name),
		"auto=true priority=critical preseed/file=/preseed.cfg");
	tree_arguments(a, TREE_UBUNTU, "/srv/t", true, &name);
	assert_null(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_paths_outside),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
