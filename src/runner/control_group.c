/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/control_group.h"
#include "base/arena.h"
#include "base/file.h"

enum { TEXT_MAX = 1 << 16 };

static char *groups_of(int root, pid_t pid)
{
	_cleanup_free_ char *path = xprintf("/proc/%d/cgroup", (int)pid);
	char *text = NULL;

	return file_read(root, path, TEXT_MAX, &text, NULL) < 0 ? NULL : text;
}

bool control_group_same(int root, pid_t a, pid_t b)
{
	_cleanup_free_ char *x = groups_of(root, a), *y = groups_of(root, b);

	return x && y && *x && streq(x, y);
}
