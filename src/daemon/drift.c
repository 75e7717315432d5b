/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When to look after an event, and what to say of it. Looking costs: a run
 * that finds nothing may take a tenth of a processor at most. Putting right
 * what somebody else keeps changing is done five times, then ever more seldom.
 */
#include "base/log.h"
#include "base/strbuf.h"
#include "daemon/events.h"
#include <malloc.h>
#include <systemd/sd-daemon.h>

enum {
	IDLE_PARTS = 9, /* of ten, after a run that found nothing */
	BUSY_FREE = 5, /* repairs in a row before they are held back */
	BUSY_DELAY_MAX = 300, /* seconds */
	BUSY_FORGET = 60, /* seconds without any, and the count begins anew */
	LATER = 1, /* second, while somebody else is at work */
};
#define USEC ((uint64_t)1000 * 1000)

static uint64_t usec_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * USEC + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_usec(void)
{
	return usec_of(CLOCK_MONOTONIC);
}

/*
 * What a look cost. Our time on a processor counts twice, since systemd works for it too; time in
 * which we were stopped or others were busy is no reason to put off the next one.
 */
static uint64_t cost(uint64_t elapsed, uint64_t cpu)
{
	return MIN_OF(elapsed, 2 * cpu);
}

static void describe(const struct step *s, struct strbuf *out)
{
	const struct change *c = s->n_changes ? &s->changes[0] : NULL;

	sb_addf(out, "%s", s->r->id);
	if (!s->have)
		sb_add(out, " (was gone)");
	else if (c)
		sb_addf(out, " (%s was %s, wanted %s%s)", c->path, c->have ? c->have : "absent",
			c->want ? c->want : "absent", s->n_changes > 1 ? ", and more" : "");
}

struct telling {
	struct strbuf found; /* one line for each */
	bool repairing;
};

static void told(const struct step *s, void *arg)
{
	_cleanup_strbuf_ struct strbuf line = { 0 };
	struct telling *t = arg;

	describe(s, &line);
	if (s->state == STEP_FAILED)
		log_error("drift: %s: not put right: %s%s%s", sb_str(&line), s->error.text,
			s->error.cure ? "; " : "", s->error.cure ? s->error.cure : "");
	else if (s->state == STEP_DONE)
		log_notice("drift: %s: put right", sb_str(&line));
	else
		sb_addf(&t->found, "%s\n", sb_str(&line));
}

/* Once, not at each event that changes nothing about it. */
static void report(struct ears *ears, struct telling *t)
{
	char *rest = t->found.len ? xstrdup(sb_str(&t->found)) : NULL, *line, *next = rest;

	if (!rest || (ears->reported && streq(ears->reported, rest))) {
		free(rest);
		return;
	}
	free(ears->reported);
	ears->reported = xstrdup(rest);
	while ((line = strsep(&next, "\n")) && *line)
		log_warning(
			"drift: %s: left so (drift: report); kvmhostctl apply puts it right", line);
	free(rest);
}

/* Once for each reason: with a full disk, say, every event meets the same. */
static void complain(struct ears *ears, const struct error *e)
{
	if (streq_null(ears->complained, e->text))
		return;
	free(ears->complained);
	ears->complained = e->text ? xstrdup(e->text) : NULL;
	log_failure(e);
}

/* How long until the next run may begin. */
static uint64_t hold_back(struct ears *ears, uint64_t end)
{
	uint64_t seconds;

	if (end > ears->busy_until + BUSY_FORGET * USEC)
		ears->busy = 0;
	ears->busy_until = end;
	if (++ears->busy <= BUSY_FREE)
		return 0;
	seconds = ears->busy - BUSY_FREE < 9 ? UINT64_C(1) << (ears->busy - BUSY_FREE)
					     : BUSY_DELAY_MAX;
	if (seconds > BUSY_DELAY_MAX)
		seconds = BUSY_DELAY_MAX;
	log_warning("drift: something keeps changing what the document says; next look in %llu s",
		(unsigned long long)seconds);
	ears->busy_until += seconds * USEC;
	return seconds * USEC;
}

static void again_later(struct daemon *d, const char *cause)
{
	d->ears->not_before = now_usec() + LATER * USEC;
	daemon_dirty(d, EVENT_CHANGED, cause);
}

void daemon_look(struct daemon *d)
{
	struct ears *ears = d->ears;
	_cleanup_free_ char *first = TAKE_PTR(ears->cause), *cause = NULL;
	struct telling t = { 0 };
	_cleanup_drift_ struct drift drift = { 0 };
	_cleanup_error_ struct error e = { 0 };
	uint64_t start = now_usec(), cpu = usec_of(CLOCK_PROCESS_CPUTIME_ID), end;
	int r;

	cause = ears->more ? xprintf("%s, and %zu more events", first, ears->more) : xstrdup(first);
	r = drift_run(&d->host, cause, told, &t, &drift, &e);
	end = now_usec();
	cpu = usec_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (drift.found && drift.policy == DRIFT_REPAIR)
		log_notice("drift: heard that %s; %d of %zu put right in %llu ms", cause,
			r < 0 ? (int)drift.out.done : r, drift.found,
			(unsigned long long)(end - start) / 1000);
	else if (r < 0 && r != -EBUSY && r != -ENOENT)
		complain(ears, &e);
	if (r >= 0)
		free(TAKE_PTR(ears->complained));
	if (drift.policy == DRIFT_REPORT)
		report(ears, &t);
	if (!drift.found)
		free(TAKE_PTR(ears->reported));
	sb_free(&t.found);
	host_idle(&d->host);
	malloc_trim(0);
	if (r == -EBUSY)
		return again_later(d, first);
	ears->not_before = end + (drift.found && drift.policy == DRIFT_REPAIR
						 ? hold_back(ears, end)
						 : IDLE_PARTS * cost(end - start, cpu));
}
