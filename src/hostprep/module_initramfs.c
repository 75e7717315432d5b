/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs has its own copy of modprobe.d and of some modules, and what
 * is loaded from there never sees the files of the root. So it is made anew
 * when it has a module whose lines have changed. Debian's tools, which Ubuntu
 * has too; elsewhere nothing is done.
 */
#include "reconcile/dropin.h"
#include "hostprep/boot.h"
#include "hostprep/module.h"
#include "base/tool.h"

#define LIST "/usr/bin/lsinitramfs"
#define UPDATE "/usr/sbin/update-initramfs"

/* Of the running kernel. */
static char *image(struct host *h)
{
	_cleanup_free_ char *release = NULL;

	if (file_read_line(h->root, "/proc/sys/kernel/osrelease", &release) < 0)
		return NULL;
	return xprintf("/boot/initrd.img-%s", release);
}

bool module_initramfs_known(struct host *h)
{
	_cleanup_free_ char *path = h->live ? image(h) : NULL;

	return path && file_exists(h->root, path) && file_exists(h->root, LIST) &&
	       file_exists(h->root, UPDATE);
}

/* .../igb.ko, .../igb.ko.xz: files have - where names have _. */
static bool lists(const char *paths, const char *module)
{
	const char *p;

	for (p = paths; (p = strchr(p, '/'));) {
		const char *m = module;

		for (p++; *m && (*p == *m || (*p == '-' && *m == '_')); p++)
			m++;
		if (!*m && startswith(p, ".ko") && strchr(".\n", p[3]))
			return true;
	}
	return false;
}

int module_initramfs(struct host *h, struct step *const *steps, size_t n, struct error *e)
{
	_cleanup_free_ char *path = NULL, *list = NULL, *said = NULL;
	_cleanup_free_ char *tool = host_shown(h, LIST), *update = host_shown(h, UPDATE);
	bool stale = false, inside = false;
	size_t i;
	int r;

	for (i = 0; i < n; i++)
		stale |= module_marked(h, steps[i], MODULE_STALE);
	if (!stale || !module_initramfs_known(h))
		return 0;
	path = image(h);
	r = tool_read((char *const[]){ tool, path, NULL }, h->lock, &list, e);
	for (i = 0; r == 0 && i < n; i++)
		inside |=
			module_marked(h, steps[i], MODULE_STALE) && lists(list, steps[i]->r->name);
	if (r == 0 && inside)
		r = tool_read(
			(char *const[]){ update, "-u", "-k", "all", NULL }, h->lock, &said, e);
	if (r == 0 && inside)
		boot_flush(h);
	for (i = 0; r == 0 && i < n; i++)
		module_mark(h, steps[i], MODULE_STALE, false);
	return r;
}
