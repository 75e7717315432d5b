/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/node_holder.h"
#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static bool holds(struct host *h, const char *pid, dev_t node)
{
	_cleanup_free_ char *path = xprintf("/proc/%s/fd", pid);
	_cleanup_close_ int dir = file_open(h->root, path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_free_ char **names = NULL;
	size_t n = 0;

	if (dir < 0 || file_list(dir, ".", &names, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct statx st;

		/* Whatever file it is: a server of NFS that is silent is not asked. */
		if (statx(dir, names[i], AT_STATX_DONT_SYNC, STATX_TYPE, &st) >= 0 &&
			S_ISCHR(st.stx_mode) &&
			makedev(st.stx_rdev_major, st.stx_rdev_minor) == node)
			return true;
	}
	return false;
}

bool node_held(struct host *h, dev_t node)
{
	_cleanup_free_ char **pids = NULL;
	size_t n = 0;

	if (file_list(h->root, "/proc", &pids, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (isdigit((unsigned char)*pids[i]) && holds(h, pids[i], node))
			return true;
	return false;
}
