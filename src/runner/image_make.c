/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "runner/image.h"
#include "runner/image_chain.h"
#include "runner/state.h"
#include <fcntl.h>
#include <jansson.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <assert.h>

enum { PROGRESS_MS = 500 };

static const char QEMU_IMG[] = "/usr/bin/qemu-img";

static int missing_program(struct error *e)
{
	error_set(e, -ENOPKG, "qemu-img, which makes disk images, is not installed");
	return error_cure(e, "apt install qemu-utils, or dnf install qemu-img");
}

static _Noreturn void child(char *const argv[], int dir, int output)
{
	static char *const environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
		NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(0077);
	if (fchdir(dir) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(output, 2) < 0 ||
		close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(127);
	execve(QEMU_IMG, argv, environment);
	_exit(127);
}

/* Until it says something or ends: how much of its space the image has. */
static void watch(const struct image *i, int dir, const char *name, int output)
{
	struct pollfd p = { output, POLLIN, 0 };

	while (i->progress && i->size && poll(&p, 1, PROGRESS_MS) == 0) {
		struct stat st;

		if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			i->progress(i->progress_arg,
				(unsigned)MIN_OF((uint64_t)st.st_blocks * 512 / (i->size / 100 + 1),
					(uint64_t)99));
	}
}

/* The first line of what it said. */
static void read_words(int fd, char *out, size_t room)
{
	char text[1024], rest[1024];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) != 0)
		if (got > 0)
			n += (size_t)got;
		else if (errno != EINTR)
			break;
	while ((got = read(fd, rest, sizeof(rest))) > 0 || (got < 0 && errno == EINTR))
		;
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n')
			n = i;
	plain_text(out, room, text, n);
}

/* Runs qemu-img in the image's directory; name: of the image there. */
static int qemu_img(
	char *const argv[], const struct image *i, int dir, const char *name, struct error *e)
{
	_cleanup_close_ int ours = -1;
	char words[400];
	int v[2], status = 0;
	const char *text;
	pid_t pid;

	if (access(QEMU_IMG, X_OK) < 0)
		return missing_program(e);
	if (pipe2(v, O_CLOEXEC) < 0)
		return error_set(e, -errno, "cannot make a pipe: %s", strerror(errno));
	ours = v[0];
	pid = fork();
	if (pid == 0)
		child(argv, dir, v[1]);
	close(v[1]);
	if (pid < 0)
		return error_set(e, -errno, "cannot start qemu-img: %s", strerror(errno));
	watch(i, dir, name, ours);
	read_words(ours, words, sizeof(words));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	text = startswith(words, "qemu-img: ");
	if (WIFSIGNALED(status))
		return error_set(e, -EIO, "qemu-img was killed by signal %d", WTERMSIG(status));
	return error_set(e, -EIO, "qemu-img: %s",
		text     ? text
		: *words ? words
			 : "failed without a word");
}

/* The directory, and in *name where in the path the file's name begins. */
static int open_directory(int root, const char *path, const char **name, struct error *e)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int r;

	if (!slash) {
		error_set(e, -EINVAL, "%s is no absolute path", path);
		return -EINVAL;
	}
	*name = path + (slash - dir) + 1;
	slash[slash == dir] = '\0';
	r = streq(dir, IMAGES_DIR) ? file_mkdirs(root, dir, 0711) : 0;
	if (r >= 0)
		r = file_open(root, dir, O_RDONLY | O_DIRECTORY, 0);
	return r < 0 ? error_set(e, r, "cannot open the directory %s: %s", dir, strerror(-r)) : r;
}

static int create(
	struct arena *a, const struct image *i, const char *name, int dir, struct error *e)
{
	const char *options = i->format == DISK_VPC ? "force_size=on"
			      : i->preallocation
				      ? arena_printf(a, "preallocation=%s",
						disk_preallocation_names[i->preallocation])
				      : NULL;
	char *argv[16];
	size_t n = 0;

	argv[n++] = "qemu-img";
	argv[n++] = "create";
	argv[n++] = "-q";
	argv[n++] = "-f";
	argv[n++] = arena_strdup(a, disk_format_names[i->format]);
	if (options) {
		argv[n++] = "-o";
		argv[n++] = arena_strdup(a, options);
	}
	if (i->base) {
		argv[n++] = "-F";
		argv[n++] = arena_strdup(a, disk_format_names[i->base_format]);
		argv[n++] = "-b";
		argv[n++] = arena_strdup(a, i->base);
	}
	/* "./": a name with a colon is no protocol. */
	argv[n++] = arena_printf(a, "./%s", name);
	argv[n++] = arena_printf(a, "%llu", (unsigned long long)i->size);
	argv[n] = NULL;
	return qemu_img(argv, i, dir, name, e);
}

static int check_header(int dir, const char *name, const char *path, enum disk_format format,
	const char *base, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
	return image_header_check(fd, path, format, base, e);
}

/* A guest may have had the original for its disk. */
static int copy(struct arena *a, const struct image *i, const char *name, int dir, struct error *e)
{
	char *argv[16];
	size_t n = 0;
	int r = check_header(AT_FDCWD, i->copy_of, i->copy_of, i->base_format, NULL, e);

	if (r < 0)
		return error_cure(e,
			"where that is trusted, make it one first: qemu-img convert -O qcow2 %s "
			"NEW.qcow2",
			i->copy_of);

	argv[n++] = "qemu-img";
	argv[n++] = "convert";
	argv[n++] = "-q";
	argv[n++] = "-f";
	argv[n++] = arena_strdup(a, disk_format_names[i->base_format]);
	argv[n++] = "-O";
	argv[n++] = arena_strdup(a, disk_format_names[i->format]);
	if (i->preallocation) {
		argv[n++] = "-o";
		argv[n++] = arena_printf(
			a, "preallocation=%s", disk_preallocation_names[i->preallocation]);
	}
	argv[n++] = arena_strdup(a, i->copy_of);
	argv[n++] = arena_printf(a, "./%s", name);
	argv[n] = NULL;
	return qemu_img(argv, i, dir, name, e);
}

/* The image below is the document's: what the header names instead a guest may have written. */
static char *with_base(struct arena *a, const struct image *i, const char *name)
{
	json_t *o = json_pack("{s:s, s:{s:s, s:s+}, s:{s:s, s:{s:s}}}", "driver",
		disk_format_names[i->format], "file", "driver", "file", "filename", "./", name,
		"backing", "driver", disk_format_names[i->base_format], "file", "filename",
		i->base);
	_cleanup_free_ char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return arena_printf(a, "json:%s", text);
}

static int resize(
	struct arena *a, const struct image *i, const char *name, int dir, struct error *e)
{
	char *argv[9];
	size_t n = 0;

	argv[n++] = "qemu-img";
	argv[n++] = "resize";
	argv[n++] = "-q";
	if (!i->base) {
		argv[n++] = "-f";
		argv[n++] = arena_strdup(a, disk_format_names[i->format]);
	}
	argv[n++] =
		arena_printf(a, "--preallocation=%s", disk_preallocation_names[i->preallocation]);
	argv[n++] = i->base ? with_base(a, i, name) : arena_printf(a, "./%s", name);
	argv[n++] = arena_printf(a, "%llu", (unsigned long long)i->size);
	argv[n] = NULL;
	return qemu_img(argv, i, dir, name, e);
}

/* A copy has its original's size; all of its data must have room. */
static int fit(struct arena *a, const struct image *i, const char *name, int dir, struct error *e)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unsigned long long mib;
	uint64_t size;

	if (fd < 0)
		return error_set(
			e, -errno, "cannot open the copy of %s: %s", i->copy_of, strerror(errno));
	size = image_size(fd, i->format);
	mib = (size + MIB - 1) / MIB;
	if (size == i->size)
		return 0;
	if (size && size < i->size && image_can_grow(i->format))
		return resize(a, i, name, dir, e);
	error_set(e, -EINVAL, "%s has %lluMiB, and the copy of it is to have %lluMiB%s", i->copy_of,
		mib, (unsigned long long)(i->size / MIB),
		size && size < i->size ? ", to which its format cannot be grown" : "");
	return error_cure(e, "write `size: %lluMiB`", mib);
}

/* On disk before it has its name, and then the name. */
static int settle(int dir, const char *temporary, const char *name)
{
	_cleanup_close_ int fd = openat(dir, temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0)
		return -errno;
	if (renameat2(dir, temporary, dir, name, RENAME_NOREPLACE) < 0) {
		/* NFS and others do not know the flag. */
		if (errno != EINVAL || linkat(dir, temporary, dir, name, 0) < 0)
			return -errno;
		unlinkat(dir, temporary, 0);
	}
	return fsync(dir) < 0 ? -errno : 0;
}

int image_make(int root, const struct image *i, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_close_ int dir = -1;
	const char *name = NULL, *temporary;
	int r;

	dir = open_directory(root, i->path, &name, e);
	if (dir < 0)
		return dir;
	assert(name);
	/* What a crash left under this name is ours and not whole. One reconciler at a time. */
	temporary = arena_printf(a, ".%.200s.kvmhost-new", name);
	if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
		return file_failure(e, -errno, "make", i->path);
	r = i->copy_of ? copy(a, i, temporary, dir, e) : create(a, i, temporary, dir, e);
	if (r >= 0 && i->copy_of)
		r = fit(a, i, temporary, dir, e);
	if (r >= 0) {
		r = settle(dir, temporary, name);
		if (r < 0)
			error_set(e, r, "cannot make %s: %s", i->path, strerror(-r));
	}
	if (r < 0)
		unlinkat(dir, temporary, 0);
	return r;
}

int image_grow(int root, const struct image *i, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_close_ int dir = -1;
	const char *name = NULL;
	int r;

	dir = open_directory(root, i->path, &name, e);
	if (dir < 0)
		return dir;
	r = check_header(dir, name, i->path, i->format, i->base, e);
	return r < 0 ? r : resize(a, i, name, dir, e);
}
