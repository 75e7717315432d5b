/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "base/arena.h"
#include <ctype.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

int file_open(int root, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777 : 0,
		.resolve = root == AT_FDCWD ? 0 : RESOLVE_IN_ROOT,
	};
	long fd;
	int i;

	/* EAGAIN: a rename elsewhere kept the kernel from proving that .. stays inside. */
	for (i = 0; i < 100; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd >= 0)
			return (int)fd;
		if (errno != EINTR && errno != EAGAIN)
			break;
	}
	return -errno;
}

int file_stat(int root, const char *path, struct stat *st)
{
	_cleanup_close_ int fd = file_open(root, path, O_PATH, 0);

	if (fd < 0)
		return fd;
	return fstat(fd, st) < 0 ? -errno : 0;
}

bool file_exists(int root, const char *path)
{
	_cleanup_close_ int fd = file_open(root, path, O_PATH, 0);

	return fd >= 0;
}

/* Reads until the end, until max bytes are there, or until the newline when asked for a line. */
static int read_some(int fd, size_t max, bool line, char **out, size_t *len)
{
	_cleanup_free_ char *buf = NULL;
	size_t n = 0, cap = 4096;
	size_t size = 0;
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = (size_t)st.st_size;
	if (size >= cap && !line)
		cap = size + 1;
	cap = MIN_OF(cap, max);
	buf = xmalloc(cap + 1);
	while (n < max) {
		ssize_t r;

		if (n == cap) {
			cap = cap > max / 2 ? max : cap * 2;
			buf = xrealloc(buf, cap + 1);
		}
		r = read(fd, buf + n, cap - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		n += (size_t)r;
		/* Where a file has a size, that is all of it. */
		if (n == size)
			break;
		if (line && memchr(buf + n - r, '\n', (size_t)r))
			break;
	}
	buf[n] = '\0';
	*len = n;
	*out = TAKE_PTR(buf);
	return 0;
}

int file_read_fd(int fd, size_t max, char **out, size_t *len)
{
	_cleanup_free_ char *buf = NULL;
	size_t n;
	int r;

	r = read_some(fd, max < SIZE_MAX / 2 ? max + 1 : max, false, &buf, &n);
	if (r < 0)
		return r;
	if (n > max)
		return -EFBIG;
	if (len)
		*len = n;
	*out = TAKE_PTR(buf);
	return 0;
}

/* O_NONBLOCK: a FIFO put where a file is expected must not stop us. */
static int open_to_read(int root, const char *path)
{
	return file_open(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
}

int file_read(int root, const char *path, size_t max, char **out, size_t *len)
{
	_cleanup_close_ int fd = open_to_read(root, path);

	return fd < 0 ? fd : file_read_fd(fd, max, out, len);
}

int file_read_start(int root, const char *path, size_t max, char **out)
{
	_cleanup_close_ int fd = open_to_read(root, path);
	size_t n;

	return fd < 0 ? fd : read_some(fd, max, false, out, &n);
}

int file_read_line(int root, const char *path, char **out)
{
	_cleanup_close_ int fd = open_to_read(root, path);
	_cleanup_free_ char *buf = NULL;
	char *begin, *end;
	size_t n;
	int r;

	if (fd < 0)
		return fd;
	r = read_some(fd, 1 << 20, true, &buf, &n);
	if (r < 0 || !buf)
		return r < 0 ? r : -EIO;
	buf[strcspn(buf, "\n")] = '\0';
	begin = buf;
	while (isspace((unsigned char)*begin))
		begin++;
	end = begin + strlen(begin);
	while (end > begin && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	memmove(buf, begin, (size_t)(end - begin) + 1);
	*out = TAKE_PTR(buf);
	return 0;
}

int file_poke(int root, const char *path, const char *text)
{
	_cleanup_close_ int fd = file_open(root, path, O_WRONLY | O_NOCTTY | O_TRUNC, 0);
	size_t n = strlen(text);
	ssize_t r;

	if (fd < 0)
		return fd;
	do
		r = write(fd, text, n);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}
