/* SPDX-License-Identifier: GPL-2.0-or-later */
/* docs/interop/qcow2.txt and qed_spec.txt, and block/vmdk.c, in QEMU's source. */
#include "runner/image_chain.h"
#include "config/obj.h"
#include "runner/image_holder.h"
#include "runner/state.h"
#include <endian.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { QCOW2_HEADER_V2 = 72, QCOW2_FEATURES_AT = 72, QCOW2_DATA_FILE = 4, QCOW2_LENGTH_AT = 100 };
enum { QED_FEATURES_AT = 16, QED_BELOW = 1 };
enum { VMDK_CAPACITY_AT = 12, VMDK_DESCRIPTOR_AT = 512, VMDK_DESCRIPTOR_SIZE = 20 * 512 };
#define EXTENSION_FORMAT UINT32_C(0xe2792aca)

static uint64_t big(int fd, uint64_t at, size_t size)
{
	uint64_t n = 0;

	if (pread(fd, (char *)&n + (8 - size), size, (off_t)at) != (ssize_t)size)
		return 0;
	return be64toh(n);
}

/* Extensions follow the header: a type, a length, data padded to eight bytes. */
static void read_format(int fd, uint64_t at, char *out, size_t room)
{
	for (int i = 0; i < 16; i++) {
		uint32_t type = (uint32_t)big(fd, at, 4), len = (uint32_t)big(fd, at + 4, 4);

		if (!type || len > 4096)
			return;
		if (type == EXTENSION_FORMAT && len < room) {
			if (pread(fd, out, len, (off_t)at + 8) == (ssize_t)len)
				out[len] = '\0';
			return;
		}
		at += 8 + ((len + 7) & ~UINT32_C(7));
	}
}

void image_below(int fd, enum disk_format format, struct image_below *out)
{
	char magic[4] = "";
	uint64_t at, len, version;

	*out = (struct image_below){ 0 };
	if (format != DISK_QCOW2 || pread(fd, magic, 4, 0) != 4 || memcmp(magic, "QFI\xfb", 4) != 0)
		return;
	version = big(fd, 4, 4);
	at = big(fd, 8, 8);
	len = big(fd, 16, 4);
	if (!at || !len || len >= sizeof(out->name) ||
		pread(fd, out->name, len, (off_t)at) != (ssize_t)len) {
		out->name[0] = '\0';
		return;
	}
	out->name[len] = '\0';
	read_format(fd, version >= 3 ? big(fd, QCOW2_LENGTH_AT, 4) : QCOW2_HEADER_V2, out->format,
		sizeof(out->format));
}

static bool is_format(const char *name, enum disk_format *out)
{
	for (int i = 0; disk_format_names[i]; i++)
		if (streq(disk_format_names[i], name)) {
			*out = (enum disk_format)i;
			return true;
		}
	return false;
}

/* By the lock that QEMU has on what it writes to (RAW_PERM_LOCK_BASE in block/file-posix.c). */
static int check_not_written(const char *path, int fd, const struct stat *st, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct image_holder by;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1 };

	if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	if (!image_holder_find(AT_FDCWD, a, "", st, &by)) {
		error_set(e, -EBUSY, "another program writes to the base image %s", path);
		return error_cure(e, "see which: fuser -v %s", path);
	}
	error_set(e, -EBUSY, "the guest %s writes to the base image %s", by.guest, path);
	return error_cure(e, "an image that others are made on must stay as it is: give the guest "
			     "one of its own");
}

static int open_layer(const char *path, struct image_layer *l, struct error *e)
{
	struct stat st;

	l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (l->fd < 0 || fstat(l->fd, &st) < 0)
		return error_set(
			e, -errno, "cannot open the base image %s: %s", path, strerror(errno));
	l->block = S_ISBLK(st.st_mode);
	return check_not_written(path, l->fd, &st, e);
}

/* By a descriptor, which lists files with the data, or has a parent. */
static bool vmdk_names_another(int fd)
{
	char head[VMDK_CAPACITY_AT + 8], descriptor[VMDK_DESCRIPTOR_SIZE];
	static const char none[8];
	ssize_t got = pread(fd, descriptor, sizeof(descriptor), VMDK_DESCRIPTOR_AT);

	return pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, "KDMV", 4) != 0 ||
	       memcmp(head + VMDK_CAPACITY_AT, none, sizeof(none)) == 0 || got < 0 ||
	       memmem(descriptor, (size_t)got, "parentFileNameHint", 18);
}

/* qcow2 with an external data file, which QEMU writes to; QED with an image below. */
static bool names_another(int fd, enum disk_format format)
{
	uint64_t features;

	if (format == DISK_VMDK)
		return vmdk_names_another(fd);
	if (format == DISK_QED)
		return pread(fd, &features, 8, QED_FEATURES_AT) == 8 &&
		       le64toh(features) & QED_BELOW;
	return format == DISK_QCOW2 && big(fd, 4, 4) >= 3 &&
	       big(fd, QCOW2_FEATURES_AT, 8) & QCOW2_DATA_FILE;
}

/* Relative names are relative to the image that has them. */
static bool resolve(const char *name, const char *above, char out[static PATH_MAX])
{
	const char *slash = strrchr(above, '/');
	int dir = slash ? (int)(slash - above) : 0;
	int n = *name == '/' ? snprintf(out, PATH_MAX, "%s", name)
			     : snprintf(out, PATH_MAX, "%.*s/%s", dir, above, name);

	return n < PATH_MAX;
}

/* Without what means nothing in an absolute path, and without looking: links stay. */
static void shorten(char *path)
{
	char *out = path;

	for (const char *p = path, *end; *p; p = end) {
		p += strspn(p, "/");
		end = p + strcspn(p, "/");
		if (end == p || (end - p == 1 && *p == '.'))
			continue;
		if (end - p == 2 && p[0] == '.' && p[1] == '.') {
			while (out > path && *--out != '/')
				;
			continue;
		}
		*out++ = '/';
		memmove(out, p, (size_t)(end - p));
		out += end - p;
	}
	*out = '\0';
}

/*
 * On another image than the one that it was made on it would be a mixture of both. The name is not
 * looked at: a guest may have written it.
 */
static int check_base(const char *path, const char *below, const char *base, struct error *e)
{
	char is[PATH_MAX], wanted[PATH_MAX], name[PATH_MAX];

	if (!resolve(below, path, is) || !resolve(base, path, wanted))
		return error_set(
			e, -ENAMETOOLONG, "the path of the image below %s is too long", path);
	shorten(is);
	shorten(wanted);
	if (streq(is, wanted))
		return 0;
	plain_text(name, sizeof(name), is, strlen(is));
	error_set(e, -EINVAL, "the image %s is made on %s, and `base` says %s", path, name, base);
	return error_cure(e,
		"write `base: %s`, if the guest may read that; only where the same image has "
		"another place now, and with the guest "
		"stopped: qemu-img rebase -u -f qcow2 -F FORMAT -b %s %s",
		name, base, path);
}

int image_header_check(
	int fd, const char *path, enum disk_format format, const char *base, struct error *e)
{
	struct image_below below;
	char name[sizeof(below.name)];

	if (names_another(fd, format)) {
		error_set(e, -EPERM,
			"the image %s has its data in another file, which its header names", path);
		return error_cure(e,
			"if its guest is trusted, make it one: qemu-img convert -O qcow2 %s "
			"NEW.qcow2",
			path);
	}
	image_below(fd, format, &below);
	if (*below.name && !base) {
		plain_text(name, sizeof(name), below.name, strlen(below.name));
		error_set(e, -EPERM, "the image %s is made on %s, which the document does not name",
			path, name);
		return error_cure(e, "write `base: %s`, if the guest may read that", name);
	}
	if (!*below.name && base) {
		error_set(e, -EINVAL, "the image %s is made on no other one", path);
		return error_cure(e, "remove `base`");
	}
	return base ? check_base(path, below.name, base, e) : 0;
}

static int open_below(const char *path, size_t depth, struct image_layer *layers, struct error *e)
{
	struct image_below below;
	char next[PATH_MAX];
	int r = open_layer(path, &layers[depth], e);

	if (r < 0)
		return r;
	image_below(layers[depth].fd, layers[depth].format, &below);
	if (!*below.name)
		return 0;
	if (depth + 1 == IMAGE_LAYERS || !resolve(below.name, path, next))
		return error_set(e, -E2BIG, "more than %d images are below each other, down to %s",
			IMAGE_LAYERS, path);
	if (!is_format(below.format, &layers[depth + 1].format)) {
		error_set(e, -EINVAL, "the base image %s does not say of which format %s is", path,
			below.name);
		return error_cure(e, "qemu-img rebase -u -b %s -F FORMAT %s", below.name, path);
	}
	return open_below(next, depth + 1, layers, e);
}

int image_chain_open(const struct guest_disk *d, int top,
	struct image_layer layers[static IMAGE_LAYERS], struct error *e)
{
	int r = image_header_check(top, d->path, disk_format(d), d->base, e);

	if (r < 0 || !d->base)
		return r;
	layers[0].format = (enum disk_format)d->base_format;
	return open_below(d->base, 0, layers, e);
}

void image_chain_look(const struct guest_disk *d, struct image_layer layers[static IMAGE_LAYERS])
{
	struct image_below below;
	struct stat st;

	layers[0].format = (enum disk_format)d->base_format;
	for (size_t i = 0; i < IMAGE_LAYERS && layers[i].fd >= 0; i++) {
		layers[i].block = fstat(layers[i].fd, &st) == 0 && S_ISBLK(st.st_mode);
		image_below(layers[i].fd, layers[i].format, &below);
		if (i + 1 < IMAGE_LAYERS)
			is_format(below.format, &layers[i + 1].format);
	}
}
