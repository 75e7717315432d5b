/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A manager hears of its files, and lets go of links that are ours. */
#include "net/manager.h"
#include "net/port.h"
#include "net/route.h"
#include <time.h>

enum { TELL_SECONDS = 30, SETTLE_MSEC = 3000, SETTLE_STEP_MSEC = 20 };

void manager_find_held(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *ref, struct manager *m)
{
	const char **v = NULL;

	m->held = (struct list){ 0 };
	for (size_t i = 0; m->running && i < ref->unmanaged.n; i++) {
		const char *name = LIST_AT(&ref->unmanaged, const char *, i);
		const struct link *l = links_name(ls, name);

		if (l && d->manages(h, l))
			*ARENA_PUSH(h->pass, v, m->held.n) = name;
	}
	m->held.v = v;
}

static void pause_msec(long n)
{
	nanosleep(&(struct timespec){ .tv_nsec = n * 1000000 }, NULL);
}

/* Of the links that it should not have in hand. */
static bool any_stuck(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct list *held)
{
	for (size_t i = 0; d->stuck && i < held->n; i++)
		if (d->stuck(h, links_name(ls, LIST_AT(held, const char *, i))))
			return true;
	return false;
}

/* It says what it manages in files, in its own time after the job. Returns whether it let go. */
static bool await_release(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *m)
{
	struct manager now = { .running = true };

	for (long t = 0; t < SETTLE_MSEC; t += SETTLE_STEP_MSEC) {
		manager_find_held(h, d, ls, m, &now);
		if (!now.held.n || any_stuck(h, d, ls, &now.held))
			break;
		pause_msec(SETTLE_STEP_MSEC);
	}
	return !now.held.n;
}

/* A bridge that took the card while it is being set up would get only half of what it has. */
static void await_taking(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *m)
{
	for (long t = 0; d->busy && t < SETTLE_MSEC; t += SETTLE_STEP_MSEC) {
		bool busy = false;

		for (size_t i = 0; i < m->given.n; i++)
			busy |= d->busy(h, links_name(ls, LIST_AT(&m->given, const char *, i)));
		if (!busy)
			return;
		pause_msec(SETTLE_STEP_MSEC);
	}
}

void managers_await(struct host *h, const struct link *l)
{
	for (size_t i = 0; i < n_manager_daemons; i++) {
		const struct manager_daemon *d = &manager_daemons[i];

		if (!d->busy || !manager_runs(h, d))
			continue;
		for (long t = 0; t < SETTLE_MSEC && d->busy(h, l); t += SETTLE_STEP_MSEC)
			pause_msec(SETTLE_STEP_MSEC);
	}
}

static int run_job(
	struct host *h, const struct manager_daemon *d, enum unit_verb verb, struct error *e)
{
	/* Beyond systemd's start limit, to which ours would count, it would stay down. */
	struct unit_job job = { .unit = d->unit, .verb = verb, .reset = verb == UNIT_RESTART };
	int r = units_run(h, &job, 1, TELL_SECONDS, e);

	if (r >= 0 && job.error.code) {
		*e = job.error;
		return error_cure(e, "journalctl -u %s says why", d->unit);
	}
	error_clear(&job.error);
	return r;
}

int manager_reload(struct host *h, const struct manager_daemon *d, struct error *e)
{
	return run_job(h, d, UNIT_RELOAD, e);
}

static enum unit_verb verb_for(const struct manager_daemon *d, bool takes, bool gives)
{
	if (takes && gives)
		return UNIT_RESTART;
	return takes ? d->take : gives ? d->give : UNIT_RELOAD;
}

static void drop_routes(struct host *h, struct nl *nl, const struct link *port, struct error *e)
{
	struct error unreadable = { 0 };
	struct route *v;
	size_t n;

	/* Made of an administrator's nexthop objects: no manager's. */
	if (routes_read(nl, h->pass, port->index, &v, &n, &unreadable) < 0) {
		error_clear(&unreadable);
		return;
	}
	for (size_t i = 0; i < n; i++)
		netlink_queue(nl, route_delete(&v[i], port->index, port->index),
			(struct netlink_call){ "take a route from", port->name, ESRCH, e });
}

/*
 * A card goes down on its way into a bond, and the daemon, which still has it in hand then, sets it
 * up anew as it comes up. Addresses that came back the next turn sees; routes would stand beside
 * the bond's, and lead out by this card alone.
 */
static int empty_ports(
	struct host *h, const struct links *ls, const struct manager *m, struct error *e)
{
	struct nl *nl;
	int r = netlink_get(h, &nl, e);

	for (size_t i = 0; r >= 0 && i < m->unmanaged.n; i++) {
		const struct link *l = links_name(ls, LIST_AT(&m->unmanaged, const char *, i));

		if (l && l->master && taken_by(h, l->name))
			drop_routes(h, nl, l, e);
	}
	if (r >= 0)
		netlink_flush(nl);
	return r < 0 ? r : e->code;
}

int manager_tell(struct host *h, const struct manager_daemon *d, const struct links *ls,
	const struct manager *m, struct error *e)
{
	struct manager now = { .running = true };
	bool takes;
	int r;

	manager_find_held(h, d, ls, m, &now);
	takes = now.held.n || m->takes;
	r = run_job(h, d, verb_for(d, takes, m->given.n || m->untold), e);
	if (r >= 0 && !await_release(h, d, ls, m) && d->stuck) {
		r = run_job(h, d, UNIT_RESTART, e);
		if (r >= 0)
			await_release(h, d, ls, m);
	}
	if (r >= 0 && takes)
		r = empty_ports(h, ls, m, e);
	if (r >= 0)
		await_taking(h, d, ls, m);
	return r;
}
