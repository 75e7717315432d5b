/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/disk_place.h"
#include "reconcile/units.h"
#include "runner/image.h"
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

/* O_PATH without O_DIRECTORY: a look that mounts nothing. */
static bool is_trap(struct host *h, const char *path)
{
	_cleanup_close_ int fd = file_open(h->root, path, O_PATH, 0);
	struct statfs fs;

	return fd >= 0 && fstatfs(fd, &fs) >= 0 && fs.f_type == AUTOFS_SUPER_MAGIC;
}

static const char *trap(struct host *h, const char *path)
{
	for (const char *p = strchr(path + 1, '/'); h->early && p; p = strchr(p + 1, '/')) {
		const char *dir = arena_strndup(h->pass, path, (size_t)(p - path));

		if (is_trap(h, dir))
			return dir;
	}
	return NULL;
}

bool disk_place_waits(struct host *h, const char *path)
{
	return trap(h, path) != NULL;
}

const char *disk_place_unmounted(struct host *h, const char *path)
{
	const char *dir = trap(h, path);

	return dir || !h->live ? dir : units_unmounted(h, path);
}

int disk_place_look(struct host *h, const char *path, struct disk_place *out)
{
	const char *slash = strrchr(path, '/');
	_cleanup_close_ int fd = -1;
	struct statvfs fs;
	struct stat st;

	*out = (struct disk_place){ .dir = "/" };
	if (slash != path)
		out->dir = arena_strndup(h->pass, path, (size_t)(slash - path));
	if (disk_place_waits(h, path))
		return -EAGAIN;
	fd = file_open(h->root, out->dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && streq(out->dir, IMAGES_DIR))
		fd = file_open(h->root, "/var/lib", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	if (fstatvfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	out->free = (uint64_t)fs.f_bavail * fs.f_frsize;
	out->file_system = st.st_dev;
	return 0;
}

int disk_place_mount(struct host *h, const char *path, struct error *e)
{
	int r = h->live ? units_mount(h, path, e) : 0;

	if (r < 0)
		return error_prefix(e, "the file system that it is to be on: ");
	return file_exists(h->root, path);
}
