/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_ahead.h"
#include "base/strmap.h"
#include "runner/guest_files.h"
#include "runner/spec.h"
#include <fcntl.h>

static int ahead_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	*data = xcalloc(1, sizeof(struct strmap));
	return 0;
}

static void ahead_forget(void *data)
{
	strmap_free(data);
}

static void ahead_close(void *data)
{
	ahead_forget(data);
	free(data);
}

const struct handle guest_ahead_handle = {
	.name = "guests' files",
	.open = ahead_open,
	.forget = ahead_forget,
	.close = ahead_close,
};

/* "NAME/FILE", from the directory of all: there are hundreds. */
static struct guest_path below(const char *name, const char *file)
{
	struct guest_path p;

	snprintf(p.s, sizeof(p.s), "%s/%s", name, file);
	return p;
}

static const char *read_text(
	struct arena *a, int all, const char *name, const char *file, size_t *len)
{
	_cleanup_close_ int fd =
		openat(all, below(name, file).s, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;

	return fd < 0 || file_read_fd(fd, SPEC_MAX, &text, len) < 0 ? NULL
								    : arena_strndup(a, text, *len);
}

static bool there_is(int all, const char *name, const char *file)
{
	return faccessat(all, below(name, file).s, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void guest_look_ahead(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	_cleanup_close_ int all = -1;
	struct arena *a = h->pass;
	size_t n = 0;
	void *map;

	if (host_handle(h, &guest_ahead_handle, &map, NULL) < 0 ||
		file_list(h->root, GUESTS_DIR, &names, &n) < 0 ||
		(all = file_open(h->root, GUESTS_DIR, O_PATH | O_DIRECTORY, 0)) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = arena_strdup(a, names[i]);
		struct guest_ahead *g = arena_alloc(a, sizeof(*g));

		g->spec = read_text(a, all, name, FILE_SPEC, &g->spec_len);
		g->started = read_text(a, all, name, FILE_STARTED, &g->started_len);
		g->held = there_is(all, name, FILE_HELD);
		g->recorded = there_is(all, name, FILE_STATE);
		strmap_put(map, name, g);
	}
}

const struct guest_ahead *guest_seen_ahead(struct host *h, const char *name)
{
	void *map;

	return host_handle(h, &guest_ahead_handle, &map, NULL) < 0 ? NULL : strmap_get(map, name);
}
