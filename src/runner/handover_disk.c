/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's disks are opened, and what stands in their way is said with the cure. */
#include "config/obj.h"
#include "runner/block_device.h"
#include "runner/handover.h"
#include "runner/image_holder.h"
#include <fcntl.h>
#include <sys/stat.h>

/* O_NONBLOCK: a path that turns out to be a FIFO must not hang the start. */
int handover_open_file(
	const char *what, const char *path, int mode, struct stat *st, int *fd, struct error *e)
{
	*fd = open(path, mode | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0 || fstat(*fd, st) < 0)
		return error_set(
			e, -errno, "cannot open the %s %s: %s", what, path, strerror(errno));
	fcntl(*fd, F_SETFL, fcntl(*fd, F_GETFL) & ~O_NONBLOCK);
	return 0;
}

/* Two names of one file: QEMU would say that somebody else has it. */
static int check_alone(const struct machine *m, size_t i, const struct stat *st, struct error *e)
{
	const struct list *disks = &m->spec->guest->disks;
	const struct guest_disk *d = &LIST_AT(disks, const struct guest_disk, i);

	for (size_t k = 0; k < i; k++) {
		const struct guest_disk *other = &LIST_AT(disks, const struct guest_disk, k);
		struct stat theirs;

		if ((disk_is_readonly(d) && disk_is_readonly(other)) ||
			fstat(m->disks[k].fd, &theirs) < 0 || theirs.st_dev != st->st_dev ||
			theirs.st_ino != st->st_ino)
			continue;
		error_set(e, -EBUSY, "%s and %s are the same file", other->path, d->path);
		return error_cure(e, "a guest can have it once: take one out of `disks`");
	}
	return 0;
}

static int held_by(const char *guest, const struct guest_disk *d, const struct image_holder *by,
	struct error *e)
{
	const char *as = streq(by->path, d->path) ? NULL : by->path;

	error_set(e, -EBUSY, "the guest %s runs with the image %s%s%s", by->guest, d->path,
		as ? ", which it has by the name " : "", as ? as : "");
	if (by->keeps)
		return error_cure(e, "give one of the two another one");
	return error_cure(e,
		"it lets go of it at its next start: kvmhostctl guest restart %s; kvmhostctl guest "
		"start %s",
		by->guest, guest);
}

/* QEMU says what it cannot lock, and nothing of what to do. Its locks: block/file-posix.c. */
static int check_unlocked(const char *guest, const struct guest_disk *d, int fd, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	struct image_holder by;
	struct stat st;
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 200
	};

	if (disk_is_readonly(d) || fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	if (fstat(fd, &st) >= 0 && image_holder_find(AT_FDCWD, a, guest, &st, &by))
		return held_by(guest, d, &by, e);
	error_set(e, -EBUSY, "the image %s is in use by another program", d->path);
	return error_cure(e, "see which: fuser -v %s", d->path);
}

static int missing_image(const struct guest_disk *d, struct error *e)
{
	if (d->device != DEVICE_DISK)
		return error_cure(e, "put it there, or take it out of the guest's `disks`");
	return error_cure(e,
		"write its `size`, and kvmhost makes it, or: qemu-img create -f %s %s 20G",
		disk_format_names[disk_format(d)], d->path);
}

/* The unit allows those devices alone that the document names. */
static int link_to_device(const struct guest_disk *d, int r, struct error *e)
{
	_cleanup_free_ char *to = realpath(d->path, NULL);

	if (!to || !startswith(to, "/dev/") || startswith(d->path, "/dev/"))
		return r;
	error_set(e, r, "%s leads to the block device %s", d->path, to);
	return error_cure(e, "write `path: %s`", to);
}

/* QEMU from 9.1 on takes a descriptor of a set only if it bypasses the page cache as it asks for.
 */
static int set_direct(const struct guest_disk *d, int fd, struct error *e)
{
	int flags = fcntl(fd, F_GETFL);

	if (!disk_is_direct(d) || (flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) >= 0))
		return 0;
	error_set(e, -errno, "%s cannot be read and written past the page cache: %s", d->path,
		strerror(errno));
	return error_cure(e, "write `cache: writeback`, or keep it on a file system that can");
}

int handover_open_disk(struct machine *m, size_t i, struct error *e)
{
	static const char *const what[] = { [DEVICE_DISK] = "disk",
		[DEVICE_CDROM] = "cdrom",
		[DEVICE_FLOPPY] = "floppy",
		[DEVICE_LUN] = "lun" };
	const struct guest_disk *d = &LIST_AT(&m->spec->guest->disks, const struct guest_disk, i);
	struct machine_disk *out = &m->disks[i];
	struct stat st = { 0 };
	int mode = disk_is_readonly(d) ? O_RDONLY : O_RDWR;
	int r;

	if (!d->path)
		return 0;
	r = handover_open_file(what[d->device], d->path, mode, &st, &out->fd, e);
	if (r == -ENOENT)
		return missing_image(d, e);
	if (r == -EPERM)
		return link_to_device(d, r, e);
	if (r == -EISDIR || S_ISDIR(st.st_mode)) {
		error_set(e, -EISDIR, "the %s %s is a directory", what[d->device], d->path);
		return error_cure(e, "name the file or block device itself");
	}
	if (r == -EROFS)
		return error_cure(e, "its file system is mounted read-only; mount it for writing, "
				     "or write `readonly: true`");
	if (r >= 0)
		r = check_alone(m, i, &st, e);
	if (r < 0)
		return r;
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return error_set(e, -EINVAL, "the %s %s is neither a file nor a block device",
			what[d->device], d->path);
	out->block = S_ISBLK(st.st_mode);
	r = S_ISBLK(st.st_mode) ? block_device_check(d, out->fd, e)
				: check_unlocked(m->spec->name, d, out->fd, e);
	if (r < 0)
		return r;
	r = image_chain_open(d, out->fd, out->layers, e);
	/* Last: what is read here is not aligned. */
	return r < 0 ? r : set_direct(d, out->fd, e);
}
