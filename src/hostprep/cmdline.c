/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters on the kernel's command line, each a resource of its own. Three
 * places must agree with the document: our file for the boot loader, the
 * entries that the loader's tool made of it, and the command line of the
 * running kernel, which only a reboot changes: until then the step waits.
 *
 * What somebody else has set already is as wanted and stays his; what he has
 * set to another value is a conflict, told with its place.
 */
#include "hostprep/hostprep.h"
#include "hostprep/boot.h"
#include "hostprep/cmdline.h"
#include "hostprep/cpu.h"
#include "reconcile/dropin.h"
#include "config/type.h"
#include "iommu/iommu.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"

enum { NEEDS_DMAR, NEEDS_ANY };
static const char *const tables[] = { "DMAR", "any", NULL };

enum { PROCESSOR_INTEL, PROCESSOR_VARYING_TSC, PROCESSOR_INTEL_VARYING_TSC };
static const char *const processors[] = { "intel", "varying-tsc", "intel-varying-tsc", NULL };

/* No key of the document: the item itself says all. Those who derive one may say more. */
struct cmdline {
	struct obj obj;
	int firmware; /* wanted only where the firmware has this table */
	int processor; /* wanted only with such a processor */
	bool next_boot;
};

static const struct field cmdline_fields[] = {
	FIELD_ENUM(struct cmdline, firmware, tables,
		.doc = "The firmware's table without which it is not wanted."),
	FIELD_ENUM(struct cmdline, processor, processors,
		.doc = "The processor without which it is not wanted."),
	FIELD_BOOL(struct cmdline, next_boot,
		.doc = "Whether the running kernel does without it, being told the same another "
		       "way."),
};

static const struct table cmdline_table =
	TABLE(struct cmdline, cmdline_fields, .doc = "A parameter on the kernel's command line.");

/* What a pass caches of the boot loader and the running kernel. */
struct lines {
	bool loaded;
	struct boot boot;
	struct tokens running;
	const char *boot_id; /* NULL: not live, or the kernel does not say */
};

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
	_cleanup_free_ char *text = NULL, *id = NULL;

	if (file_read(h->root, "/proc/cmdline", 1 << 20, &text, NULL) == 0)
		tokens_read(&l->running, text);
	if (file_read_line(h->root, "/proc/sys/kernel/random/boot_id", &id) == 0)
		l->boot_id = arena_strdup(l->boot.arena, id);
}

static int lines_get(struct host *h, struct lines **out, struct error *e)
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

/* Named twice in the document's list. */
static void cmdline_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	const struct resource *last = wants_find(w, "cmdline", r->name);

	if (last != r)
		diag_relate(diag_error(d, last->mark, "take one of the two out",
				    "%s stands twice in host.kernel.cmdline", r->name),
			r->mark, "first here");
}

/*
 * What was removed from the menu and still runs: until the next boot it is told of, though the
 * record has forgotten it. {"boot_id": ..., "parameters": [...]}
 */
#define LEFT "cmdline_left"

static json_t *left_running(const struct host *h, const struct lines *l)
{
	json_t *left = json_object_get(h->record->root, LEFT);
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

static void note_left(struct host *h, const struct lines *l, const struct step *s)
{
	struct token t = token_of(h->pass, s->r->name);
	json_t *left = left_running(h, l);
	bool stays = !s->r->want && !s->want && tokens_count(&l->running, &t);

	if (!l->boot_id || (!left && !stays))
		return;
	if (!left) {
		left = json_array();
		json_object_set_new(h->record->root, LEFT,
			json_pack("{s:s, s:o}", "boot_id", l->boot_id, "parameters", left));
	}
	drop_left(left, s->r->name);
	if (stays)
		json_array_append_new(left, json_string(s->r->name));
	record_touch(h);
}

static int refuse_conflict(const char *name, const struct token *other, struct error *e)
{
	_cleanup_free_ char *text = token_text(other);

	error_set(e, -ENOTUNIQ, "%s:%u sets %s, and the document wants %s", other->file,
		other->line, text, name);
	return error_cure(e,
		"remove it there, or write %s in host.kernel.cmdline; kvmhost does not "
		"overrule what others have set",
		text);
}

static bool in_menu(const struct boot *b, const struct token *t)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (tokens_count(&b->entries[i].tokens, t))
			return true;
	return false;
}

static bool has_processor(struct host *h, int processor)
{
	if (processor != PROCESSOR_VARYING_TSC && !cpu_is_intel(h))
		return false;
	return processor == PROCESSOR_INTEL || !cpu_constant_tsc(h);
}

/* An image may boot anywhere. */
static bool wanted_here(struct host *h, const struct resource *r)
{
	const struct cmdline *want = r->want;
	enum iommu_firmware firmware;

	if (!want || !h->live)
		return true;
	if (obj_has(want, "processor") && !has_processor(h, want->processor))
		return false;
	if (!obj_has(want, "firmware"))
		return true;
	firmware = iommu_firmware(h);
	return want->firmware == NEEDS_DMAR ? firmware == IOMMU_DMAR : firmware != IOMMU_NONE;
}

static int cmdline_observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct token t = token_of(h->pass, r->name);
	const struct token *against;
	struct lines *l;
	int ret;

	*have = NULL;
	if (!wanted_here(h, r))
		return NOT_HERE;
	ret = lines_get(h, &l, e);
	if (ret < 0)
		return ret;
	against = r->want ? tokens_against(&l->boot.others, &t) : NULL;
	if (against)
		return refuse_conflict(r->name, against, e);
	if (tokens_count(&l->boot.own, &t) || tokens_count(&l->boot.others, &t) ||
		tokens_count(&l->running, &t) || in_menu(&l->boot, &t))
		*have = obj_new(h->pass, &cmdline_table, r->name);
	return 0;
}

struct compare {
	struct host *h;
	struct step *s;
	struct lines *l;
	struct token t;
	bool kept; /* the document wants it */
	bool gone; /* nobody wants it, and it was not there before us */
	size_t can_do;
};

static const char *shown(const struct compare *c, bool there)
{
	return there ? c->s->r->name : NULL;
}

static const char *place(const struct compare *c, const char *what, const char *file)
{
	return arena_printf(c->h->pass, "%s%s)", what, file);
}

static void diff_file(struct compare *c)
{
	const struct boot *b = &c->l->boot;
	bool have = tokens_count(&b->own, &c->t),
	     want = c->kept && !tokens_count(&b->others, &c->t);

	if (have == want)
		return;
	step_change(c->h, c->s, "", place(c, CMDLINE_FILE, b->loader->short_file), shown(c, have),
		shown(c, want));
	c->can_do++;
}

/* The menu may be older than the files it is made of: a power cut, or somebody's edit. */
/* Nobody can read what the tool makes, and it was killed, or its file was written without it. */
#define STALE "boot_menu_stale"

static void diff_unread_menu(struct compare *c)
{
	if (!json_object_get(c->h->record->root, STALE))
		return;
	step_change(
		c->h, c->s, "", place(c, CMDLINE_MENU, c->l->boot.loader->tool), "older", "anew");
	c->can_do++;
}

static void diff_menu(struct compare *c)
{
	const struct boot *b = &c->l->boot;
	bool others = tokens_count(&b->others, &c->t), own = tokens_count(&b->own, &c->t);
	/* GRUB_CMDLINE_LINUX_DEFAULT of somebody else is not for recovery: that is his choice. */
	size_t i, with = 0, twice = 0, enough = others && !own ? 1 : MAX_OF(b->n, 1);

	for (i = 0; i < b->n; i++) {
		size_t n = tokens_count(&b->entries[i].tokens, &c->t);

		with += n > 0;
		twice += n > 1 && own;
	}
	if (!(c->kept && (with < enough || twice)) && !(c->gone && !others && with))
		return;
	step_change(c->h, c->s, "", place(c, CMDLINE_MENU, b->loader->short_menu),
		b->n ? arena_printf(c->h->pass, "in %zu of %zu entries%s", with, b->n,
			       twice ? ", twice" : "")
		     : "no entries",
		c->kept ? "in each, once" : NULL);
	c->can_do++;
}

static bool for_next_boot(const struct cmdline *want)
{
	return obj_has(want, "next_boot") && want->next_boot;
}

static void diff_running(struct compare *c)
{
	const struct token *other = tokens_against(&c->l->running, &c->t);
	bool runs = tokens_count(&c->l->running, &c->t);
	char *text = NULL;

	if (!(c->kept && !runs && !for_next_boot(c->s->r->want)) && !(c->gone && runs))
		return;
	if (c->gone) {
		step_change(c->h, c->s, "", CMDLINE_RUNNING, c->s->r->name, NULL);
		c->s->wait = "a reboot: the running kernel was started with it";
	} else if (other) {
		text = token_text(other);
		step_change(c->h, c->s, "", CMDLINE_RUNNING, text, c->s->r->name);
		c->s->wait = arena_printf(
			c->h->pass, "a reboot: the running kernel was started with %s", text);
	} else {
		step_change(c->h, c->s, "", CMDLINE_RUNNING, NULL, c->s->r->name);
		c->s->wait = "a reboot: the running kernel was started without it";
	}
	free(text);
}

static void cmdline_diff(struct host *h, struct step *s)
{
	struct compare c = { .h = h, .s = s, .kept = s->r->want != NULL };

	c.gone = !c.kept && !s->want;
	c.t = token_of(h->pass, s->r->name);
	if (lines_get(h, &c.l, NULL) < 0)
		return; /* observe has just told of it */
	diff_file(&c);
	if (h->live) {
		if (c.l->boot.loader->menu)
			diff_menu(&c);
		else
			diff_unread_menu(&c);
		diff_running(&c);
	} else if (c.can_do) {
		s->reason = "in its boot menu once update-grub or kvmhostd has run there";
	}
	if (c.can_do && s->wait) {
		s->reason = "takes effect at the next boot";
		s->wait = NULL;
	}
}

static void cmdline_refine(struct host *h, struct step *s)
{
	size_t i;

	if (!s->want) /* the engine compares only what is to be there */
		cmdline_diff(h, s);
	for (i = 0; i < s->n_changes; i++)
		if (streq(s->changes[i].path, CMDLINE_RUNNING))
			s->disruption = DISRUPT_REBOOT;
}

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
		json_object_set_new(h->record->root, STALE, json_true());
	else
		json_object_del(h->record->root, STALE);
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
	return r < 0 ? r : mark_stale(h, b, false, e);
}

static void cmdline_apply_all(struct host *h, struct step *const *steps, size_t n)
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

static int cmdline_owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e _unused_)
{
	struct lines *l;
	json_t *left;
	size_t i;

	/* Most documents have none: then no boot menu is read. */
	if (!boot_wrote(h) && !json_object_get(h->record->root, LEFT))
		return 0;
	/* A loader that is not known, or somebody else's file: nothing there is ours. */
	if (lines_get(h, &l, NULL) < 0)
		return 0;
	for (i = 0; i < l->boot.own.n; i++) {
		_cleanup_free_ char *text = token_text(&l->boot.own.v[i]);

		found(text, arg);
	}
	left = left_running(h, l);
	for (i = 0; i < json_array_size(left); i++)
		found(json_string_value(json_array_get(left, i)), arg);
	return 0;
}

const struct kind cmdline_kind = {
	.name = "cmdline",
	.table = &cmdline_table,
	.offline = true,
	.check = cmdline_check,
	.observe = cmdline_observe,
	.diff = cmdline_diff,
	.refine = cmdline_refine,
	.apply_all = cmdline_apply_all,
	.owned = cmdline_owned,
};
