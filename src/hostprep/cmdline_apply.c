/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/cmdline.h"
#include "reconcile/dropin.h"

static bool changes(const struct step *s, const char *place)
{
	size_t i;

	for (i = 0; i < s->n_changes; i++)
		if (startswith(s->changes[i].path, place))
			return true;
	return false;
}

static void edit(struct boot *b, const struct step *s)
{
	struct token t = token_of(b->arena, s->r->name);

	tokens_drop(&b->own, &t);
	if (s->r->want && !tokens_count(&b->others, &t))
		*ARENA_PUSH(b->arena, b->own.v, b->own.n) = t;
}

static int mark_stale(struct host *h, const struct boot *b, bool on, struct error *e)
{
	if (b->loader->menu || !h->live)
		return 0;
	if (on)
		json_object_set_new(h->record->root, CMDLINE_STALE, json_true());
	else
		json_object_del(h->record->root, CMDLINE_STALE);
	record_touch(h);
	return record_save(h, e);
}

/* One write of the file and one run of the tool for all. */
static int bring_in(
	struct host *h, struct boot *b, struct step *const *steps, size_t n, struct error *e)
{
	bool file = false, menu = false;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (changes(steps[i], CMDLINE_FILE))
			edit(b, steps[i]);
		file |= changes(steps[i], CMDLINE_FILE);
		menu |= changes(steps[i], CMDLINE_MENU);
	}
	if (!file && !menu)
		return 0;
	r = mark_stale(h, b, true, e);
	if (r == 0 && file)
		r = b->loader->write(h, b, e);
	if (r == 0 && h->live)
		r = b->loader->install(h, b, e);
	if (r < 0)
		return r;
	boot_flush(h);
	return mark_stale(h, b, false, e);
}

void cmdline_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	struct boot b = { .arena = a };
	struct lines *l;
	size_t i;

	if (lines_get(h, &l, &e) < 0 || boot_read(h, &b, &e) < 0 ||
		bring_in(h, &b, steps, n, &e) < 0) {
		dropin_failed(steps, n, &e);
		return;
	}
	for (i = 0; i < n; i++)
		note_left(h, l, steps[i]);
}
