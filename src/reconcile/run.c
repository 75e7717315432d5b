/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/run.h"
#include "base/log.h"
#include "base/stop.h"
#include "reconcile/undo.h"

bool moved(const struct step *s)
{
	return s->state == STEP_FAILED &&
	       (s->error.code == -EEXIST || s->error.code == -ENOENT || s->error.code == -EAGAIN);
}

struct round {
	const struct apply_options *o;
	bool final; /* none follows, so that a moved world is a failure */
};

/* Failed, but for this round alone. */
static bool put_off(const struct round *round, const struct step *s)
{
	return !round->final && moved(s) && !s->unreadable;
}

/* What the next round tries again is told then. */
static void tell(const struct round *round, const struct step *s)
{
	const struct apply_options *o = round->o;

	if (o->told && !put_off(round, s))
		o->told(s, o->arg);
}

/* Texts move into the pass arena, so that a step needs no freeing. */
static void finish(struct host *h, struct step *s, struct error *e)
{
	if (!e->code) {
		s->state = STEP_DONE;
		return;
	}
	s->state = STEP_FAILED;
	s->error.code = e->code;
	s->error.text = arena_strdup(h->pass, e->text ? e->text : strerror(-e->code));
	s->error.cure = e->cure ? arena_strdup(h->pass, e->cure) : NULL;
	error_clear(e);
}

static bool needs_met(const struct step *s)
{
	for (size_t i = 0; i < s->n_after; i++)
		if (s->after[i]->state != STEP_DONE &&
			!(s->after[i]->state == STEP_WAITING && s->after[i]->have))
			return false;
	return true;
}

/* For something that the next round tries again, and so is this. */
static bool has_to_wait(const struct round *round, const struct step *s)
{
	for (size_t i = 0; i < s->n_after; i++)
		if (s->after[i]->state == STEP_READY || put_off(round, s->after[i]))
			return true;
	return false;
}

/* A need that will never be met in this round, or NULL. */
static const struct step *hindrance(const struct step *s)
{
	for (size_t i = 0; i < s->n_after; i++) {
		enum step_state state = s->after[i]->state;

		if (state == STEP_FAILED || state == STEP_BLOCKED || state == STEP_UNDONE)
			return s->after[i];
	}
	return NULL;
}

static void run_one(struct host *h, struct step *s)
{
	_cleanup_error_ struct error e = { 0 };
	int r = 0;

	if (s->verb != STEP_FORGET)
		r = s->r->kind->apply(h, s, &e);
	if (r < 0 && !e.code)
		error_set(&e, r, "%s", strerror(-r));
	finish(h, s, &e);
}

/* All ready steps of the kind at once: one commit per table, units started side by side. */
static void run_batch(struct host *h, struct plan *p, size_t from, const struct round *round)
{
	const struct kind *k = p->steps[from]->r->kind;
	struct step **batch = arena_alloc(h->pass, (p->n - from) * sizeof(*batch));
	size_t n = 0, i;

	for (i = from; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (s->r->kind == k && s->state == STEP_READY && needs_met(s) &&
			s->verb != STEP_FORGET)
			batch[n++] = s;
	}
	k->apply_all(h, batch, n);
	for (i = 0; i < n; i++) {
		struct error e = batch[i]->error;

		batch[i]->error = (struct error){ 0 };
		finish(h, batch[i], &e);
		tell(round, batch[i]);
	}
}

/* Runs what can be run among steps[from..to), until a signal comes. */
static void run_range(
	struct host *h, struct plan *p, size_t from, size_t to, const struct round *round)
{
	for (size_t i = from; i < to && !stop_asked(); i++) {
		struct step *s = p->steps[i];

		if (s->state != STEP_READY || has_to_wait(round, s))
			continue;
		s->blocked_by = hindrance(s);
		if (s->blocked_by) {
			s->state = STEP_BLOCKED;
			tell(round, s);
		} else if (s->r->kind->apply_all && s->verb != STEP_FORGET) {
			run_batch(h, p, i, round);
		} else {
			run_one(h, s);
			tell(round, s);
		}
	}
}

/* One past the last step under the undo log; 0: there is none. */
static size_t undo_end(const struct plan *p)
{
	size_t end = 0;

	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i]->r->kind->undo && p->steps[i]->state == STEP_READY)
			end = i + 1;
	return end;
}

static void fail(struct host *h, struct step *s, int code, const char *text)
{
	s->state = STEP_FAILED;
	s->error.code = code;
	s->error.text = arena_strdup(h->pass, text);
}

/* Reads back what the network steps did; one that does not hold has failed. */
static void verify(struct host *h, struct plan *p, size_t end)
{
	host_forget(h);
	for (size_t i = 0; i < end; i++) {
		struct step *s = p->steps[i], again;
		_cleanup_error_ struct error why = { 0 };
		int r;

		if (!s->r->kind->undo || s->state != STEP_DONE || s->verb == STEP_FORGET)
			continue;
		again = *s;
		again.changes = NULL;
		again.n_changes = 0;
		again.have = NULL;
		r = s->r->kind->observe(h, s->r, (void **)&again.have, &why);
		if (r == NOT_HERE)
			continue;
		if (r < 0)
			fail(h, s, why.code, why.text ? why.text : "cannot be read back");
		else if (!s->want != !again.have)
			fail(h, s, -EAGAIN,
				s->want ? "was made, but is gone again"
					: "was removed, but is there again");
		else if (s->want && s->r->kind->diff)
			s->r->kind->diff(h, &again);
		else if (s->want)
			again.n_changes = obj_diff(s->want, again.have, h->pass, &again.changes);
		/* What has to wait for something is no failure of what was done. */
		if (again.n_changes && !again.wait)
			fail(h, s, -EAGAIN,
				arena_printf(h->pass, "was changed, but %s is %s again",
					again.changes[0].path,
					again.changes[0].have ? again.changes[0].have : "absent"));
	}
}

/* The first network step that failed for good, or NULL. */
static struct step *broken(struct plan *p, size_t end, bool final)
{
	for (size_t i = 0; i < end; i++) {
		struct step *s = p->steps[i];

		if (s->r->kind->undo && s->state == STEP_FAILED && !s->unreadable &&
			(final || !moved(s)))
			return s;
	}
	return NULL;
}

static int begin_guard(
	struct host *h, const struct apply_options *o, struct guarding *g, struct error *e)
{
	if (!o->guard || g->begun)
		return 0;
	g->begun = true;
	return o->guard->begin(h, g->document, &g->state, e);
}

static void arm(const struct apply_options *o, struct guarding *g)
{
	if (!o->confirm_seconds || !o->arm || g->armed)
		return;
	g->armed = true;
	o->arm(o->confirm_seconds);
}

/* The step that most likely cut the host off. */
static struct step *suspect(struct plan *p, size_t end)
{
	struct step *worst = NULL;

	for (size_t i = 0; i < end; i++) {
		struct step *s = p->steps[i];

		if (s->r->kind->undo && s->state == STEP_DONE &&
			(!worst || s->disruption > worst->disruption))
			worst = s;
	}
	return worst;
}

/* The step that has to answer for it when the host cannot be reached any more, or NULL. */
static struct step *cut_off(struct host *h, struct plan *p, size_t end, const struct round *round,
	const struct guarding *g)
{
	struct step *s = g->state ? suspect(p, end) : NULL;
	_cleanup_error_ struct error why = { 0 };
	int r = s ? round->o->guard->still(h, g->state, &why) : 0;

	if (r >= 0 || r == -EINTR)
		return NULL;
	fail(h, s, why.code, why.text);
	s->error.cure = why.cure ? arena_strdup(h->pass, why.cure) : NULL;
	tell(round, s);
	return s;
}

static int roll_back(struct host *h, struct plan *p, struct step *why, const struct round *round,
	struct error *e)
{
	int r = undo_replay(h, e);

	if (r < 0)
		return r;
	if (r)
		log_notice("%s failed; the network is back to how it was (%d resources)",
			why->r->id, r);
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (undo_goes_back(s) && s->state == STEP_DONE) {
			s->state = STEP_UNDONE;
			s->blocked_by = why;
			tell(round, s);
		}
	}
	return 0;
}

/* A signal came before the network was settled: what was done of it will be put back. */
static int unsettled(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (undo_goes_back(p->steps[i]) && p->steps[i]->state == STEP_DONE)
			p->steps[i]->state = STEP_READY;
	return -EINTR;
}

int run_steps(struct host *h, struct plan *p, const struct apply_options *o, struct guarding *g,
	bool final, struct error *e)
{
	const struct round round = { o, final };
	size_t end = undo_end(p);
	struct step *why = NULL;
	bool more = false;
	int r;

	for (size_t i = end; i < p->n; i++)
		more |= p->steps[i]->state == STEP_READY;
	if (end) {
		r = begin_guard(h, o, g, e);
		if (r >= 0)
			arm(o, g);
		if (r >= 0)
			r = undo_begin(h, p, o->document_hash, e);
		if (r < 0)
			return r;
		run_range(h, p, 0, end, &round);
		if (stop_asked())
			return unsettled(p);
		verify(h, p, end);
		why = broken(p, end, final);
		if (!why)
			g->lost = why = cut_off(h, p, end, &round, g);
		if (!why && stop_asked())
			return unsettled(p);
		if (why)
			r = roll_back(h, p, why, &round, e);
		else if (!o->confirm_seconds)
			r = undo_commit(h, e);
		if (r < 0)
			return r;
	}
	if (o->network_done)
		o->network_done(o->arg);
	run_range(h, p, end, p->n, &round);
	if (more && stop_asked())
		return -EINTR;
	return end && !why && !more;
}
