/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "base/file.h"
#include "runner/guest_hugepages.h"
#include "../scratch.h"
#include <fcntl.h>

static char dir[] = "/tmp/kvmhost-hugepages-XXXXXX";
static int root;

static void put(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(root, path, text, strlen(text), 0644), 0);
}

static void put_node(int node, const char *file, const char *n)
{
	char path[128];

	snprintf(path, sizeof(path),
		"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/%s", node, file);
	put(path, n);
}

static int set_up(void **state _unused_)
{
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	put("/proc/meminfo",
		"MemTotal: 8000000 kB\nHugePages_Total:     200\nHugePages_Free:      150\n"
		"HugePages_Rsvd:       10\nHugepagesize:       2048 kB\n");
	put_node(0, "free_hugepages", "150\n");
	put_node(1, "free_hugepages", "0\n");
	put_node(1, "nr_hugepages", "1000\n");
	return 0;
}

static int tear_down(void **state _unused_)
{
	close(root);
	return scratch_remove(dir);
}

/* "" when there are enough. */
static const char *said(struct arena *a, const char *memory, const char *numa)
{
	_cleanup_error_ struct error e = { 0 };
	const struct guest *g =
		guest_from(a, arena_printf(a,
				      "cpu: {count: 2}\nmemory: {size: %s, hugepages: true}\n%s\n"
				      "kernel: {image: /k}\n",
				      memory, numa));

	return guest_hugepages_check(root, g, &e) < 0 ? arena_printf(a, "%s; %s", e.text, e.cure)
						      : "";
}

static void test_host(void **state _unused_)
{
	_cleanup_arena_ struct arena *a = arena_new();

	assert_string_equal(said(a, "280MiB", ""), "");
	assert_string_equal(said(a, "282MiB", ""),
		"the guest's memory takes 141 hugepages of 2048 KiB, and the host has 140 free; "
		"set "
		"more aside: host: {memory: {hugepages: {2MiB: 201}}}");
	assert_string_equal(said(a, "255MiB", ""),
		"255 MiB are no whole number of hugepages of 2048 KiB; give the guest, and each of "
		"its NUMA nodes, a multiple of 2 MiB");
}

static void test_nodes(void **state _unused_)
{
	static const char lacks[] =
		"the guest's memory takes %s hugepages of 2048 KiB from NUMA node 1, which has %s "
		"free; set more aside there: host: {memory: {hugepages: {2MiB: {nodes: {1: %s}}}}}";
	_cleanup_arena_ struct arena *a = arena_new();

	assert_string_equal(said(a, "256MiB", "numa: [{host_node: 0}]"), "");
	assert_string_equal(said(a, "256MiB", "numa: [{}, {}]"), "");
	assert_string_equal(said(a, "256MiB", "numa: [{host_node: 1}]"),
		arena_printf(a, lacks, "128", "0", "1128"));
	assert_string_equal(said(a, "256MiB", "numa: [{host_node: 0}, {host_node: 1}]"),
		arena_printf(a, lacks, "64", "0", "1064"));
	put_node(1, "free_hugepages", "127\n");
	assert_string_equal(said(a, "256MiB", "numa: [{host_node: 1}, {}]"), "");
	assert_string_equal(said(a, "256MiB", "numa: [{host_node: 1}, {host_node: 1}]"),
		arena_printf(a, lacks, "128", "127", "1001"));
	assert_string_equal(said(a, "6MiB", "numa: [{}, {}]"),
		"3 MiB are no whole number of hugepages of 2048 KiB; give the guest, and each of "
		"its NUMA nodes, a multiple of 2 MiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_nodes),
	};

	return cmocka_run_group_tests_name("hugepages", tests, set_up, tear_down);
}
