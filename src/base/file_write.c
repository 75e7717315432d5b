/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes that survive a power loss at any instant: data reaches the disk
 * before the name does, and the directory is synced after the name changed.
 */
#include "base/file.h"
#include "base/arena.h"
#include <fcntl.h>
#include <sys/random.h>

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
	if (fd >= 0 || fd != -ENOENT)
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

static int open_temporary(int dir, mode_t mode, char name[static 32])
{
	uint64_t random;
	int fd;

	do {
		if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
			return -errno;
		snprintf(name, 32, ".kvmhost-%016llx", (unsigned long long)random);
		fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && (errno == EEXIST || errno == EINTR));
	if (fd < 0)
		return -errno;
	if (fchmod(fd, mode & 07777) < 0) {
		int r = -errno;

		close(fd);
		unlinkat(dir, name, 0);
		return r;
	}
	return fd;
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

int file_write_atomic(int root, const char *path, const char *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *dir = NULL, *base = NULL;
	_cleanup_close_ int dirfd = -1, fd = -1;
	char temporary[32];
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
	fd = open_temporary(dirfd, mode, temporary);
	if (fd < 0)
		return fd;
	r = write_and_sync(fd, data, len);
	if (r == 0 && renameat(dirfd, temporary, dirfd, base) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temporary, 0);
		return r;
	}
	return sync_fd(dirfd);
}

int file_remove(int root, const char *path)
{
	_cleanup_free_ char *dir = NULL, *base = NULL;
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
	if (unlinkat(dirfd, base, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return sync_fd(dirfd);
}
