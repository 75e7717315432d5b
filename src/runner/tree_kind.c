/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kind `tree`: kernel and initial RAM disk of the tree that a guest is
 * installed from, fetched into a directory of ours with what the installer is
 * told. Derived from a guest with `install.location`; once that is installed
 * nothing is wanted of it.
 *
 * tree.json is written last: it says what the files beside it are. Files are
 * fetched into a directory beside it that then takes its place, so an
 * interrupted download leaves what was there before.
 */
#include "base/sums.h"
#include "reconcile/plan.h"
#include "reconcile/record.h"
#include "runner/guest.h"
#include "runner/handover.h"
#include "runner/tree_fetch.h"

enum { ANSWERS_MAX = 16 << 20 };

static const struct field rows[] = {
	FIELD_STRING(struct tree_want, location, type_string, .doc = "Where it is."),
	FIELD_STRING(struct tree_want, answers, type_path, .doc = "What the installer is told."),
	FIELD_STRING(struct tree_want, kernel_sha256, type_string, .doc = "Of the kernel."),
	FIELD_STRING(struct tree_want, initrd_sha256, type_string, .doc = "Of the initrd."),
	FIELD_STRING(struct tree_want, answers_sha256, type_string, .doc = "Of the answers."),
};
static const struct table tree_table =
	TABLE(struct tree_want, rows, .doc = "A tree to install from.");

static void answers_free(struct answers *a)
{
	free(a->text);
}
#define _cleanup_answers_ _cleanup_(answers_free)

static int read_answers(
	struct host *h, const struct resource *r, struct answers *a, struct error *e)
{
	const struct tree_want *want = r->want;
	int err;

	if (!want->answers)
		return 0;
	err = file_read(h->root, want->answers, ANSWERS_MAX, &a->text, &a->len);
	if (err < 0) {
		error_set(e, err, "cannot read %s, the `answers` of guest/%s: %s", want->answers,
			r->name, strerror(-err));
		return err == -EACCES ? error_cure(e, "run it as root: sudo kvmhostctl ...") : err;
	}
	err = sums_load(e);
	if (err >= 0)
		tree_sha256(a->text, a->len, a->sha256);
	return err;
}

static bool installed(struct host *h, const char *guest)
{
	_cleanup_free_ char *line = NULL, *path = xprintf(INSTALL_DIR "/%s", guest);

	return file_read_line(h->root, path, &line) >= 0 && streq(line, "done");
}

struct tree_seen {
	struct tree_want have;
	const char *answers_now; /* their hash; NULL: there are to be none */
};

/* What is damaged is as good as nothing: fetched again. */
static void load(struct host *h, const char *name, struct tree_seen *seen)
{
	_cleanup_free_ char *text = NULL;
	json_t *json = NULL;
	const char *location, *answers;

	if (file_read(h->root, tree_path(name, TREE_RECORD).s, ANSWERS_MAX, &text, NULL) >= 0)
		json = json_loads(text, 0, NULL);
	location = json_string_value(json_object_get(json, "location"));
	answers = json_string_value(json_object_get(json, "answers_sha256"));
	if (location) {
		seen->have.location = arena_strdup(h->pass, location);
		obj_mark_set(seen, "location");
	}
	if (location && answers) {
		seen->have.answers_sha256 = arena_strdup(h->pass, answers);
		obj_mark_set(seen, "answers_sha256");
	}
	json_decref(json);
}

static int observe(struct host *h, const struct resource *r, void **have, struct error *e)
{
	struct tree_seen *seen = arena_alloc(h->pass, sizeof(*seen));
	_cleanup_answers_ struct answers a = { 0 };
	int err;

	if (r->want && installed(h, r->name))
		return NOT_HERE;
	err = r->want ? read_answers(h, r, &a, e) : 0;
	if (err < 0)
		return err;
	if (!file_exists(h->root, tree_path(r->name, "").s))
		return 0;
	obj_init(seen, &tree_table, r->name);
	load(h, r->name, seen);
	seen->answers_now = a.text ? arena_strdup(h->pass, a.sha256) : NULL;
	*have = seen;
	return 0;
}

static void diff(struct host *h, struct step *s)
{
	const struct tree_want *want = s->want;
	const struct tree_seen *seen = s->have;

	if (!seen) {
		s->n_changes = obj_diff(want, NULL, h->pass, &s->changes);
		return;
	}
	if (!streq_null(seen->have.location, want->location))
		step_change(h, s, "location", "location", seen->have.location, want->location);
	if (!streq_null(seen->have.answers_sha256, seen->answers_now))
		step_change(h, s, "answers", "answers",
			seen->have.answers_sha256 ? "other ones" : NULL, want->answers);
}

static void refine(struct host *h _unused_, struct step *s)
{
	if (s->want && s->n_changes)
		s->reason = "kernel and initial RAM disk are fetched from there";
}

static int apply(struct host *h, struct step *s, struct error *e)
{
	_cleanup_answers_ struct answers a = { 0 };
	int r;

	if (!s->want)
		return tree_remove(h, s->r->name, e);
	r = read_answers(h, s->r, &a, e);
	return r < 0 ? r : tree_fetch(h, s->r->name, s->want, &a, e);
}

static int owned(struct host *h, const struct kind *k _unused_,
	void (*found)(const char *name, void *arg), void *arg, struct error *e)
{
	_cleanup_free_ char **names = NULL;
	size_t n = 0;
	int r = file_list(h->root, TREES_DIR, &names, &n);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot list %s: %s", TREES_DIR, strerror(-r));
	for (size_t i = 0; i < n; i++)
		found(names[i], arg);
	return 0;
}

const struct kind tree_kind = {
	.name = "tree",
	.table = &tree_table,
	.observe = observe,
	.diff = diff,
	.refine = refine,
	.apply = apply,
	.owned = owned,
};
