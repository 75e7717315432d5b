/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hostprep/knob.h"
#include "hostprep/value.h"
#include "reconcile/record.h"

/* Limits that bound each other (a minimum and a maximum) can need a second round. */
enum { ROUNDS = 2 };
enum { LATE_TRIES = 25, LATE_MS = 20 };

struct knob *knob_add(struct knobs *k, const char *field, const char *label, const char *of,
	const char *path, const char *want)
{
	struct knob *new = ARENA_PUSH(k->arena, k->v, k->n);

	*new = (struct knob){
		.path = arena_strdup(k->arena, path),
		.field = field,
		.label = arena_strdup(k->arena, label),
		.of = of ? arena_strdup(k->arena, of) : NULL,
		.want = arena_strdup(k->arena, want),
	};
	return new;
}

/* {"knobs": {PATH: {"was": "ondemand", "asked": "performance", "field": ..., "label": ..., "of":
 * ...}}} of the resource; NULL: it is not in the record. */
static json_t *kept(struct host *h, const struct step *s)
{
	json_t *all, *knobs;

	if (!record_has(h, s->r->id))
		return NULL;
	all = record_kept(h, s->r->id);
	knobs = json_object_get(all, "knobs");
	if (!knobs) {
		knobs = json_object();
		json_object_set_new(all, "knobs", knobs);
	}
	return knobs;
}

static const struct knob *find(const struct knobs *k, const char *path)
{
	size_t i;

	for (i = 0; i < k->n; i++)
		if (streq(k->v[i].path, path))
			return &k->v[i];
	return NULL;
}

/* In the pass arena; NULL: there is no such file (any more). */
static const char *value_now(struct host *h, const char *path)
{
	_cleanup_free_ char *text = NULL;

	return file_read_line(h->root, path, &text) < 0 ? NULL : arena_strdup(h->pass, text);
}

/* Of CPUs that are offline: cpufreq keeps the files of their policies and answers with this. */
static bool is_away(struct host *h, const char *path)
{
	_cleanup_free_ char *text = NULL;

	return file_read_line(h->root, path, &text) == -EBUSY;
}

/* Rounded by the kernel when it was written last, and still so. */
static bool as_rounded(const struct knob *k, json_t *old, const char *now)
{
	const char *asked = json_string_value(json_object_get(old, "asked"));
	const char *got = json_string_value(json_object_get(old, "got"));

	return k->rounded && asked && got && streq(asked, k->want) && value_same(got, now);
}

static bool holds(const struct knob *k, json_t *old, const char *now)
{
	return value_same(now, k->want) || as_rounded(k, old, now);
}

/* Changes of one label and one pair of values are one line. */
struct group {
	const char *field, *label, *of, *have, *want;
	size_t n;
};

struct groups {
	struct host *h;
	struct group *v;
	size_t n;
};

static void differ(struct groups *g, const char *field, const char *label, const char *of,
	const char *have, const char *want)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (streq(g->v[i].label, label) && streq_null(g->v[i].have, have) &&
			streq(g->v[i].want, want)) {
			g->v[i].n++;
			return;
		}
	*ARENA_PUSH(g->h->pass, g->v, g->n) = (struct group){ field, label, of, have, want, 1 };
}

static void tell(struct groups *g, struct step *s)
{
	size_t i;

	for (i = 0; i < g->n; i++) {
		const struct group *one = &g->v[i];
		const char *path = one->label;

		if (one->n > 1)
			path = arena_printf(
				g->h->pass, "%s (%s and %zu more)", path, one->of, one->n - 1);
		else if (one->of)
			path = arena_printf(g->h->pass, "%s (%s)", path, one->of);
		step_change(g->h, s, one->field, path, one->have, one->want);
	}
}

static const char *word(json_t *old, const char *key)
{
	const char *text = json_string_value(json_object_get(old, key));

	return text ? text : "";
}

static void diff_wanted(struct groups *g, const struct knobs *k, json_t *all)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		const struct knob *one = &k->v[i];
		const char *now = value_now(g->h, one->path);

		if (!one->skipped && (now ? !holds(one, json_object_get(all, one->path), now)
					  : !is_away(g->h, one->path)))
			differ(g, one->field, one->label, one->of, now, one->want);
	}
}

void knobs_diff_wanted(struct host *h, struct step *s, const struct knobs *k)
{
	struct groups g = { .h = h };

	diff_wanted(&g, k, kept(h, s));
	tell(&g, s);
}

void knobs_diff(struct host *h, struct step *s, const struct knobs *k)
{
	json_t *all = kept(h, s), *old;
	struct groups g = { .h = h };
	const char *path, *now;

	diff_wanted(&g, k, all);
	json_object_foreach (all, path, old) {
		now = find(k, path) ? NULL : value_now(h, path);
		if (now && !value_same(now, word(old, "was")))
			differ(&g, word(old, "field"), word(old, "label"),
				json_string_value(json_object_get(old, "of")), now,
				word(old, "was"));
	}
	tell(&g, s);
}

/* Before any is written, so that a kill leaves none without its former value. */
static int keep(struct host *h, const struct knobs *k, json_t *all, struct error *e)
{
	size_t i;

	for (i = 0; all && i < k->n; i++) {
		const struct knob *one = &k->v[i];
		json_t *old = json_object_get(all, one->path);
		const char *now = old ? NULL : value_now(h, one->path);

		if (!now || value_same(now, one->want))
			continue;
		old = json_pack(
			"{s:s, s:s, s:s}", "was", now, "field", one->field, "label", one->label);
		if (one->of)
			json_object_set_new(old, "of", json_string(one->of));
		json_object_set_new(all, one->path, old);
		record_touch(h);
	}
	return record_save(h, e);
}

static int refused(const char *path, const char *want, int code, struct error *e)
{
	/* Not what the engine takes for a moving world. */
	int r = code == -ENOENT || code == -EAGAIN || code == -EEXIST ? -EIO : code;

	error_set(e, r, "the kernel refuses %s for %s: %s", want, path, strerror(-code));
	return code == -EACCES || code == -EPERM ? error_cure(e, "run as root") : r;
}

/* Within a twentieth: the step between two frequencies, not another range. */
static bool is_near(const char *a, const char *b)
{
	long long x = strtoll(a, NULL, 10), y = strtoll(b, NULL, 10);

	return llabs(x - y) <= y / 20;
}

/* The kernel takes limits of frequencies over some time after write(2) has returned. */
static const char *value_after(struct host *h, const struct knob *k, const char *before)
{
	const char *now = value_now(h, k->path);
	int tries;

	for (tries = 0; tries < LATE_TRIES && k->rounded && streq_null(now, before); tries++) {
		usleep(LATE_MS * 1000);
		now = value_now(h, k->path);
	}
	return now;
}

/* Done, or what it is instead; -ERANGE: the kernel took another value. */
static int set(struct host *h, const struct knob *k, json_t *old, struct error *e)
{
	const char *now = value_now(h, k->path);
	int r;

	if (k->skipped || (now ? holds(k, old, now) : is_away(h, k->path)))
		return 0;
	r = file_poke(h->root, k->path, k->want);
	if (r < 0)
		return refused(k->path, k->want, r, e);
	now = value_after(h, k, now);
	if (now && value_same(now, k->want))
		return 0;
	if (now && k->rounded && old && is_near(now, k->want)) {
		json_object_set_new(old, "asked", json_string(k->want));
		json_object_set_new(old, "got", json_string(now));
		record_touch(h);
		return 0;
	}
	return error_set(e, -ERANGE, "%s is %s after %s was written to it", k->path,
		now ? now : "gone", k->want);
}

static int set_all(struct host *h, const struct knobs *k, json_t *all, const struct knob **which,
	struct error *e)
{
	int first = 0;
	size_t i;

	error_clear(e);
	*e = (struct error){ 0 };
	for (i = 0; i < k->n; i++) {
		_cleanup_error_ struct error why = { 0 };
		int r = set(h, &k->v[i], json_object_get(all, k->v[i].path), &why);

		if (r == 0 || first)
			continue;
		first = r;
		*which = &k->v[i];
		*e = why;
		why = (struct error){ 0 };
	}
	return first;
}

static int give_one_back(struct host *h, const char *path, json_t *all, struct error *e)
{
	const char *now = value_now(h, path), *was = word(json_object_get(all, path), "was");
	int r = 0;

	if (!now && is_away(h, path))
		return 0;
	if (now && !value_same(now, was))
		r = file_poke(h->root, path, was);
	if (r < 0)
		return refused(path, was, r, e);
	json_object_del(all, path);
	record_touch(h);
	return 0;
}

/*
 * What nobody asks for any more is as it was; a CPU that has gone needs nothing. First what there
 * is one of: the switch of the second threads brings back CPUs.
 */
static int give_back(struct host *h, const struct knobs *k, json_t *all, struct error *e)
{
	const char *path;
	json_t *old;
	void *next;
	int first = 0, several;

	for (several = 0; several < 2; several++)
		json_object_foreach_safe(all, next, path, old)
		{
			int r = 0;

			if (!find(k, path) && !!json_object_get(old, "of") == several)
				r = give_one_back(h, path, all, first ? NULL : e);
			first = first ? first : r;
		}
	return first;
}

int knobs_apply(struct host *h, struct step *s, const struct knobs *k, const struct knob **which,
	struct error *e)
{
	_cleanup_error_ struct error why = { 0 };
	const struct knob *knob = NULL;
	json_t *all = kept(h, s);
	int r, round;

	r = keep(h, k, all, e);
	if (r < 0)
		return r;
	r = give_back(h, k, all, e);
	if (r < 0)
		return r;
	for (round = 0; round < ROUNDS; round++) {
		r = set_all(h, k, all, &knob, &why);
		if (r == 0)
			return 0;
	}
	if (which)
		*which = knob;
	error_set(e, r, "%s", why.text);
	return why.cure ? error_cure(e, "%s", why.cure) : r;
}
