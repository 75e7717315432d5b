/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether guests' disks find the room that they may come to take. */
#include "hostprep/doctor_guests.h"
#include <fcntl.h>
#include <sys/statvfs.h>

/* A file system that images lie in, and what they may come to take of it. */
struct store {
	dev_t device;
	const char *path; /* the first image's directory */
	uint64_t needs, available;
};

struct stores {
	struct doctor *d;
	struct store *v;
	size_t n;
};

/* The nearest directory that is there; -1: none. */
static int open_above(struct doctor *d, char *path)
{
	char *slash;
	int fd;

	while ((slash = strrchr(path, '/')) && slash > path) {
		*slash = '\0';
		fd = file_open(d->h->root, path, O_RDONLY | O_DIRECTORY, 0);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static struct store *store_of(struct stores *s, const char *path)
{
	char *dir = arena_strdup(s->d->arena, path);
	_cleanup_close_ int fd = open_above(s->d, dir);
	struct statvfs fs;
	struct stat st;
	size_t i;

	if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &fs) < 0)
		return NULL;
	for (i = 0; i < s->n; i++)
		if (s->v[i].device == st.st_dev)
			return &s->v[i];
	*ARENA_PUSH(s->d->arena, s->v, s->n) = (struct store){
		.device = st.st_dev, .path = dir, .available = (uint64_t)fs.f_bavail * fs.f_frsize
	};
	return &s->v[s->n - 1];
}

/* As the guide counts: a raw image takes its size, any other a hundredth more at most. */
static void add_image(struct stores *s, const struct resource *r)
{
	const char *path = arena_printf(s->d->arena, "/%s", r->name);
	const char *format = obj_text(r->want, "format", s->d->arena);
	uint64_t most = doctor_size(s->d, r->want, "size"), taken = 0;
	/* A device of the host has its own room. */
	struct store *store = most ? store_of(s, path) : NULL;
	struct stat st;

	if (!store)
		return;
	if (format && !streq(format, "raw"))
		most += most / 100;
	if (file_stat(s->d->h->root, path, &st) == 0)
		taken = (uint64_t)st.st_blocks * 512;
	store->needs += most > taken ? most - taken : 0;
}

void doctor_guest_storage(struct doctor *d)
{
	const struct wants *w = doctor_wants(d);
	struct stores s = { .d = d };
	const char *sums = NULL;
	bool full = false;
	size_t i;

	for (i = 0; w && i < w->n; i++)
		if (streq(w->v[i]->kind->name, "disk"))
			add_image(&s, w->v[i]);
	if (!w)
		return;
	for (i = 0; i < s.n; i++) {
		const struct store *one = &s.v[i];

		full |= one->needs > one->available;
		sums = arena_printf(d->arena,
			"%s%sguests' disks may take %llu MiB more of %llu MiB "
			"free in %s",
			sums ? sums : "", sums ? "; " : "", (unsigned long long)(one->needs >> 20),
			(unsigned long long)(one->available >> 20), one->path);
	}
	doctor_found(d, full ? HEALTH_WARN : HEALTH_PASS, "%s", sums ? sums : "no disk has a size");
	if (full)
		doctor_cure(d, "make room before guests fill their disks: a guest whose image "
			       "cannot grow stops");
}
