/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Specifications written, then all units started, stopped and restarted side by side. */
#include "config/obj.h"
#include "runner/guest_dropin.h"
#include "runner/guest_images.h"
#include "runner/guest_kind.h"
#include "runner/guest_live.h"
#include "runner/guest_macs.h"

enum { START_SECONDS = 180, STOP_SLACK_SECONDS = 60 };

struct batch {
	struct host *h;
	struct step *const *steps;
	struct unit_job *jobs;
	struct step **of; /* the step of each job */
	size_t n_jobs;
	unsigned seconds; /* the slowest may take */
	bool reload; /* a loaded unit has other settings now */
	struct guest_macs macs;
	struct guest_images images;
};

static int write_file(struct host *h, const char *name, const char *file, const struct strbuf *b,
	mode_t mode, struct error *e)
{
	struct guest_path p = guest_path(name, file);
	int r = file_write_atomic(h->root, p.s, sb_str(b), b->len, mode);

	return r < 0 ? error_set(e, r, "cannot write %s: %s", p.s, strerror(-r)) : 0;
}

static int write_spec(struct batch *b, const struct step *s, struct error *e)
{
	_cleanup_strbuf_ struct strbuf live = { 0 }, text = { 0 };
	struct spec spec;
	int r = guest_resolve(b->h, s->r->name, s->want, &spec, e);

	if (r < 0)
		return r;
	r = guest_macs_take(b->h, &b->macs, &spec, e);
	if (r < 0)
		return r;
	spec_json(&spec, &text);
	live_json(s->want, &live);
	r = write_file(b->h, s->r->name, FILE_LIVE, &live, 0644, e);
	return r < 0 ? r : write_file(b->h, s->r->name, FILE_SPEC, &text, 0600, e);
}

static int change_live(struct batch *b, const struct step *s, struct error *e)
{
	const struct guest_seen *seen = s->have;
	const struct guest *live;
	struct spec spec;
	int r = guest_resolve(b->h, s->r->name, s->want, &spec, e);

	if (r < 0)
		return r;
	live = guest_live(b->h->pass, s->want, seen->started);
	return guest_live_apply(b->h, &spec, live, guest_lost_ids(b->h->pass, seen, live), e);
}

/* A start on purpose: what the last run left is no longer true. */
static int clear_past(struct batch *b, const char *name, struct error *e)
{
	struct guest_path p = guest_path(name, FILE_STATE);
	int r = file_remove(b->h->root, p.s);

	if (r < 0 && r != -ENOENT)
		return error_set(e, r, "cannot remove %s: %s", p.s, strerror(-r));
	return 0;
}

static void add_job(struct batch *b, struct step *s, enum unit_verb verb)
{
	const struct guest_seen *seen = s->have;
	unsigned seconds = verb == UNIT_STOP ? 0 : START_SECONDS;

	if (verb != UNIT_START && seen && seen->applied)
		seconds += (unsigned)(seen->applied->shutdown.timeout / USEC_PER_SEC);
	b->seconds = MAX_OF(b->seconds, seconds + STOP_SLACK_SECONDS);
	b->of[b->n_jobs] = s;
	b->jobs[b->n_jobs++] = (struct unit_job){
		.unit = arena_strdup(b->h->pass, guest_unit(s->r->name).s),
		.verb = verb,
		.reset = true,
	};
}

static int prepare(struct batch *b, struct step *s, struct error *e)
{
	const struct guest_seen *seen = s->have;
	struct decision d;
	int r = 0;

	if (!s->want) {
		if (seen && (seen->running || seen->failed))
			add_job(b, s, UNIT_STOP);
		return 0;
	}
	d = guest_decide(s->want, seen);
	/* Before the spec: while that is not written, an apply that was cut off is done again. */
	if (d.write)
		r = guest_dropin_write(b->h, s->r->name, s->want, e);
	if (r > 0)
		b->reload = true;
	/* It loads the unit, which then has its drop-in. */
	if (d.write && r >= 0)
		r = guest_resources_set(b->h, s->r->name, s->want, seen ? seen->applied : NULL, e);
	if (d.write && r >= 0)
		r = write_spec(b, s, e);
	if (r >= 0 && d.live)
		r = guest_images_wait(&b->images, s, e);
	if (r >= 0 && d.live)
		r = change_live(b, s, e);
	if (r >= 0 && d.start)
		r = clear_past(b, s->r->name, e);
	if (r < 0 || !(d.start || d.stop || d.restart))
		return r;
	/* The next round starts it, when the other one is down. */
	if (!d.stop)
		r = guest_images_wait(&b->images, s, e);
	if (r >= 0 || d.restart)
		add_job(b, s, d.start ? UNIT_START : d.stop || r < 0 ? UNIT_STOP : UNIT_RESTART);
	return r;
}

/* systemd knows that it failed, the runner knows why. */
static void explain_failure(struct host *h, struct step *s, struct unit_job *job)
{
	_cleanup_free_ char *why = NULL;
	struct unit_end end;
	json_t *record = NULL;

	if (job->verb != UNIT_STOP && state_read(h->root, s->r->name, &record) >= 0 &&
		state_phase(record) == RUN_ENDED)
		why = state_why(record);
	json_decref(record);
	if (why)
		error_set(&s->error, -EIO, "%s", why);
	else if (job->verb != UNIT_STOP && units_end(h, job->unit, &end, NULL) >= 0 &&
		 !streq(end.result, "success"))
		error_set(&s->error, -EIO, "%s (%s, status %d)", job->error.text, end.result,
			(int)end.status);
	else
		error_set(&s->error, -EIO, "%s", job->error.text);
	error_cure(&s->error, job->error.cure ? "%s" : "journalctl -u %s",
		job->error.cure ? job->error.cure : job->unit);
}

static void finish_jobs(struct batch *b, int bus, const struct error *why)
{
	for (size_t i = 0; i < b->n_jobs; i++) {
		struct unit_job *job = &b->jobs[i];

		if (bus < 0 && !job->done && !job->error.code)
			error_set(&b->of[i]->error, bus, "%s", why->text);
		else if (job->error.code)
			explain_failure(b->h, b->of[i], job);
		error_clear(&job->error);
	}
}

void guest_apply(struct host *h, struct step *const *steps, size_t n)
{
	_cleanup_error_ struct error why = { 0 };
	struct batch b = {
		.h = h,
		.steps = steps,
		.jobs = arena_alloc(h->pass, (n + 1) * sizeof(*b.jobs)),
		.of = arena_alloc(h->pass, (n + 1) * sizeof(*b.of)),
	};
	int bus;

	guest_images_find(&b.images, steps, n);
	for (size_t i = 0; i < n; i++) {
		int r = prepare(&b, steps[i], &steps[i]->error);

		if (r < 0 && !steps[i]->error.code)
			error_set(&steps[i]->error, r, "%s", strerror(-r));
	}
	bus = b.reload ? units_reload(h, &why) : 0;
	if (bus >= 0)
		bus = units_run(h, b.jobs, b.n_jobs, b.seconds, &why);
	finish_jobs(&b, bus, &why);
	for (size_t i = 0; i < n; i++)
		if (!steps[i]->want && !steps[i]->error.code &&
			guest_resources_forget(h, steps[i]->r->name, &steps[i]->error) >= 0 &&
			guest_dropin_remove(h, steps[i]->r->name, &steps[i]->error) >= 0)
			guest_files_remove(h->root, steps[i]->r->name, &steps[i]->error);
	guest_images_free(&b.images);
	guest_macs_free(&b.macs);
}
