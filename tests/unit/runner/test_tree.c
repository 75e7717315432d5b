/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "runner/nfs.h"
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
	assert_string_equal(
		tree_arguments(a, TREE_FEDORA, "nfs://h/t", false, &name), "inst.repo=nfs:h:/t");
	assert_string_equal(tree_arguments(a, TREE_FEDORA, "nfs://h:2050/t", true, &name),
		"inst.ks=file:/ks.cfg inst.repo=nfs:port=2050:h:/t");
	assert_string_equal(
		tree_arguments(a, TREE_SUSE, "nfs:h:/t", false, &name), "install=nfs://h/t");
	assert_string_equal(tree_arguments(a, TREE_SUSE, "nfs://[fe80::1]:2050/t", false, &name),
		"install=nfs://[fe80::1]:2050/t");
	tree_arguments(a, TREE_UBUNTU, "/srv/t", true, &name);
	assert_null(name);
}

static void test_nfs(void **state _unused_)
{
	static const char *const wrong[] = { "nfs:", "nfs://", "nfs://h", "nfs:h/t", "nfs:h:t",
		"nfs:/t", "nfs://h:/t", "nfs://h:0/t", "nfs://h:65536/t", "nfs://h:1x/t",
		"nfs://[::1/t", "nfs://[]/t", "nfs://a,b/t", "nfs:h:/t quiet", "nfs:h:2049:/t" };
	struct nfs_place p;

	assert_int_equal(nfs_parse("nfs:server.example:/srv/tree", &p), 1);
	assert_string_equal(p.server, "server.example");
	assert_string_equal(p.path, "/srv/tree");
	assert_int_equal(p.port, 0);
	assert_int_equal(nfs_parse("nfs://[fd00::1]:2050/", &p), 1);
	assert_string_equal(p.server, "[fd00::1]");
	assert_int_equal(p.port, 2050);
	assert_int_equal(nfs_parse("/nfs://h/t", &p), 0);
	assert_int_equal(nfs_parse("nfs4", &p), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(nfs_parse(wrong[i], &p), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_paths_outside),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_nfs),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
