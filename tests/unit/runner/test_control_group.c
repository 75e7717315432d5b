/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"
#include "base/file.h"
#include "runner/control_group.h"
#include "../scratch.h"
#include <fcntl.h>

static const struct {
	pid_t pid;
	const char *groups;
} processes[] = {
	{ 10, "0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service\n" },
	{ 11, "0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service\n" },
	{ 12, "0::/user.slice/user-1000.slice/user@1000.service/app.slice/"
	      "kvmhost-guest@web1.service\n" },
	{ 13, "0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service/below\n" },
	{ 14, "0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service.d\n" },
	{ 15, "" },
	{ 16, "" },
};

static void test_only_the_same(void **state _unused_)
{
	char top[] = "/tmp/kvmhost-group-XXXXXX";
	_cleanup_close_ int root = -1;

	assert_non_null(mkdtemp(top));
	root = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(processes); i++) {
		_cleanup_free_ char *path = xprintf("/proc/%d/cgroup", (int)processes[i].pid);

		assert_int_equal(file_write_atomic(root, path, processes[i].groups,
					 strlen(processes[i].groups), 0644),
			0);
	}
	assert_true(control_group_same(root, 10, 11));
	assert_false(control_group_same(root, 10, 12));
	assert_false(control_group_same(root, 10, 13));
	assert_false(control_group_same(root, 10, 14));
	assert_false(control_group_same(root, 15, 16));
	assert_false(control_group_same(root, 10, 99));
	scratch_remove(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_only_the_same) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
