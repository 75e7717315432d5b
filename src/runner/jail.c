/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/jail.h"
#include "base/file.h"
#include <fcntl.h>

/* Others make it at the same time: guests start side by side. */
static int make_link(int dir, const char *name)
{
	char to[16];

	snprintf(to, sizeof(to), "usr/%s", name);
	return symlinkat(to, dir, name) < 0 && errno != EEXIST ? -errno : 0;
}

int jail_make(struct error *e)
{
	static const char *const points[] = { "usr", "etc", "dev", "proc", "run", "tmp", "var" };
	static const char *const links[] = { "bin", "sbin", "lib", "lib32", "lib64" };
	_cleanup_close_ int dir = -1;
	int r = file_mkdirs(AT_FDCWD, JAIL_DIR, 0755);

	if (r >= 0)
		dir = open(JAIL_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r >= 0 && dir < 0)
		r = -errno;
	for (size_t i = 0; i < ARRAY_SIZE(points) && r >= 0; i++)
		if (mkdirat(dir, points[i], 0755) < 0 && errno != EEXIST)
			r = -errno;
	for (size_t i = 0; i < ARRAY_SIZE(links) && r >= 0; i++)
		r = make_link(dir, links[i]);
	return r < 0 ? error_set(e, r, "cannot make %s: %s", JAIL_DIR, strerror(-r)) : 0;
}
