/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmhostctl guest start, stop, restart. */
#include "config/diag.h"
#include "config/obj.h"
#include "reconcile/units.h"
#include "runner/guestctl.h"
#include "runner/guestctl_names.h"
#include "runner/image_holder.h"
#include "runner/spec.h"
#include <sys/stat.h>

enum { START_SECONDS = 180, STOP_SLACK_SECONDS = 60 };

struct member {
	const char *name;
	struct spec spec;
	size_t level; /* those of level n start after those of lower levels */
};

struct group {
	struct host *h;
	struct arena *arena;
	struct member *v;
	size_t n, levels;
	struct strbuf failures; /* one a line */
};

static int load_group(struct group *g, const char *const *names, size_t n, struct error *e)
{
	g->v = arena_alloc(g->arena, (n + 1) * sizeof(*g->v));
	for (size_t i = 0; i < n; i++) {
		struct member *m = &g->v[g->n++];
		int r;

		m->name = names[i];
		r = guestctl_known(g->h, m->name, e);
		if (r >= 0)
			r = spec_load(g->h->root, m->name, FILE_SPEC, g->arena, &m->spec, e);
		if (r == -ENOENT && !e->code)
			error_set(e, r, "the guest %s has no %s yet", m->name, FILE_SPEC);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool comes_after(const struct member *a, const struct member *b)
{
	const struct list *after = &a->spec.guest->after;

	for (size_t i = 0; i < after->n; i++)
		if (streq(LIST_AT(after, const char *, i), b->name))
			return true;
	return false;
}

/* Circles cannot be: the document they came from has none. The bound is for damaged files. */
static void find_levels(struct group *g)
{
	bool moved = true;

	for (size_t round = 0; moved && round < g->n; round++) {
		moved = false;
		for (size_t i = 0; i < g->n; i++)
			for (size_t k = 0; k < g->n; k++)
				if (g->v[i].level <= g->v[k].level &&
					comes_after(&g->v[i], &g->v[k])) {
					g->v[i].level = g->v[k].level + 1;
					moved = true;
				}
	}
	for (size_t i = 0; i < g->n; i++)
		g->levels = MAX_OF(g->levels, g->v[i].level + 1);
}

static void note_failure(struct group *g, const struct member *m, const struct unit_job *job)
{
	_cleanup_free_ char *why = NULL;

	if (job->verb != UNIT_STOP)
		why = guestctl_why(g->h, m->name);
	sb_addf(&g->failures, "%s%s: %s", g->failures.len ? "\n" : "", m->name,
		why ? why : job->error.text);
}

static unsigned patience(const struct member *m, enum unit_verb verb)
{
	unsigned stop = (unsigned)(m->spec.guest->shutdown.timeout / USEC_PER_SEC);

	return STOP_SLACK_SECONDS + (verb == UNIT_START ? 0 : stop) +
	       (verb == UNIT_STOP ? 0 : START_SECONDS);
}

static int run_level(struct group *g, size_t level, enum unit_verb verb, struct error *e)
{
	struct unit_job *jobs = arena_alloc(g->arena, (g->n + 1) * sizeof(*jobs));
	struct member **of = arena_alloc(g->arena, (g->n + 1) * sizeof(*of));
	unsigned seconds = 0;
	size_t n = 0;
	int r;

	for (size_t i = 0; i < g->n; i++) {
		if (g->v[i].level != level)
			continue;
		of[n] = &g->v[i];
		jobs[n++] = (struct unit_job){
			.unit = arena_strdup(g->arena, guest_unit(g->v[i].name).s),
			.verb = verb,
			.reset = verb != UNIT_STOP,
		};
		seconds = MAX_OF(seconds, patience(&g->v[i], verb));
	}
	r = units_run(g->h, jobs, n, seconds, e);
	for (size_t i = 0; i < n; i++) {
		if (r >= 0 && jobs[i].error.code)
			note_failure(g, of[i], &jobs[i]);
		error_clear(&jobs[i].error);
	}
	return r;
}

static int run_up(struct group *g, enum unit_verb verb, struct error *e)
{
	int r = 0;

	for (size_t level = 0; level < g->levels && r >= 0; level++)
		r = run_level(g, level, verb, e);
	return r;
}

static int run_down(struct group *g, struct error *e)
{
	int r = 0;

	for (size_t level = g->levels; level-- > 0 && r >= 0;)
		r = run_level(g, level, UNIT_STOP, e);
	return r;
}

/* The marker first: from here on no reconciliation comes in between. */
static int mark(struct group *g, enum unit_verb verb, struct error *e)
{
	for (size_t i = 0; i < g->n; i++) {
		const char *name = g->v[i].name;
		int r = guest_hold(g->h->root, name, verb == UNIT_STOP, e);

		if (r == -EACCES || r == -EPERM)
			return error_cure(e, "run it as root: sudo kvmhostctl ...");
		if (r < 0)
			return r;
		if (verb == UNIT_STOP || guestctl_is_up(g->h, name))
			continue;
		/* The last run's end is history; see unwanted_restart() in run.c. */
		r = file_remove(g->h->root, guest_path(name, FILE_STATE).s);
		if (r < 0 && r != -ENOENT)
			return error_set(e, r, "cannot remove %s: %s",
				guest_path(name, FILE_STATE).s, strerror(-r));
	}
	return 0;
}

static bool is_member(const struct group *g, const char *name)
{
	for (size_t i = 0; i < g->n; i++)
		if (streq(g->v[i].name, name))
			return true;
	return false;
}

static int refuse_held(
	const struct member *m, const char *path, const struct image_holder *by, struct error *e)
{
	error_set(e, -EBUSY, "%s is to have the image %s, with which the guest %s runs", m->name,
		path, by->guest);
	if (by->keeps)
		return error_cure(e, "give one of the two another one");
	return error_cure(e, "kvmhostctl guest restart %s %s", m->name, by->guest);
}

/*
 * Whether a member is to have what another guest runs with: refused while all still run. Another
 * member lets go of it when all are down before one is up (*trade).
 */
static int find_trades(struct group *g, bool *trade, struct error *e)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct list *disks = &g->v[i].spec.guest->disks;

		for (size_t k = 0; k < disks->n; k++) {
			const struct guest_disk *d = &LIST_AT(disks, const struct guest_disk, k);
			struct image_holder by;
			struct stat st;

			if (!d->path || disk_is_readonly(d) ||
				file_stat(g->h->root, d->path, &st) < 0 || !S_ISREG(st.st_mode) ||
				!image_holder_find(g->h->root, g->arena, g->v[i].name, &st, &by))
				continue;
			if (by.keeps || !is_member(g, by.guest))
				return refuse_held(&g->v[i], d->path, &by, e);
			*trade = true;
		}
	}
	return 0;
}

static int run_group(struct group *g, enum unit_verb verb, struct error *e)
{
	bool trade = false;
	int r = verb == UNIT_RESTART ? find_trades(g, &trade, e) : 0;

	if (r >= 0)
		r = mark(g, verb, e);
	if (r < 0)
		return r;
	if (verb == UNIT_STOP)
		r = run_down(g, e);
	else if (verb == UNIT_START || (g->levels <= 1 && !trade))
		r = run_up(g, verb, e);
	else
		r = (r = run_down(g, e)) < 0 ? r : run_up(g, UNIT_START, e);
	host_forget(g->h);
	if (r >= 0 && g->failures.len)
		r = error_set(e, -EIO, "%s", sb_str(&g->failures));
	return r;
}

static int run_verb(
	struct host *h, const char *const *names, size_t n, enum unit_verb verb, struct error *e)
{
	_cleanup_arena_ struct arena *a = arena_new();
	_cleanup_error_ struct error own = { 0 };
	struct group g = { .h = h, .arena = a };
	int r;

	e = e ? e : &own;
	r = load_group(&g, names, n, e);
	if (r < 0)
		return r;
	find_levels(&g);
	r = run_group(&g, verb, e);
	sb_free(&g.failures);
	return r;
}

int guestctl_start(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return run_verb(h, names, n, UNIT_START, e);
}

int guestctl_stop(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return run_verb(h, names, n, UNIT_STOP, e);
}

int guestctl_restart(struct host *h, const char *const *names, size_t n, struct error *e)
{
	return run_verb(h, names, n, UNIT_RESTART, e);
}
