/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/guest_ahead.h"
#include "base/strmap.h"
#include "runner/guest_files.h"
#include "runner/spec.h"

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

static void look(struct host *h, const char *name, struct guest_ahead *g)
{
	_cleanup_free_ char *text = NULL;

	if (file_read(h->root, guest_path(name, FILE_SPEC).s, SPEC_MAX, &text, &g->len) >= 0)
		g->spec = arena_strndup(h->pass, text, g->len);
	g->held = guest_held(h->root, name);
	g->recorded = file_exists(h->root, guest_path(name, FILE_STATE).s);
}

void guest_look_ahead(struct host *h)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	void *map;

	if (host_handle(h, &guest_ahead_handle, &map, NULL) < 0 ||
		file_list(h->root, GUESTS_DIR, &names, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		const char *name = arena_strdup(h->pass, names[i]);
		struct guest_ahead *g = arena_alloc(h->pass, sizeof(*g));

		look(h, name, g);
		strmap_put(map, name, g);
	}
}

const struct guest_ahead *guest_seen_ahead(struct host *h, const char *name)
{
	void *map;

	return host_handle(h, &guest_ahead_handle, &map, NULL) < 0 ? NULL : strmap_get(map, name);
}
