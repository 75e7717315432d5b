/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/apply.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/utf8.h"
#include "reconcile/record.h"
#include "reconcile/run.h"
#include "reconcile/undo.h"

void outcome_free(struct outcome *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(o->arenas); i++)
		arena_free(o->arenas[i]);
	*o = (struct outcome){ 0 };
}

int outcome_status(int r, const struct outcome *o)
{
	if (r < 0)
		return 1;
	return o->reboot_pending ? 3 : 0;
}

const char *apply_held(const struct host *h, const char **reason)
{
	const json_t *held = json_object_get(h->record->root, "held");

	if (reason)
		*reason = json_string_value(json_object_get(held, "reason"));
	return json_string_value(json_object_get(held, "document"));
}

void apply_hold(struct host *h, const char *document, const char *reason)
{
	json_object_set_new(h->record->root, "held",
		json_pack("{s:s, s:s}", "document", document, "reason", reason));
	record_touch(h);
}

static void settle_hold(struct host *h, const struct apply_options *o, const struct outcome *out)
{
	_cleanup_free_ char *reason = NULL;
	const struct step *why = out->lost;

	for (size_t i = 0; i < out->n && !why; i++)
		if (out->steps[i]->state == STEP_UNDONE)
			why = out->steps[i]->blocked_by;
	if (o->event)
		return;
	if (why) {
		reason =
			xprintf("%s: %s", why->r->id, why->error.text ? why->error.text : "failed");
		utf8_mend(reason);
		apply_hold(h, o->document_hash ? o->document_hash : "", reason);
	} else if (!o->fallback && json_object_del(h->record->root, "held") == 0) {
		record_touch(h);
	}
}

static int refuse(const struct plan *p, struct outcome *out, struct error *e)
{
	out->refused = true;
	error_set(e, -EPERM,
		"refused: this document would release %zu of the things that the one "
		"before it asked for, which is most of them",
		p->n_removals);
	return error_cure(e,
		"if that is meant: kvmhostctl apply --allow-mass-removal; else look for "
		"an empty or missing file");
}

/* Written before the first change: what is about to be ours, and how it was. */
static int take_all(struct host *h, struct wants *w, const struct plan *p, struct error *e)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct step *s = p->steps[i];

		if (s->state == STEP_READY && s->r->want)
			record_take(h, s->r, s->ours ? NULL : s->have);
	}
	for (size_t i = 0; i < w->n; i++)
		if (record_has(h, w->v[i]->id))
			record_take(h, w->v[i], NULL);
	return record_save(h, e);
}

static void drop_released(struct host *h, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!p->steps[i]->r->want && p->steps[i]->state == STEP_DONE)
			record_drop(h, p->steps[i]->r->id);
}

/* Keeps the newest step of each resource. */
static void collect(struct outcome *out, struct arena *a, struct strmap *seen, const struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		size_t *at = strmap_get(seen, p->steps[i]->r->id);

		if (at) {
			out->steps[*at] = p->steps[i];
			continue;
		}
		at = arena_alloc(a, sizeof(*at));
		*at = out->n;
		strmap_put(seen, p->steps[i]->r->id, at);
		*ARENA_PUSH(a, out->steps, out->n) = p->steps[i];
	}
}

/* Steps of resources that failed in an earlier round for good are not tried again. */
static size_t skip_dead(
	struct plan *p, const struct outcome *out, const struct strmap *seen, bool last)
{
	size_t left = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];
		const size_t *at = strmap_get(seen, s->r->id);
		const struct step *was = at ? out->steps[*at] : NULL;

		if (s->state == STEP_READY && was &&
			((was->state == STEP_FAILED && (last || !moved(was))) ||
				was->state == STEP_BLOCKED || was->state == STEP_UNDONE)) {
			s->state = was->state;
			s->error = was->error;
			s->blocked_by = was->blocked_by;
		}
		left += s->state == STEP_READY;
	}
	return left;
}

/* What differs although its step was done: somebody else changes it, or we cannot read it back. */
static void fail_unsettled(struct host *h, struct plan *p, const struct apply_options *o)
{
	for (size_t i = 0; i < p->n; i++) {
		struct step *s = p->steps[i];

		if (s->state != STEP_READY)
			continue;
		s->state = STEP_FAILED;
		s->error.code = -EBUSY;
		s->error.text =
			s->n_changes ? arena_printf(h->pass,
					       "still differs after %d tries: %s is %s, wanted %s",
					       APPLY_ROUNDS, s->changes[0].path,
					       s->changes[0].have ? s->changes[0].have : "absent",
					       s->changes[0].want ? s->changes[0].want : "absent")
				     : arena_printf(h->pass, "still differs after %d tries",
					       APPLY_ROUNDS);
		s->error.cure = "find who else changes it; journalctl -u kvmhostd has the tries";
		if (o->told)
			o->told(s, o->arg);
	}
}

static void count(struct outcome *out)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct step *s = out->steps[i];

		out->done += s->state == STEP_DONE;
		out->failed += s->state == STEP_FAILED;
		out->blocked += s->state == STEP_BLOCKED;
		out->undone += s->state == STEP_UNDONE;
		out->waiting += s->state == STEP_WAITING;
		if (s->state == STEP_WAITING && s->disruption == DISRUPT_REBOOT)
			out->reboot_pending = true;
	}
}

/* Once each: those that an earlier round could not read either have been told. */
static void tell_unreadable(const struct plan *p, const struct apply_options *o,
	const struct outcome *out, const struct strmap *seen)
{
	for (size_t i = 0; i < p->n; i++) {
		const size_t *at = strmap_get(seen, p->steps[i]->r->id);

		if (p->steps[i]->unreadable && o->told && (!at || !out->steps[*at]->unreadable))
			o->told(p->steps[i], o->arg);
	}
}

static int rounds(struct host *h, struct wants *w, const struct apply_options *o,
	struct guarding *g, struct outcome *out, struct strmap *seen, struct error *e)
{
	struct plan p;
	int r = 0;

	for (int round = 0;; round++) {
		r = r > 0 ? plan_again(h, w, &p, e) : plan_make(h, w, &p, e);
		if (r < 0)
			return r;
		out->n_resources = p.n_resources;
		if (o->event)
			plan_leave_to_people(&p);
		if (round == 0 && p.removes_most && !o->allow_mass_removal)
			return refuse(&p, out, e);
		tell_unreadable(&p, o, out, seen);
		if (!skip_dead(&p, out, seen, round == APPLY_ROUNDS) || round == APPLY_ROUNDS) {
			fail_unsettled(h, &p, o);
			collect(out, out->arenas[0], seen, &p);
			return 0;
		}
		/* Nothing of this round is changed yet. */
		stop_defer();
		if (stop_asked())
			return -EINTR;
		r = take_all(h, w, &p, e);
		if (r >= 0)
			r = run_steps(h, &p, o, g, round + 1 == APPLY_ROUNDS, e);
		if (r != -EINTR || !undo_pending(h))
			drop_released(h, &p);
		collect(out, out->arenas[0], seen, &p);
		if (r < 0)
			return r;
		out->arenas[round + 1] = TAKE_PTR(h->pass);
	}
}

/* A signal came: what of the network was not settled yet goes back. out is counted. */
static int stopped(
	struct host *h, const struct apply_options *o, struct outcome *out, struct error *e)
{
	_cleanup_free_ char *reason = NULL;
	char document[65] = "";
	bool pending = undo_pending(h);
	const char *name;
	uint64_t until;
	int back = 0;

	out->stopped = stop_obey();
	name = stop_name(out->stopped);
	if (pending && (back = undo_awaited(h, document, &until, e)) >= 0)
		back = undo_replay(h, e);
	if (back < 0)
		return back;
	if (back && o->person && *document) {
		reason = xprintf("it was ended by %s while it was applied", name);
		apply_hold(h, document, reason);
	}
	if (back)
		return error_set(e, -EINTR,
			"ended by %s; of the network %d resource%s put back as before", name, back,
			back == 1 ? " was" : "s were");
	if (!out->done)
		return error_set(e, -EINTR, "ended by %s before anything was changed", name);
	return error_set(e, -EINTR, "ended by %s: %zu step%s done, the rest was not begun", name,
		out->done, plural(out->done));
}

int apply(struct host *h, struct wants *w, const struct apply_options *o, struct outcome *out,
	struct error *e)
{
	_cleanup_strmap_ struct strmap seen = { 0 };
	struct guarding g = { .document = w->document };
	int r, saved;

	*out = (struct outcome){ .arenas = { arena_new() } };
	if (!h->record && (r = record_load(h, e)) < 0)
		return r;
	r = rounds(h, w, o, &g, out, &seen, e);
	out->lost = g.lost;
	if (g.state)
		o->guard->end(g.state);
	if (out->refused)
		return r;
	if (r == -EINTR && stop_asked()) {
		count(out);
		r = stopped(h, o, out, e);
		record_save(h, NULL);
		return r;
	}
	settle_hold(h, o, out);
	if (r == 0 && o->confirm_seconds && undo_pending(h)) {
		out->confirm_by = h->uptime() + o->confirm_seconds;
		r = undo_await(h, o->document_hash, out->confirm_by, e);
	}
	saved = record_save(h, r < 0 ? NULL : e);
	count(out);
	if (r < 0 || saved < 0)
		return r < 0 ? r : saved;
	if (out->failed || out->blocked || out->undone)
		return error_set(e, -EIO, "%zu failed, %zu blocked by them, %zu put back",
			out->failed, out->blocked, out->undone);
	return 0;
}
