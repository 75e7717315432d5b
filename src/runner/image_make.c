/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"
#include "base/file.h"
#include "runner/image_chain.h"
#include "runner/qemu_img.h"
#include <assert.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

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

/* "./": a name with a colon is no protocol. */
static char *target(struct arena *a, const struct qemu_img *q)
{
	return q->name ? arena_printf(a, "./%s", q->name) : arena_strdup(a, QEMU_IMG_FILE);
}

static int create(struct arena *a, const struct qemu_img *q, struct error *e)
{
	const struct image *i = q->image;
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
	argv[n++] = target(a, q);
	argv[n++] = arena_printf(a, "%llu", (unsigned long long)i->size);
	argv[n] = NULL;
	return qemu_img_run(q, argv, e);
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
static int copy(struct arena *a, const struct qemu_img *q, struct error *e)
{
	const struct image *i = q->image;
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
	argv[n++] = target(a, q);
	argv[n] = NULL;
	return qemu_img_run(q, argv, e);
}

/* The image below is the document's: what the header names instead a guest may have written. */
static char *with_base(struct arena *a, const struct qemu_img *q)
{
	const struct image *i = q->image;
	json_t *o = json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:{s:s}}}", "driver",
		disk_format_names[i->format], "file", "driver", "file", "filename", target(a, q),
		"backing", "driver", disk_format_names[i->base_format], "file", "filename",
		i->base);
	_cleanup_free_ char *text = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	return arena_printf(a, "json:%s", text);
}

static int resize(struct arena *a, const struct qemu_img *q, struct error *e)
{
	const struct image *i = q->image;
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
	argv[n++] = i->base ? with_base(a, q) : target(a, q);
	argv[n++] = arena_printf(a, "%llu", (unsigned long long)i->size);
	argv[n] = NULL;
	return qemu_img_run(q, argv, e);
}

/* A copy has its original's size; all of its data must have room. */
static int fit(struct arena *a, const struct qemu_img *q, struct error *e)
{
	const struct image *i = q->image;
	_cleanup_close_ int fd =
		q->file >= 0 ? fcntl(q->file, F_DUPFD_CLOEXEC, 3)
			     : openat(q->dir, q->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
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
		return resize(a, q, e);
	error_set(e, -EINVAL, "%s has %lluMiB, and the copy of it is to have %lluMiB%s", i->copy_of,
		mib, (unsigned long long)(i->size / MIB),
		size && size < i->size ? ", to which its format cannot be grown" : "");
	return error_cure(e, "write `size: %lluMiB`", mib);
}

/* NFS and others have no files without a name, or do not know RENAME_NOREPLACE. */
static int give_name(const struct qemu_img *q, int fd, const char *name)
{
	char from[40];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	if (q->file >= 0)
		return linkat(AT_FDCWD, from, q->dir, name, AT_SYMLINK_FOLLOW);
	if (renameat2(q->dir, q->name, q->dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL || linkat(q->dir, q->name, q->dir, name, 0) < 0)
		return -1;
	return unlinkat(q->dir, q->name, 0);
}

/* On disk before it has its name, and then the name. */
static int settle(const struct qemu_img *q, const char *name)
{
	_cleanup_close_ int opened =
		q->file < 0 ? openat(q->dir, q->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
	int fd = q->file < 0 ? opened : q->file;

	if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 || give_name(q, fd, name) < 0)
		return -errno;
	return fsync(q->dir) < 0 ? -errno : 0;
}

static bool is_link(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* Without a name, nothing is left of it when we are killed. */
static int begin(struct arena *a, struct qemu_img *q, const char *name)
{
	q->name = arena_printf(a, ".%.200s.kvmhost-new", name);
	/* What a crash left under this name is ours and not whole. One reconciler at a time. */
	if (unlinkat(q->dir, q->name, 0) < 0 && errno != ENOENT)
		return -errno;
	q->file = openat(q->dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (q->file >= 0)
		q->name = NULL;
	return 0;
}

static void close_file(struct qemu_img *q)
{
	if (q->file >= 0)
		close(q->file);
}

int image_make(int root, const struct image *i, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_close_ int dir = -1;
	_cleanup_(close_file) struct qemu_img q = { .image = i, .file = -1, .lock = -1 };
	const char *name = NULL;
	int r;

	q.dir = dir = open_directory(root, i->path, &name, e);
	if (dir < 0)
		return dir;
	assert(name);
	r = begin(a, &q, name);
	if (r < 0)
		return file_failure(e, r, "make", i->path);
	r = i->copy_of ? copy(a, &q, e) : create(a, &q, e);
	if (r >= 0 && i->copy_of)
		r = fit(a, &q, e);
	if (r >= 0) {
		r = settle(&q, name);
		if (r == -EEXIST && is_link(dir, name))
			error_set(e, r, "%s is a symbolic link to what is not there", i->path);
		else if (r < 0)
			error_set(e, r, "cannot make %s: %s", i->path, strerror(-r));
	}
	if (r < 0 && q.name)
		unlinkat(dir, q.name, 0);
	return r;
}

int image_grow(int root, const struct image *i, int lock, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_close_ int dir = -1;
	struct qemu_img q = { .image = i, .file = -1, .lock = lock };
	int r;

	q.dir = dir = open_directory(root, i->path, &q.name, e);
	if (dir < 0)
		return dir;
	r = check_header(dir, q.name, i->path, i->format, i->base, e);
	return r < 0 ? r : resize(a, &q, e);
}
