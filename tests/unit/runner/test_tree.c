/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "../scratch.h"
#include "base/file.h"
#include "runner/nfs.h"
#include "runner/tree_fetch.h"
#include <fcntl.h>

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

static char synced[4096];

/* In place of the C library's: what was asked to be on the disk, by name. */
int fsync(int fd)
{
	char link[64], name[256];
	size_t used = strlen(synced);
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof(name) - 1);
	snprintf(synced + used, sizeof(synced) - used, "%.*s\n", (int)MAX_OF(n, (ssize_t)0), name);
	return 0;
}

struct place {
	struct host h;
	struct tree_want want;
	char dir[40];
};

static void begin(struct place *p)
{
	*p = (struct place){ .dir = "/tmp/kvmhost-tree-XXXXXX" };
	assert_non_null(mkdtemp(p->dir));
	p->h.root = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p->h.pass = arena_new();
	p->want.location = "/srv/t";
	assert_int_equal(
		file_write_atomic(p->h.root, "/srv/t/install.amd/vmlinuz", "k", 1, 0644), 0);
	assert_int_equal(
		file_write_atomic(p->h.root, "/srv/t/install.amd/initrd.gz", "i", 1, 0644), 0);
	*synced = '\0';
}

static void end(struct place *p)
{
	arena_free(p->h.pass);
	close(p->h.root);
	scratch_remove(p->dir);
}

/* After a power cut tree.json would say that they are there, and they were empty. */
static void test_fetched_files_are_on_the_disk_before_the_record(void **state _unused_)
{
	const struct answers none = { 0 };
	const char *record;
	struct place p;

	begin(&p);
	assert_int_equal(tree_fetch(&p.h, "g", &p.want, &none, NULL), 0);
	assert_true(file_exists(p.h.root, tree_path("g", TREE_INITRD).s));
	record = strstr(synced, ".fetching/#"); /* the first file without a name: the arguments */
	assert_non_null(strstr(synced, ".fetching/kernel\n"));
	assert_non_null(strstr(synced, ".fetching/initrd\n"));
	assert_true(!record || strstr(synced, ".fetching/initrd\n") < record);
	end(&p);
}

/* Killed between naming a file and giving it its own name. */
static void test_a_killed_writers_file_is_in_nobodys_way(void **state _unused_)
{
	const struct answers none = { 0 };
	_cleanup_error_ struct error e = { 0 };
	struct place p;

	begin(&p);
	assert_int_equal(file_write_atomic(p.h.root, TREES_DIR "/.fetching/.arguments.kvmhost-new",
				 "", 0, 0600),
		0);
	assert_int_equal(
		file_write_atomic(p.h.root, TREES_DIR "/g/.tree.json.kvmhost-new", "", 0, 0600), 0);
	assert_int_equal(tree_fetch(&p.h, "g", &p.want, &none, &e), 0);
	assert_null(e.text);
	assert_int_equal(tree_remove(&p.h, "g", &e), 0);
	assert_false(file_exists(p.h.root, tree_path("g", "").s));
	assert_int_equal(tree_remove(&p.h, "g", &e), 0);
	end(&p);
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
		cmocka_unit_test(test_fetched_files_are_on_the_disk_before_the_record),
		cmocka_unit_test(test_a_killed_writers_file_is_in_nobodys_way),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
