/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `disk`: the image of a guest's disk that has a `size`, or a block device
 * of the host that a guest has. Derived from the guest, which comes after it;
 * named by its path without the first slash, so that its id reads
 * disk/var/lib/kvmhost/images/web1.qcow2.
 *
 * An image is made, adopted as it is, and grown. It is never overwritten,
 * shrunk or deleted: released means forgotten. Of a device that is taken the
 * plan says what it carries; one that the host uses is refused.
 */
#include "reconcile/plan.h"
#include "runner/block_device.h"
#include "runner/disk_live.h"
#include "runner/disk_place.h"
#include "runner/disk_space.h"
#include "runner/signature.h"
#include "runner/image.h"
#include "runner/image_chain.h"
#include <fcntl.h>
#include <sys/stat.h>

struct disk {
	struct obj obj;
	uint64_t size;
	int format; /* enum disk_format */
	int preallocation; /* enum disk_preallocation */
	const char *base, *copy_of; /* NULL: none */
	int base_format; /* enum disk_format */
};

struct disk_seen {
	struct disk have;
	const char *signature; /* of a device that is not ours yet; NULL: none */
	const char *unmounted; /* the place of its file system: what is there is not known; NULL */
};

static const struct field rows[] = {
	FIELD_SIZE(struct disk, size, 0, 0, .doc = "What the guest sees."),
	FIELD_ENUM(struct disk, format, disk_format_names, .doc = "How it is kept."),
	FIELD_ENUM(struct disk, preallocation, disk_preallocation_names,
		.doc = "Space taken at once."),
	FIELD_STRING(struct disk, base, type_path, .doc = "The image that it is made on."),
	FIELD_STRING(struct disk, copy_of, type_path, .doc = "The image whose data it gets."),
	FIELD_ENUM(struct disk, base_format, disk_format_names, .doc = "How that is kept."),
};
static const struct table disk_kind_table = TABLE(struct disk, rows, .doc = "A disk image.");

static const char *path_of(struct host *h, const struct resource *r)
{
	return arena_printf(h->pass, "/%s", r->name);
}

static enum disk_preallocation preallocation_of(const struct disk *want)
{
	return (enum disk_preallocation)want->preallocation;
}

static int refuse_size(struct host *h, const char *path, const struct disk *want, uint64_t size,
	bool block, struct error *e)
{
	const char *is = disk_size_text(h, size), *wanted = disk_size_text(h, want->size);

	if (size > want->size) {
		error_set(e, -EINVAL, "%s has %s, and `size` says %s: kvmhost shrinks no disk",
			path, is, wanted);
		return error_cure(e, "write `size: %s`", is);
	}
	if (block)
		error_set(e, -EINVAL, "%s is a block device of %s, and `size` says %s", path, is,
			wanted);
	else
		error_set(e, -EINVAL,
			"%s has %s, `size` says %s, and qemu-img cannot grow the format %s", path,
			is, wanted, disk_format_names[want->format]);
	return error_cure(e,
		block ? "grow it by its own tools, and remove `size`"
		      : "write `size: %s`, or convert it: qemu-img convert -O qcow2",
		is);
}

/* A device of the host: what a guest writes later is not looked at. */
static int observe_device(
	struct host *h, const struct resource *r, int fd, void **have, struct error *e)
{
	struct disk_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	const char *path = path_of(h, r);
	struct stat st;
	int err = 0;

	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode)) {
		error_set(e, -ENOTBLK, "%s is no block device", path);
		return error_cure(
			e, "name one (lsblk lists them), or a file elsewhere than in /dev");
	}
	obj_init(seen, &disk_kind_table, NULL);
	if (!r->recorded)
		err = block_device_free(h->root, path, e);
	if (err >= 0 && !r->recorded)
		err = signature_read(h->pass, fd, &seen->signature, e);
	if (err >= 0)
		*have = seen;
	return err;
}

static int refuse_other(const char *path, const struct stat *st, struct error *e)
{
	error_set(e, -EINVAL, "%s is %s", path,
		S_ISDIR(st->st_mode) ? "a directory" : "neither a file nor a block device");
	return error_cure(e, "name the file or block device itself");
}

static int observe_image(struct host *h, const char *path, const struct disk *want, int fd,
	void **have, struct error *e)
{
	struct disk_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	struct disk *d = &seen->have;
	struct stat st;
	uint64_t size = image_size(fd, (enum disk_format)want->format);
	bool block = fstat(fd, &st) >= 0 && S_ISBLK(st.st_mode);

	obj_init(d, &disk_kind_table, NULL);
	if (fstat(fd, &st) >= 0 && !block && !S_ISREG(st.st_mode))
		return refuse_other(path, &st, e);
	if (want->base &&
		image_header_check(fd, path, (enum disk_format)want->format, want->base, e) < 0)
		return e->code;
	if (size && size != want->size &&
		(size > want->size || block || !image_can_grow((enum disk_format)want->format)))
		return refuse_size(h, path, want, size, block, e);
	if (size && size < want->size) {
		int r = disk_space_take(h, path, preallocation_of(want), want->size - size, e);

		if (r < 0)
			return r;
	}
	d->size = size;
	if (size)
		obj_mark_set(d, "size");
	*have = d;
	return 0;
}

/* What the image is to be made of. */
static int check_source(struct host *h, const struct disk *want, struct error *e)
{
	const char *source = want->base ? want->base : want->copy_of;

	if (!source || disk_place_waits(h, source) || file_exists(h->root, source) ||
		disk_place_unmounted(h, source))
		return 0;
	error_set(e, -ENODATA, "the image %s, which it is to be made %s, is not there", source,
		want->base ? "on" : "from");
	return error_cure(
		e, "put it there, or name another one as `%s`", want->base ? "base" : "copy_of");
}

/* Nobody sees it, or its place alone is not there yet. */
static int observe_missing(
	struct host *h, const char *path, const struct disk *want, void **have, struct error *e)
{
	const char *unmounted = disk_place_unmounted(h, path);
	struct disk_seen *seen;
	int r;

	if (unmounted) {
		seen = arena_alloc(h->pass, sizeof(*seen));
		obj_init(seen, &disk_kind_table, NULL);
		seen->unmounted = unmounted;
		*have = seen;
		return 0;
	}
	r = check_source(h, want, e);
	return r < 0 ? r : disk_space_take(h, path, preallocation_of(want), want->size, e);
}

static int observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	_cleanup_close_ int fd = -1;
	const char *path;

	/* Released: forgotten, whatever is there. */
	if (!r->want)
		return 0;
	path = path_of(h, r);
	if (disk_place_waits(h, path))
		return obj_has(r->want, "size") ? observe_missing(h, path, r->want, have, e) : 0;
	fd = file_open(h->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd == -ENOENT && !obj_has(r->want, "size"))
		return 0;
	if (fd >= 0)
		return obj_has(r->want, "size") ? observe_image(h, path, r->want, fd, have, e)
						: observe_device(h, r, fd, have, e);
	if (fd == -ENOENT)
		return observe_missing(h, path, r->want, have, e);
	error_set(e, fd, "cannot open %s: %s", path, strerror(-fd));
	return fd == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : fd;
}

/* Where its file system is to be mounted, and is not. */
static const char *unmounted(const struct step *s)
{
	const struct disk_seen *seen = s->have;

	return seen ? seen->unmounted : NULL;
}

/* Of an image that is there only the size can differ: the rest tells how one is made. */
static void diff(struct host *h, struct step *s)
{
	const struct disk *want = s->want, *have = s->have;

	if (unmounted(s))
		step_change(h, s, "size", "size", "not known", disk_size_text(h, want->size));
	else if (!have)
		s->n_changes = obj_diff(want, NULL, h->pass, &s->changes);
	else if (obj_has(want, "size") && have->size && have->size != want->size)
		step_change(h, s, "size", "size", disk_size_text(h, have->size),
			disk_size_text(h, want->size));
}

static bool in_use(struct host *h, const struct resource *r)
{
	return r->origin && disk_is_open(h, r->origin->name, path_of(h, r));
}

static void refine_device(struct host *h, struct step *s)
{
	const struct disk_seen *seen = s->have;

	if (!seen)
		s->wait = "the device to be there";
	else if (seen->signature)
		s->reason = arena_printf(h->pass,
			"it carries %s, which is the guest's to read and overwrite from now on",
			seen->signature);
}

static void refine(struct host *h, struct step *s)
{
	const struct disk *want = s->want, *have = s->have;
	const char *guest = s->r->origin ? s->r->origin->name : NULL;

	if (!s->want) {
		s->reason = "no longer in the document; the image stays";
		s->disruption = DISRUPT_NONE;
		return;
	}
	if (!obj_has(s->want, "size")) {
		refine_device(h, s);
		return;
	}
	if (unmounted(s)) {
		s->reason = arena_printf(h->pass,
			"%s is not mounted, so what is there is not known; apply mounts it, and "
			"makes the image where there is none",
			unmounted(s));
		return;
	}
	if (s->n_changes && !disk_space_at_once(preallocation_of(want)))
		s->reason = disk_space_short(
			h, path_of(h, s->r), want->size, want->size - (have ? have->size : 0));
	/* QEMU reserves nothing when it grows an image. */
	if (s->have && s->n_changes && disk_space_at_once(preallocation_of(want)) &&
		in_use(h, s->r))
		s->wait = arena_printf(h->pass,
			"the guest to be stopped: kvmhostctl guest stop %s; kvmhostctl apply; "
			"kvmhostctl guest start %s",
			guest, guest);
}

struct watched {
	struct host *h;
	const char *what;
};

static void told(void *arg, unsigned percent)
{
	const struct watched *w = arg;

	w->h->progress(w->h->progress_arg, w->what, percent);
}

static int grow(struct host *h, struct step *s, const struct image *i, struct error *e)
{
	if (in_use(h, s->r))
		return disk_grow_open(h, s->r->origin->name, i->path, i->size, e);
	return image_grow(h->root, i, h->lock, e);
}

static int make_new(struct host *h, const struct image *i, struct error *e)
{
	const char *source = i->base ? i->base : i->copy_of;
	int r = source ? disk_place_mount(h, source, e) : 0;

	return r < 0 ? r : image_make(h->root, i, e);
}

/* One that came with its file system is like any that is there: adopted, and grown. */
static int make(struct host *h, struct step *s, const struct image *i, struct error *e)
{
	int r = disk_place_mount(h, i->path, e);
	_cleanup_close_ int fd = -1;
	void *have = NULL;

	if (r <= 0)
		return r < 0 ? r : make_new(h, i, e);
	fd = file_open(h->root, i->path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return error_set(e, fd, "cannot open %s: %s", i->path, strerror(-fd));
	r = observe_image(h, i->path, s->want, fd, &have, e);
	if (r < 0 || !have || !obj_has(have, "size") ||
		((const struct disk *)have)->size == i->size)
		return r;
	return grow(h, s, i, e);
}

static int apply(struct host *h, struct step *s, struct error *e)
{
	const struct disk *want = s->want;
	struct watched watched = { h, s->r->id };
	struct image i;

	if (!want || (s->have && !s->n_changes))
		return 0;
	i = (struct image){
		.path = path_of(h, s->r),
		.format = (enum disk_format)want->format,
		.size = want->size,
		.preallocation = preallocation_of(want),
		.base = want->base,
		.copy_of = want->copy_of,
		.base_format = (enum disk_format)want->base_format,
		.progress = h->progress ? told : NULL,
		.progress_arg = &watched,
	};
	return s->have && !unmounted(s) ? grow(h, s, &i, e) : make(h, s, &i, e);
}

const struct kind disk_kind = {
	.name = "disk",
	.table = &disk_kind_table,
	.observe = observe,
	.diff = diff,
	.refine = refine,
	.apply = apply,
};
