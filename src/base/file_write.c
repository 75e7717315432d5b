/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that survive a power loss at any instant: data reaches the disk
 * before the name does, and the directory is synced after the name changed.
 */
#include "base/file.h"
#include "base/arena.h"
#include <dirent.h>
#include <fcntl.h>

static int sync_fd(int fd)
{
	while (fsync(fd) < 0) {
		if (errno == EINVAL || errno == EROFS) /* nothing there that could be synced */
			return 0;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int open_dir(int root, const char *path)
{
	return file_open(root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
}

/* Splits a/b/c into a/b and c; a trailing slash is an error. Both are the caller's to free. */
static int split_path(const char *path, char **dir, char **base)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	if (*name == '\0' || streq(name, ".") || streq(name, ".."))
		return -EINVAL;
	*base = xstrdup(name);
	*dir = slash ? xprintf("%.*s/", (int)(slash - path), path) : xstrdup(".");
	return 0;
}

/* One directory whose parent exists, made and synced in the parent. */
static int make_dir(int root, const char *path, mode_t mode)
{
	_cleanup_free_ char *dir = NULL, *base = NULL;
	_cleanup_close_ int parent = -1;
	int r;

	r = split_path(path, &dir, &base);
	if (r < 0)
		return 0; /* "." and "..": judged when the whole path is opened */
	parent = open_dir(root, dir);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, base, mode & 07777) < 0)
		return errno == EEXIST ? 0 : -errno;
	/* mkdir obeyed the umask; the caller's word is exact. */
	if (fchmodat(parent, base, mode & 07777, 0) < 0)
		return -errno;
	return sync_fd(parent);
}

int file_mkdirs(int root, const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = xstrdup(path);
	size_t n = strlen(copy);
	char *p;
	int r, fd;

	fd = open_dir(root, path);
	if (fd >= 0)
		close(fd);
	if (fd != -ENOENT)
		return MIN_OF(fd, 0);
	if (*path == '\0')
		return fd;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	for (p = copy + 1; (p = strchr(p, '/')); p++) {
		if (p[-1] == '/')
			continue;
		*p = '\0';
		r = make_dir(root, copy, 0755);
		*p = '/';
		if (r < 0)
			return r;
	}
	r = make_dir(root, copy, mode);
	if (r < 0)
		return r;
	fd = open_dir(root, path);
	if (fd >= 0)
		close(fd);
	return MIN_OF(fd, 0);
}

/*
 * The name a new file has until it takes the old one's place. Always the same
 * for one file, so that what a killed writer left is taken away by the next
 * write or removal.
 */
static char *temporary_name(const char *base)
{
	return xprintf(".%s.kvmhost-new", base);
}

/* A file without a name where the file system can have one: it goes with a killed process. */
static int open_temporary(int dir, const char *name, mode_t mode, bool *named)
{
	int fd = openat(dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	*named = fd < 0;
	if (fd < 0) {
		unlinkat(dir, name, 0);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	}
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode & 07777) < 0) {
		int r = -errno;

		close(fd);
		if (*named)
			unlinkat(dir, name, 0);
		return r;
	}
	return fd;
}

/* rename(2) needs a name, if only for an instant. */
static int give_name(int fd, int dir, const char *name)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	unlinkat(dir, name, 0);
	return linkat(AT_FDCWD, link, dir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

static int write_and_sync(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t w = write(fd, data, len);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		data += w;
		len -= (size_t)w;
	}
	return sync_fd(fd);
}

int file_write_like(int root, const char *path, const char *data, size_t len, mode_t mode, int like)
{
	_cleanup_free_ char *dir = NULL, *base = NULL, *temporary = NULL;
	_cleanup_close_ int dirfd = -1, fd = -1;
	bool named;
	int r;

	r = split_path(path, &dir, &base);
	if (r < 0)
		return r;
	r = file_mkdirs(root, dir, 0755);
	if (r < 0)
		return r;
	dirfd = open_dir(root, dir);
	if (dirfd < 0)
		return dirfd;
	temporary = temporary_name(base);
	fd = open_temporary(dirfd, temporary, mode, &named);
	if (fd < 0)
		return fd;
	r = like < 0 ? 0 : file_copy_attributes(like, fd);
	if (r == 0)
		r = write_and_sync(fd, data, len);
	if (r == 0 && !named)
		r = give_name(fd, dirfd, temporary);
	if (r == 0 && renameat(dirfd, temporary, dirfd, base) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temporary, 0);
		return r;
	}
	return sync_fd(dirfd);
}

int file_write_atomic(int root, const char *path, const char *data, size_t len, mode_t mode)
{
	return file_write_like(root, path, data, len, mode, -1);
}

int file_failure(struct error *e, int code, const char *verb, const char *path)
{
	error_set(e, code, "cannot %s %s: %s", verb, path, strerror(-code));
	if (code == -EACCES || code == -EPERM)
		error_cure(e, "run it as root: sudo kvmhostctl ...");
	else if (code == -EROFS && startswith(path, "/usr/"))
		error_cure(e, "name a place outside of /usr, where kvmhostd changes nothing");
	else if (code == -EROFS)
		error_cure(e,
			"its file system is mounted read-only: mount -o remount,rw $(findmnt -no "
			"TARGET -T %s)",
			path);
	else if (code == -ENOSPC || code == -EDQUOT)
		error_cure(e, "make room on its file system: df %s", path);
	return code;
}

int file_remove(int root, const char *path)
{
	_cleanup_free_ char *dir = NULL, *base = NULL, *temporary = NULL;
	_cleanup_close_ int dirfd = -1;
	int r;

	r = split_path(path, &dir, &base);
	if (r < 0)
		return r;
	dirfd = open_dir(root, dir);
	if (dirfd == -ENOENT)
		return 0;
	if (dirfd < 0)
		return dirfd;
	temporary = temporary_name(base);
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	if (unlinkat(dirfd, base, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_fd(dirfd);
}

void file_sweep(int root, const char *dir)
{
	int fd = open_dir(root, dir);
	struct dirent *d;
	DIR *list;

	if (fd < 0)
		return;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return;
	}
	while ((d = readdir(list)))
		if (d->d_name[0] == '.' && endswith(d->d_name, ".kvmhost-new"))
			unlinkat(dirfd(list), d->d_name, 0);
	closedir(list);
}
