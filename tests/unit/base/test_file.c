/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"
#include "base/file.h"
#include "../scratch.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/xattr.h>

static char dir[] = "/tmp/kvmhost-file-XXXXXX";
static int root = -1;

static int set_up(void **state _unused_)
{
	strcpy(dir, "/tmp/kvmhost-file-XXXXXX");
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_DIRECTORY | O_CLOEXEC);
	return root < 0;
}

static int tear_down(void **state _unused_)
{
	close(root);
	return scratch_remove(dir);
}

static void assert_content(const char *path, const char *expected)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	assert_int_equal(file_read(root, path, 1 << 20, &text, &len), 0);
	assert_int_equal(len, strlen(expected));
	assert_string_equal(text, expected);
}

static void write_text(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(root, path, text, strlen(text), 0644), 0);
}

static void test_write_makes_directories(void **state _unused_)
{
	struct stat st;
	mode_t mask = umask(077);

	write_text("/etc//sub/dir/file", "one\n");
	umask(mask);
	assert_content("etc/sub/dir/file", "one\n");
	assert_int_equal(file_stat(root, "/etc/sub", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(file_write_atomic(root, "/etc/sub/dir/file", "two", 3, 0600), 0);
	assert_content("/etc/sub/dir/file", "two");
	assert_int_equal(file_stat(root, "/etc/sub/dir/file", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_write_leaves_nothing_behind(void **state _unused_)
{
	int fd;

	write_text("file", "old");
	assert_int_equal(mkdirat(root, "taken", 0755), 0);
	write_text("taken/x", "");
	assert_int_equal(file_write_atomic(root, "taken", "new", 3, 0644), -EISDIR);
	assert_int_equal(file_write_atomic(root, "file/below", "new", 3, 0644), -ENOTDIR);
	assert_int_equal(file_write_atomic(root, "dir/", "new", 3, 0644), -EINVAL);
	assert_int_equal(file_write_atomic(root, "..", "new", 3, 0644), -EINVAL);
	assert_content("file", "old");
	/* No temporary name is left: only what was made above. */
	assert_int_equal(unlinkat(root, "file", 0), 0);
	assert_int_equal(unlinkat(root, "taken/x", 0), 0);
	assert_int_equal(unlinkat(root, "taken", AT_REMOVEDIR), 0);
	fd = openat(root, "..", O_DIRECTORY);
	assert_int_equal(unlinkat(fd, strrchr(dir, '/') + 1, AT_REMOVEDIR), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	close(fd);
}

static void test_stays_in_root(void **state _unused_)
{
	struct stat st;

	assert_int_equal(symlinkat("/etc/real", root, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../../etc/real", root, "upwards"), 0);
	write_text("etc/real", "inside");
	assert_content("/absolute", "inside");
	assert_content("/upwards", "inside");
	assert_content("/../../etc/real", "inside");
	/* The host's own. */
	assert_int_equal(file_stat(root, "/etc/passwd", &st), -ENOENT);
	assert_int_equal(symlinkat("/etc", root, "link"), 0);
	write_text("/link/through", "x");
	assert_content("etc/through", "x");
	assert_true(access("/etc/through", F_OK) < 0);
}

static void test_read_limits(void **state _unused_)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	write_text("f", "12345");
	assert_int_equal(file_read(root, "f", 4, &text, &len), -EFBIG);
	assert_null(text);
	assert_int_equal(file_read(root, "f", 5, &text, &len), 0);
	assert_int_equal(len, 5);
	assert_int_equal(file_read(root, "none", 5, &text, &len), -ENOENT);
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	free(TAKE_PTR(text));
	assert_int_equal(file_read(root, "fifo", 5, &text, &len), 0);
	assert_int_equal(len, 0);
}

static void test_read_large(void **state _unused_)
{
	size_t n = 3000000, len;
	_cleanup_free_ char *data = xmalloc(n + 1), *text = NULL;

	memset(data, 'x', n);
	data[n] = '\0';
	assert_int_equal(file_write_atomic(root, "large", data, n, 0644), 0);
	assert_int_equal(file_read(root, "large", n, &text, &len), 0);
	assert_int_equal(len, n);
	assert_memory_equal(text, data, n);
}

static void test_read_line(void **state _unused_)
{
	static const char *const cases[][2] = { { "", "" }, { "\n", "" }, { "abc", "abc" },
		{ "  abc\t\n", "abc" }, { "abc\ndef\n", "abc" }, { "\nabc", "" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *line = NULL;

		write_text("f", cases[i][0]);
		assert_int_equal(file_read_line(root, "f", &line), 0);
		assert_string_equal(line, cases[i][1]);
	}
}

static void test_proc(void **state _unused_)
{
	_cleanup_close_ int slash = open("/", O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL, *line = NULL;
	size_t len;

	assert_int_equal(file_read(slash, "/proc/self/status", 1 << 20, &text, &len), 0);
	assert_true(len > 100);
	assert_int_equal(file_read_line(slash, "/proc/sys/kernel/ostype", &line), 0);
	assert_string_equal(line, "Linux");
}

static void test_poke(void **state _unused_)
{
	write_text("knob", "a longer value\n");
	assert_int_equal(file_poke(root, "/knob", "1\n"), 0);
	assert_content("knob", "1\n");
	assert_int_equal(file_poke(root, "/none", "1"), -ENOENT);
}

static void test_remove(void **state _unused_)
{
	write_text("a/b", "");
	assert_int_equal(file_remove(root, "a/b"), 0);
	assert_false(file_exists(root, "a/b"));
	assert_int_equal(file_remove(root, "a/b"), 0);
	assert_int_equal(file_remove(root, "none/b"), 0);
	assert_int_equal(file_remove(root, "a"), -EISDIR);
}

static void test_mkdirs(void **state _unused_)
{
	struct stat st;

	assert_int_equal(file_mkdirs(root, "/run/kvmhost/guests", 0700), 0);
	assert_int_equal(file_mkdirs(root, "/run/kvmhost/guests/", 0755), 0);
	assert_int_equal(file_stat(root, "/run/kvmhost/guests", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	write_text("file", "");
	assert_int_equal(file_mkdirs(root, "file", 0755), -ENOTDIR);
	assert_int_equal(file_mkdirs(root, "file/x", 0755), -ENOTDIR);
	assert_int_equal(file_mkdirs(root, "/", 0755), 0);
	assert_int_equal(symlinkat("nowhere", root, "dangling"), 0);
	assert_true(file_mkdirs(root, "dangling/x", 0755) < 0);
}

static void test_list(void **state _unused_)
{
	_cleanup_free_ char **names = NULL;
	size_t n;

	write_text("d/b", "");
	write_text("d/a", "");
	write_text("d/.hidden", "");
	write_text("d/B", "");
	assert_int_equal(file_list(root, "d", &names, &n), 0);
	assert_int_equal(n, 3);
	assert_string_equal(names[0], "B");
	assert_string_equal(names[1], "a");
	assert_string_equal(names[2], "b");
	assert_null(names[3]);
	free(TAKE_PTR(names));
	assert_int_equal(file_list(root, "none", &names, &n), -ENOENT);
	assert_int_equal(file_list(root, "d/a", &names, &n), -ENOTDIR);
	assert_int_equal(file_mkdirs(root, "empty", 0755), 0);
	assert_int_equal(file_list(root, "empty", &names, &n), 0);
	assert_int_equal(n, 0);
	assert_null(names[0]);
}

/* A file of others: who may do what with it, and what else they noted on it. */
static void test_edit_keeps_attributes(void **state _unused_)
{
	/* Version 2; user::rw-, user:7:r--, group::---, mask::r--, other::---, as the kernel has
	 * it. */
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, may;
			uint32_t id;
		} entry[5];
	} acl = { 2, { { 1, 6, UINT32_MAX }, { 2, 4, 7 }, { 4, 0, UINT32_MAX },
			     { 16, 4, UINT32_MAX }, { 32, 0, UINT32_MAX } } };
	_cleanup_close_ int fd = -1, after = -1;
	static const char label[] = "system_u:object_r:etc_t:s0";
	bool may_note, may_list, may_label, may_give = geteuid() == 0;
	char got[sizeof(acl)];
	struct stat st;

	write_text("etc/grub", "old");
	fd = file_open(root, "etc/grub", O_RDONLY, 0);
	may_note = fsetxattr(fd, "user.note", "theirs", 6, 0) == 0;
	may_list = fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl), 0) == 0;
	may_label = fsetxattr(fd, "security.selinux", label, sizeof(label), 0) == 0;
	if (may_give)
		assert_int_equal(fchown(fd, 1, 2), 0);
	assert_true(may_note || may_list || may_give); /* else nothing is tried here */
	assert_int_equal(file_edit_atomic(root, "etc/grub", "new", 3, 0600), 0);
	assert_content("etc/grub", "new");
	assert_int_equal(file_stat(root, "etc/grub", &st), 0);
	assert_int_equal(st.st_uid, may_give ? 1 : geteuid());
	assert_int_equal(st.st_gid, may_give ? 2 : getegid());
	assert_int_equal(st.st_mode & 07777, may_list ? 0640 : 0644);
	after = file_open(root, "etc/grub", O_RDONLY, 0);
	if (may_note)
		assert_int_equal(fgetxattr(after, "user.note", got, sizeof(got)), 6);
	if (may_label) {
		assert_int_equal(
			fgetxattr(after, "security.selinux", got, sizeof(got)), sizeof(label));
		assert_string_equal(got, label);
	}
	if (may_list) {
		assert_int_equal(
			fgetxattr(after, "system.posix_acl_access", got, sizeof(got)), sizeof(acl));
		assert_memory_equal(got, &acl, sizeof(acl));
	}
}

static void test_edit_follows_links(void **state _unused_)
{
	char target[16];

	write_text("usr/share/grub", "old");
	assert_int_equal(file_mkdirs(root, "etc/default", 0755), 0);
	assert_int_equal(symlinkat("../other", root, "etc/default/grub"), 0);
	assert_int_equal(symlinkat("/usr/share/grub", root, "etc/other"), 0);
	assert_int_equal(file_edit_atomic(root, "/etc/default/grub", "new", 3, 0600), 0);
	assert_content("usr/share/grub", "new");
	assert_int_equal(readlinkat(root, "etc/default/grub", target, sizeof(target)), 8);
	assert_int_equal(symlinkat("loop", root, "loop"), 0);
	assert_int_equal(file_edit_atomic(root, "loop", "new", 3, 0600), -ELOOP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_write_makes_directories),
		TEST(test_write_leaves_nothing_behind),
		TEST(test_stays_in_root),
		TEST(test_read_limits),
		TEST(test_read_large),
		TEST(test_read_line),
		TEST(test_proc),
		TEST(test_poke),
		TEST(test_remove),
		TEST(test_mkdirs),
		TEST(test_list),
		TEST(test_edit_keeps_attributes),
		TEST(test_edit_follows_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
