/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "daemon/daemon.h"
#include "net/probe.h"
#include "reconcile/converge.h"
#include "reconcile/generation.h"
#include "reconcile/record.h"
#include "reconcile/status.h"
#include "reconcile/units.h"
#include <malloc.h>
#include <systemd/sd-daemon.h>

enum { LOCK_SECONDS = 120 };

/* One journal line for each: file, line, what and the cure. */
static void log_diags(struct diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		const struct diag *g = &d->v[i];
		const char *place = mark_text(d->arena, g->mark);

		log_at(g->severity == DIAG_ERROR ? LOG_ERR : LOG_WARNING, "%s%s%s%s%s", place,
			*place ? ": " : "", g->text, g->hint ? "; " : "", g->hint ? g->hint : "");
	}
}

static void log_failed(const struct step *s)
{
	struct arena *a = arena_new();
	const char *place = mark_text(a, step_mark(s));

	log_error("%s: %s failed: %s%s%s%s%s%s", s->r->id, verb_name(s->verb), s->error.text,
		s->error.cure ? "; " : "", s->error.cure ? s->error.cure : "", *place ? " (" : "",
		place, *place ? ")" : "");
	arena_free(a);
}

static void log_step(const struct step *s, void *arg _unused_)
{
	switch (s->state) {
	case STEP_DONE: log_info("%s: %s done", s->r->id, verb_name(s->verb)); break;
	case STEP_FAILED: log_failed(s); break;
	case STEP_BLOCKED:
		log_error("%s: not done, because %s was not", s->r->id, s->blocked_by->r->id);
		break;
	case STEP_UNDONE:
		log_error("%s: put back, because %s failed", s->r->id, s->blocked_by->r->id);
		break;
	case STEP_READY:
	case STEP_WAITING: break;
	}
}

static void summarize(struct daemon *d, const struct outcome *out, int r, const struct error *e)
{
	free(d->summary);
	d->failed = r < 0;
	if (r < 0)
		d->summary = error_line(e);
	else if (out->waiting)
		d->summary = xprintf("converged: %zu resource%s, %zu changed, %zu waiting",
			out->n_resources, plural(out->n_resources), out->done, out->waiting);
	else
		d->summary = xprintf("converged: %zu resource%s, %zu changed", out->n_resources,
			plural(out->n_resources), out->done);
	for (size_t i = 0; i < out->n; i++)
		if (out->steps[i]->state == STEP_WAITING)
			log_notice("%s waits for %s", out->steps[i]->r->id, out->steps[i]->wait);
}

/* The first failed step says more than a count does. */
static void first_failure(const struct outcome *out, struct error *e)
{
	for (size_t i = 0; i < out->n; i++) {
		const struct step *s = out->steps[i];

		if (s->state != STEP_FAILED)
			continue;
		error_set(e, -EIO, "%s: %s%s", s->r->id, s->error.text,
			out->failed + out->blocked + out->undone > 1
				? " (and more: kvmhostctl status)"
				: "");
		if (s->error.cure)
			error_cure(e, "%s", s->error.cure);
		return;
	}
}

/*
 * At boot others wait for the network (network-online.target), and for no guest. One of them may be
 * the mount that a guest's disk is on: the guest would wait for it, and we for the guest.
 */
static void network_done(void *arg)
{
	struct daemon *d = arg;
	struct unit online;

	d->host.early = false;
	if (d->starting && units_state(&d->host, UNIT_ONLINE, &online, NULL) >= 0 && online.job)
		sd_notify(false, "READY=1");
}

static int run(struct daemon *d, struct config *c, bool fallback, struct error *e)
{
	const struct converge_options o = {
		.apply = { .guard = &network_guard,
			.told = log_step,
			.network_done = network_done,
			.arg = d,
			.fallback = fallback },
		.lock_seconds = LOCK_SECONDS,
	};
	_cleanup_outcome_ struct outcome out = { 0 };
	int r;

	d->host.early = d->starting;
	r = converge(&d->host, c, &o, &out, e);
	d->host.early = false;
	if (r == -EIO)
		first_failure(&out, e);
	summarize(d, &out, r, e);
	return r;
}

static int invalid(struct daemon *d, struct config *c, struct error *e)
{
	_cleanup_error_ struct error failure = { 0 };
	const struct diag *first = NULL;

	log_diags(&c->diags);
	if (status_write_invalid(&d->host, &c->diags, &failure) < 0)
		log_failure(&failure);
	for (size_t i = 0; i < c->diags.n && !first; i++)
		if (c->diags.v[i].severity == DIAG_ERROR)
			first = &c->diags.v[i];
	if (first) {
		const char *place = mark_text(c->arena, first->mark);

		error_set(e, -EINVAL, "the document is not valid and nothing was changed: %s%s%s%s",
			place, *place ? ": " : "", first->text,
			c->diags.errors > 1 ? " (and more: kvmhostctl check)" : "");
		if (first->hint)
			error_cure(e, "%s", first->hint);
	} else {
		error_set(e, -EINVAL, "the document could not be loaded");
	}
	summarize(d, &(struct outcome){ 0 }, -EINVAL, e);
	return -EINVAL;
}

/* At start there may be a last good document to keep the host by. */
static void fall_back(struct daemon *d)
{
	_cleanup_config_ struct config c = { 0 };
	_cleanup_error_ struct error e = { 0 };
	char *summary;

	if (record_load(&d->host, &e) < 0 || generation_load(&d->host, &c, &e) < 0) {
		log_failure(&e);
		return;
	}
	if (!c.valid)
		return;
	log_warning("keeping the host by the last good document, generation %lld",
		(long long)json_integer_value(
			json_object_get(generation_current(&d->host), "number")));
	summary = TAKE_PTR(d->summary);
	if (run(d, &c, true, &e) < 0)
		log_failure(&e);
	free(d->summary);
	d->summary = summary;
	d->failed = true;
}

int daemon_converge(struct daemon *d, bool starting, struct error *e)
{
	_cleanup_config_ struct config c = { 0 };
	int r;

	sd_notify(false, "STATUS=converging");
	config_load(&c, &d->host, d->configs, d->n_configs, DOCUMENT_STRICT_OWNER);
	if (c.valid) {
		log_diags(&c.diags);
		r = run(d, &c, false, e);
		/* Put back and held: at boot there is nothing of it, and nothing before it either.
		 */
		if (r == -ECANCELED && starting)
			fall_back(d);
	} else {
		r = invalid(d, &c, e);
		if (starting)
			fall_back(d);
	}
	sd_notifyf(false, "STATUS=%s", d->summary);
	if (r < 0)
		log_error("%s", d->summary);
	else
		log_notice("%s", d->summary);
	host_idle(&d->host);
	malloc_trim(0);
	return r;
}
