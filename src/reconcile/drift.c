/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/drift.h"
#include "reconcile/confirm.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"
#include "reconcile/status.h"

struct teller {
	void (*told)(const struct step *s, void *arg);
	void *arg;
};

void drift_free(struct drift *d)
{
	outcome_free(&d->out);
}

/* Its first plan is the comparison: with nothing to do nothing is written. */
static int repair(struct host *h, struct config *c, const char *cause, const struct teller *t,
	struct drift *d, struct error *e)
{
	const struct apply_options o = { .event = true, .told = t->told, .arg = t->arg };
	_cleanup_error_ struct error failure = { 0 };
	int r = apply(h, &c->wants, &o, &d->out, e);

	d->found = d->out.done + d->out.failed + d->out.blocked + d->out.undone;
	if (d->found)
		status_drift(h, cause, d->out.steps, d->out.n, true, &failure);
	return r < 0 ? r : (int)d->out.done;
}

static int report(struct host *h, struct config *c, const char *cause, const struct teller *t,
	struct drift *d, struct error *e)
{
	_cleanup_error_ struct error failure = { 0 };
	struct plan p;
	int r = plan_make(h, &c->wants, &p, e);

	if (r < 0)
		return r;
	plan_leave_to_people(&p);
	for (size_t i = 0; i < p.n; i++) {
		if (p.steps[i]->state != STEP_READY)
			continue;
		d->found++;
		t->told(p.steps[i], t->arg);
	}
	if (d->found)
		status_drift(h, cause, p.steps, p.n, false, &failure);
	return 0;
}

/* What was put back is not this generation's whole: nobody knows what is right but a person. */
static bool put_back(const struct host *h)
{
	const json_t *held = json_object_get(h->record->root, "held");

	return held && !json_is_true(json_object_get(held, "by_hand"));
}

static int locked(
	struct host *h, const char *cause, const struct teller *t, struct drift *d, struct error *e)
{
	_cleanup_config_ struct config c = { 0 };
	int r = record_load(h, e);

	if (r >= 0)
		r = confirm_recover(h, e);
	if (r < 0 || put_back(h))
		return r;
	r = generation_load(h, &c, e);
	if (r < 0)
		return r;
	/* Written by another version of kvmhost, say: the next reload speaks of it. */
	if (!c.valid)
		return error_set(e, -ENOENT, "the document in force is not valid for this version");
	d->policy = document_drift(c.wants.document);
	return (d->policy == DRIFT_REPORT ? report : repair)(h, &c, cause, t, d, e);
}

int drift_run(struct host *h, const char *cause, void (*told)(const struct step *s, void *arg),
	void *arg, struct drift *out, struct error *e)
{
	int r;

	*out = (struct drift){ 0 };
	r = host_lock(h, 0, e);
	if (r < 0)
		return r;
	r = locked(h, cause, &(struct teller){ told, arg }, out, e);
	host_unlock(h);
	return r;
}
