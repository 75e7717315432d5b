/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/cmdline.h"

static int lines_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct lines *l = xmalloc(sizeof(*l));

	*l = (struct lines){ 0 };
	*data = l;
	return 0;
}

static void lines_forget(void *data)
{
	struct lines *l = data;

	arena_free(l->boot.arena);
	*l = (struct lines){ 0 };
}

static void lines_close(void *data)
{
	lines_forget(data);
	free(data);
}

static const struct handle lines_handle = {
	.name = "cmdline",
	.open = lines_open,
	.forget = lines_forget,
	.close = lines_close,
};

static void read_running(struct host *h, struct lines *l)
{
	_cleanup_free_ char *text = NULL, *id = host_boot_id(h);

	if (file_read(h->root, "/proc/cmdline", 1 << 20, &text, NULL) == 0)
		tokens_read(&l->running, text);
	if (id)
		l->boot_id = arena_strdup(l->boot.arena, id);
}

int lines_get(struct host *h, struct lines **out, struct error *e)
{
	struct lines *l;
	void *data;
	int r;

	r = host_handle(h, &lines_handle, &data, e);
	if (r < 0)
		return r;
	l = data;
	if (!l->loaded) {
		lines_forget(l);
		l->boot.arena = l->running.arena = arena_new();
		r = boot_read(h, &l->boot, e);
		if (r < 0)
			return r;
		if (h->live)
			read_running(h, l);
		l->loaded = true;
	}
	*out = l;
	return 0;
}

json_t *left_running(const struct host *h, const struct lines *l)
{
	json_t *left = json_object_get(h->record->root, CMDLINE_LEFT);
	const char *id = json_string_value(json_object_get(left, "boot_id"));

	return id && l->boot_id && streq(id, l->boot_id) ? json_object_get(left, "parameters")
							 : NULL;
}

static void drop_left(json_t *left, const char *name)
{
	size_t i;

	for (i = json_array_size(left); i > 0; i--)
		if (streq(json_string_value(json_array_get(left, i - 1)), name))
			json_array_remove(left, i - 1);
}

void note_left(struct host *h, const struct lines *l, const struct step *s)
{
	struct token t = token_of(h->pass, s->r->name);
	json_t *left = left_running(h, l);
	bool stays = !s->r->want && !s->want && tokens_count(&l->running, &t);

	if (!l->boot_id || (!left && !stays))
		return;
	if (!left) {
		left = json_array();
		json_object_set_new(h->record->root, CMDLINE_LEFT,
			json_pack("{s:s, s:o}", "boot_id", l->boot_id, "parameters", left));
	}
	drop_left(left, s->r->name);
	if (stays)
		json_array_append_new(left, json_string(s->r->name));
	record_touch(h);
}
