/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/drift.h"
#include "reconcile/confirm.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"
#include "reconcile/status.h"

void drift_free(struct drift *d)
{
	free(TAKE_PTR(d->generation));
	outcome_free(&d->out);
}

static size_t count(const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->steps[i]->state == STEP_READY;
	return n;
}

static void tell(const struct plan *p, void (*told)(const struct step *s, void *arg), void *arg)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->steps[i]->state == STEP_READY)
			told(p->steps[i], arg);
}

static int repair(struct host *h, struct config *c, void (*told)(const struct step *s, void *arg),
	void *arg, struct drift *d, struct error *e)
{
	const struct apply_options o = { .event = true, .told = told, .arg = arg };
	int r = apply(h, &c->wants, &o, &d->out, e);

	return r < 0 ? r : (int)d->out.done;
}

static int compare(struct host *h, struct config *c, const char *cause,
	void (*told)(const struct step *s, void *arg), void *arg, struct drift *d, struct error *e)
{
	_cleanup_error_ struct error failure = { 0 };
	struct plan p;
	int r = plan_make(h, &c->wants, &p, e);

	if (r < 0)
		return r;
	plan_leave_to_people(&p);
	d->found = count(&p);
	d->policy = document_drift(c->wants.document);
	d->generation = xstrdup(config_hash(c));
	if (!d->found)
		return 0;
	if (d->policy == DRIFT_REPORT) {
		tell(&p, told, arg);
		status_drift(h, cause, p.steps, p.n, false, &failure);
		return 0;
	}
	r = repair(h, c, told, arg, d, e);
	status_drift(h, cause, d->out.steps, d->out.n, true, &failure);
	return r;
}

static int locked(struct host *h, const char *cause, void (*told)(const struct step *s, void *arg),
	void *arg, struct drift *d, struct error *e)
{
	_cleanup_config_ struct config c = { 0 };
	int r = record_load(h, e);

	if (r >= 0)
		r = confirm_recover(h, e);
	if (r < 0 || apply_held(h, NULL))
		return r;
	r = generation_load(h, &c, e);
	if (r < 0)
		return r;
	/* Written by another version of kvmhost, say: the next reload speaks of it. */
	if (!c.valid)
		return error_set(e, -ENOENT, "the document in force is not valid for this version");
	return compare(h, &c, cause, told, arg, d, e);
}

int drift_run(struct host *h, const char *cause, void (*told)(const struct step *s, void *arg),
	void *arg, struct drift *out, struct error *e)
{
	int r;

	*out = (struct drift){ 0 };
	r = host_lock(h, 0, e);
	if (r < 0)
		return r;
	r = locked(h, cause, told, arg, out, e);
	host_unlock(h);
	return r;
}
