/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of others with another text. It takes the old one's place as a new
 * file, which is to be to everybody else what the old one was.
 */
#include "base/arena.h"
#include "base/file.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/limits.h>
#include <sys/xattr.h>

enum { LINKS_MAX = 40 }; /* as the kernel follows */

/* Who may do what with the file, its SELinux label, and notes of others. Not what is of the text:
 * security.ima and the like. */
static bool is_kept(const char *attribute)
{
	return streq(attribute, "system.posix_acl_access") ||
	       streq(attribute, "security.selinux") || startswith(attribute, "user.");
}

static int copy_attribute(int from, int to, const char *name)
{
	char value[XATTR_SIZE_MAX];
	ssize_t n = fgetxattr(from, name, value, sizeof(value));

	if (n < 0)
		return errno == ENODATA ? 0 : -errno;
	if (fsetxattr(to, name, value, (size_t)n, 0) == 0)
		return 0;
	/* In a container that may not: the policy has given the new file a label. */
	return startswith(name, "security.") ? 0 : -errno;
}

static int copy_attributes(int from, int to)
{
	char names[XATTR_LIST_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));
	int r = 0;

	if (n < 0)
		return errno == ENOTSUP ? 0 : -errno;
	for (const char *name = names; name < names + n && r == 0; name += strlen(name) + 1)
		if (is_kept(name))
			r = copy_attribute(from, to, name);
	return r;
}

int file_copy_attributes(int from, int to)
{
	struct stat old, new;

	if (fstat(from, &old) < 0 || fstat(to, &new) < 0)
		return -errno;
	if ((old.st_uid != new.st_uid || old.st_gid != new.st_gid) &&
		fchown(to, old.st_uid, old.st_gid) < 0)
		return -errno;
	if (fchmod(to, old.st_mode & 07777) < 0)
		return -errno;
	return copy_attributes(from, to);
}

/* Where a symbolic link at the path leads, itself not a link; else the path. */
static int follow(int root, const char *path, char **out)
{
	_cleanup_free_ char *at = xstrdup(path);

	for (int i = 0; i < LINKS_MAX; i++) {
		_cleanup_close_ int fd = file_open(root, at, O_PATH | O_NOFOLLOW, 0);
		char target[PATH_MAX];
		ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);
		const char *slash = strrchr(at, '/');
		char *next;

		if (n < 0) {
			*out = TAKE_PTR(at);
			return 0;
		}
		target[n] = '\0';
		next = xprintf(
			"%.*s%s", *target == '/' || !slash ? 0 : (int)(slash + 1 - at), at, target);
		free(at);
		at = next;
	}
	return -ELOOP;
}

int file_edit_atomic(int root, const char *path, const char *data, size_t len, mode_t mode)
{
	_cleanup_free_ char *file = NULL;
	_cleanup_close_ int old = -1;
	int r = follow(root, path, &file);

	if (r < 0)
		return r;
	old = file_open(root, file, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
	if (old < 0 && old != -ENOENT)
		return old;
	return file_write_like(root, file, data, len, mode, old);
}
