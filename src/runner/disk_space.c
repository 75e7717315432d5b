/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/disk_space.h"
#include "config/obj.h"
#include "runner/disk_place.h"

struct image_growth {
	const char *path; /* in h->pass */
	uint64_t file_system, more;
};

/* What a pass takes at once. */
struct growths {
	struct image_growth *v;
	size_t n;
};

static int growths_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct growths *g = xmalloc(sizeof(*g));

	*g = (struct growths){ 0 };
	*data = g;
	return 0;
}

static void growths_forget(void *data)
{
	struct growths *g = data;

	free(g->v);
	*g = (struct growths){ 0 };
}

static void growths_close(void *data)
{
	growths_forget(data);
	free(data);
}

static const struct handle growths_handle = {
	.name = "space for images",
	.open = growths_open,
	.forget = growths_forget,
	.close = growths_close,
};

static struct growths *growths(struct host *h)
{
	void *data = NULL;

	host_handle(h, &growths_handle, &data, NULL);
	return data;
}

static void note(struct host *h, struct growths *g, const struct image_growth *one)
{
	for (size_t i = 0; i < g->n; i++)
		if (streq(g->v[i].path, one->path)) {
			g->v[i].more = one->more;
			return;
		}
	g->v = xrealloc(g->v, (g->n + 1) * sizeof(*g->v));
	g->v[g->n] = *one;
	g->v[g->n++].path = arena_strdup(h->pass, one->path);
}

/* What the others there get. */
static uint64_t of_others(const struct growths *g, const struct image_growth *one, size_t *n)
{
	uint64_t sum = 0;

	*n = 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct image_growth *other = &g->v[i];

		if (other->file_system != one->file_system || streq(other->path, one->path))
			continue;
		sum += MIN_OF(other->more, UINT64_MAX - sum);
		++*n;
	}
	return sum;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a + MIN_OF(b, UINT64_MAX - a);
}

const char *disk_size_text(struct host *h, uint64_t size)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	type_size.format(&(const struct field){ 0 }, &size, &text);
	return arena_strndup(h->pass, sb_str(&text), text.len);
}

/* In whole MiB, as people count. */
static const char *about(struct host *h, uint64_t bytes)
{
	return disk_size_text(h, bytes / MIB * MIB);
}

static int refuse(struct host *h, const struct image_growth *one, enum disk_preallocation p,
	const struct disk_place *at, uint64_t others, size_t n, struct error *e)
{
	const char *way = disk_preallocation_names[p];

	if (n)
		error_set(e, -ENOSPC,
			"`preallocation: %s` takes %s of %s at once, and %zu other image%s there "
			"%s: %s together, where %s are free",
			way, disk_size_text(h, one->more), at->dir, n, n > 1 ? "s" : "",
			disk_size_text(h, others), disk_size_text(h, plus(one->more, others)),
			about(h, at->free));
	else
		error_set(e, -ENOSPC,
			"`preallocation: %s` takes %s of %s at once, where %s are free", way,
			disk_size_text(h, one->more), at->dir, about(h, at->free));
	return error_cure(e, "make room there, or leave `preallocation` out");
}

bool disk_space_at_once(enum disk_preallocation p)
{
	return p == PREALLOCATION_FALLOC || p == PREALLOCATION_FULL;
}

int disk_space_take(
	struct host *h, const char *path, enum disk_preallocation p, uint64_t more, struct error *e)
{
	struct growths *g = growths(h);
	struct image_growth one = { .path = path, .more = more };
	struct disk_place at;
	uint64_t others;
	size_t n;
	int r = disk_place_look(h, path, &at);

	if (r == -ENOENT) {
		error_set(e, -ENOTDIR,
			"the directory %s, where the image is to be made, is not there", at.dir);
		return error_cure(e, "mount it, or: mkdir -p %s", at.dir);
	}
	if (r < 0)
		return error_set(e, r, "cannot look at the directory %s: %s", at.dir, strerror(-r));
	if (!disk_space_at_once(p))
		return 0;
	one.file_system = at.file_system;
	others = of_others(g, &one, &n);
	if (more > at.free)
		return refuse(h, &one, p, &at, 0, 0, e);
	if (plus(more, others) > at.free)
		return refuse(h, &one, p, &at, others, n, e);
	note(h, g, &one);
	return 0;
}

const char *disk_space_short(struct host *h, const char *path, uint64_t size, uint64_t more)
{
	struct disk_place at;

	if (disk_place_look(h, path, &at) < 0 || at.free >= more)
		return NULL;
	return arena_printf(h->pass, "may grow to %s, but only %s are free in %s",
		disk_size_text(h, size), about(h, at.free), at.dir);
}
