/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel settings. Two places must agree with the document: the running
 * kernel (/proc/sys) and our drop-in, which brings the value back at boot. A
 * third may disagree and is told of: a file that is read after ours.
 *
 * `have` and the record hold the running kernel's value, which is what a
 * release restores; the files are compared in diff().
 */
#include "hostprep/hostprep.h"
#include "reconcile/dropin.h"
#include "hostprep/sysctl_files.h"
#include "hostprep/sysctl_live.h"
#include "hostprep/value.h"
#include "config/type.h"
#include "reconcile/plan.h"

struct sysctl {
	struct obj obj;
	const char *value;
};

static void check_value(const void *obj, struct diags *d)
{
	const struct sysctl *s = obj;
	static const char *const no[] = { "false", "no", "False", "No" };
	static const char *const yes[] = { "true", "yes", "True", "Yes" };

	/* `on` and `off` are values of kernel.printk_devkmsg. */
	for (size_t i = 0; i < ARRAY_SIZE(no); i++)
		if (streq(s->value, no[i]) || streq(s->value, yes[i]))
			diag_error(d, obj_mark(s, "value"),
				streq(s->value, yes[i]) ? "write 1" : "write 0",
				"%s: the kernel spells it as a number, not as `%s`", s->obj.name,
				s->value);
}

static const struct field sysctl_fields[] = {
	FIELD_STRING(struct sysctl, value, type_any, .required = true, .example = "1",
		.doc = "The value, written as the kernel shows it in /proc/sys; several numbers in "
		       "quotes with blanks between them."),
};

const struct table sysctl_table = TABLE(struct sysctl, sysctl_fields, .key = &type_sysctl,
	.key_word = "SETTING", .scalar = "value", .check = check_value,
	.doc = "Kernel settings by their sysctl names. kvmhost sets the running kernel and keeps "
	       "the value for the next boot in /etc/sysctl.d/90-kvmhost.conf. A setting that "
	       "leaves the document gets the value back that it had before.");

/* What a pass caches of the files. */
struct files {
	bool loaded;
	struct sysctl_lines own, later;
};

static int files_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct files *f = xmalloc(sizeof(*f));

	*f = (struct files){ 0 };
	*data = f;
	return 0;
}

static void files_forget(void *data)
{
	struct files *f = data;

	arena_free(f->own.arena);
	*f = (struct files){ 0 };
}

static void files_close(void *data)
{
	files_forget(data);
	free(data);
}

static const struct handle files_handle = {
	.name = "sysctl",
	.open = files_open,
	.forget = files_forget,
	.close = files_close,
};

static int files_get(struct host *h, struct files **out, struct error *e)
{
	struct files *f;
	void *data;
	int r;

	r = host_handle(h, &files_handle, &data, e);
	if (r < 0)
		return r;
	f = data;
	if (!f->loaded) {
		files_forget(f);
		f->own.arena = f->later.arena = arena_new();
		r = sysctl_read_own(h, &f->own, e);
		if (r < 0)
			return r;
		sysctl_read_later(h, &f->later);
		f->loaded = true;
	}
	*out = f;
	return 0;
}

struct link_search {
	struct arena *arena;
	const char *name;
	bool found;
};

static void match_link(const struct field *f, const void *value, struct mark m _unused_, void *arg)
{
	struct link_search *l = arg;

	if (f->claims && streq(f->claims, "link") &&
		streq(value_string(l->arena, f, value), l->name))
		l->found = true;
}

/* Whether the resource makes the link: by its own name, as a bridge, or by a value, as a network.
 */
static bool makes_link(const struct resource *r, const char *link, struct arena *a)
{
	struct link_search l = { .arena = a, .name = link };

	if (r->kind->claims && streq(r->kind->claims, "link") && streq(r->name, link))
		return true;
	if (r->want)
		obj_walk_names(r->want, match_link, &l);
	return l.found;
}

/* A setting of an interface needs the interface, one of a module the module. */
static void sysctl_derive(const struct resource *r, struct wants *w)
{
	_cleanup_free_ char *path = sysctl_name_to_path(r->name), *link = sysctl_link(path);
	struct resource *self = wants_find(w, "sysctl", r->name), *needed;
	const char *module = sysctl_module(path);
	size_t i;

	needed = module ? wants_find(w, "module", module) : NULL;
	if (needed)
		want_after(w, self, needed);
	for (i = 0; link && i < w->n; i++)
		if (w->v[i] != self && makes_link(w->v[i], link, w->arena))
			want_after(w, self, w->v[i]);
}

static int sysctl_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	_cleanup_free_ char *path = sysctl_name_to_path(r->name), *value = NULL;
	const struct sysctl_line *line;
	struct sysctl *s;
	struct files *f;
	int ret;

	*have = NULL;
	ret = files_get(h, &f, e);
	if (ret < 0)
		return ret;
	line = sysctl_line(&f->own, path);
	if (h->live) {
		ret = sysctl_read(h, path, &value, e);
		if (ret < 0)
			return ret;
	} else if (line) {
		value = xstrdup(line->value);
	}
	if (!line && !value)
		return 0;
	s = obj_new(h->pass, &sysctl_table, r->name);
	if (value) {
		s->value = arena_strdup(h->pass, value);
		obj_mark_set(s, "value");
	}
	*have = s;
	return 0;
}

static const char *value_of(const struct sysctl *s)
{
	return s && obj_has(s, "value") ? s->value : NULL;
}

static void diff_live(struct host *h, struct step *s, const char *path)
{
	const char *have = value_of(s->have), *want = value_of(s->want);

	if (!h->live || !want || (have && value_same(have, want)))
		return;
	step_change(h, s, "value", "value (running kernel)", have, want);
	if (have)
		return;
	if (s->r->n_after)
		s->reason = arena_printf(h->pass, "set once %s is there", s->r->after[0]->id);
	else
		s->reason = arena_printf(h->pass, "the running kernel has no such setting now: %s",
			sysctl_missing(h, path, h->pass));
}

/* A later file that says otherwise is not ours to change: the administrator's word against his. */
static void diff_later(struct host *h, struct step *s, const struct sysctl_line *later)
{
	const char *want = value_of(s->want);

	if (!later || value_same(later->value, want))
		return;
	step_change(h, s, "value", "value (next boot)", later->value, want);
	if (s->n_changes == 1)
		s->wait = arena_printf(h->pass,
			"%s:%u to be removed: it sets %s and is read after " SYSCTL_PATH,
			later->file, later->line, later->value);
}

static void sysctl_diff(struct host *h, struct step *s)
{
	_cleanup_free_ char *path = sysctl_name_to_path(s->r->name);
	bool kept = s->r->want && s->want;
	const char *want = kept ? value_of(s->want) : NULL, *have;
	const struct sysctl_line *own;
	struct files *f;

	if (files_get(h, &f, NULL) < 0)
		return; /* observe has just told of it */
	diff_live(h, s, path);
	own = sysctl_line(&f->own, path);
	have = own ? own->value : NULL;
	if (have && want ? !value_same(have, want) : have != want)
		step_change(h, s, "value", "value (" SYSCTL_FILE ")", have, want);
	if (kept)
		diff_later(h, s, sysctl_line(&f->later, path));
}

/* Live first: the file holds only what the kernel has taken. */
static int apply_live(struct host *h, struct step *s, const char *path)
{
	const char *have = value_of(s->have), *want = value_of(s->want);

	if (!h->live || !want || (have && value_same(have, want)))
		return 0;
	return sysctl_write(h, path, want, &s->error);
}

/* One read and one write of the file for all. */
static void sysctl_apply_all(struct host *h, struct step *const *steps, size_t n)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error e = { 0 };
	struct sysctl_lines own = { .arena = a };
	size_t i;

	if (sysctl_read_own(h, &own, &e) < 0) {
		dropin_failed(steps, n, &e);
		return;
	}
	for (i = 0; i < n; i++) {
		_cleanup_free_ char *path = sysctl_name_to_path(steps[i]->r->name);
		bool kept = steps[i]->r->want && steps[i]->want;

		if (apply_live(h, steps[i], path) == 0)
			sysctl_edit(&own, path, kept ? value_of(steps[i]->want) : NULL);
	}
	if (sysctl_write_own(h, &own, &e) < 0)
		dropin_failed(steps, n, &e);
}

static int sysctl_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	struct files *f;
	size_t i;
	int r;

	r = files_get(h, &f, e);
	if (r == -EPERM) /* somebody else's file: nothing in it is ours */
		return error_clear(e), 0;
	if (r < 0)
		return r;
	for (i = 0; i < f->own.n; i++) {
		_cleanup_free_ char *name = sysctl_path_to_name(f->own.v[i].name);

		found(name, arg);
	}
	return 0;
}

/*
 * Without ip_forward a network that comes back leads nowhere. What was not ours before is not
 * among them: the log has no word on whether our file had a line.
 */
static bool sysctl_undo_along(const struct step *s)
{
	return (s->ours || !s->r->want) && startswith(s->r->name, "net.");
}

const struct kind sysctl_kind = {
	.name = "sysctl",
	.table = &sysctl_table,
	.offline = true,
	.derive = sysctl_derive,
	.observe = sysctl_observe,
	.diff = sysctl_diff,
	.apply_all = sysctl_apply_all,
	.owned = sysctl_owned,
	.undo_along = sysctl_undo_along,
};
