/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs, pipelined: all calls go out at once; systemd answers each with the
 * job's object path, and says JobRemoved when it is done with it. systemd
 * queues the answer before the job can run, so the order on the one connection
 * is answer, then JobRemoved.
 */
#include "reconcile/units_bus.h"
#include "base/stop.h"
#include <time.h>

#define NO_SUCH_UNIT "org.freedesktop.systemd1.NoSuchUnit"

struct run {
	struct units *u;
	struct unit_job *jobs;
	size_t n, open; /* open: not done yet */
};

/* Between two looks whether the program is to end. */
#define LOOK_USEC ((uint64_t)200 * 1000)

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static const char *const verb_method[] = {
	[UNIT_START] = "StartUnit",
	[UNIT_STOP] = "StopUnit",
	[UNIT_RESTART] = "RestartUnit",
	[UNIT_RELOAD] = "ReloadUnit",
};
static const char *const verb_word[] = {
	[UNIT_START] = "start",
	[UNIT_STOP] = "stop",
	[UNIT_RESTART] = "restart",
	[UNIT_RELOAD] = "reload",
};

static void finish(struct run *run, struct unit_job *j)
{
	if (j->done)
		return;
	j->done = true;
	run->open--;
}

/* The `result` of JobRemoved, in words; NULL: all is well. org.freedesktop.systemd1(5). */
static const char *job_result(const char *result)
{
	static const char *const words[][2] = {
		{ "failed", "it failed" },
		{ "timeout", "it took too long" },
		{ "canceled", "the job was canceled by another one" },
		{ "dependency", "a unit that it needs failed" },
		{ "assert", "a condition of the unit file does not hold" },
		{ "unsupported", "systemd cannot do that here" },
		{ "invalid", "the unit cannot do that" },
	};

	if (streq(result, "done") || streq(result, "skipped"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (streq(result, words[i][0]))
			return words[i][1];
	return result;
}

static int on_removed(sd_bus_message *m, void *arg, _unused_ sd_bus_error *ret)
{
	struct run *run = arg;
	const char *result, *why;
	uint32_t id;
	int r = sym_sd_bus_message_read(m, "uoss", &id, NULL, NULL, &result);

	if (r < 0)
		return r;
	why = job_result(result);
	for (size_t i = 0; i < run->n; i++) {
		struct unit_job *j = &run->jobs[i];

		if (!j->replied || j->done || j->id != id)
			continue;
		if (why)
			error_set(&j->error, -EIO, "systemd could not %s %s: %s",
				verb_word[j->verb], j->unit, why);
		finish(run, j);
	}
	return 0;
}

/*
 * Which of run->jobs an answer belongs to: by the call's cookie, kept in id
 * until the answer brings the job's own id.
 */
static struct unit_job *by_cookie(struct run *run, sd_bus_message *m)
{
	uint64_t cookie;

	if (sym_sd_bus_message_get_reply_cookie(m, &cookie) < 0)
		return NULL;
	for (size_t i = 0; i < run->n; i++)
		if (!run->jobs[i].replied && run->jobs[i].id == cookie)
			return &run->jobs[i];
	return NULL;
}

static int on_reply(sd_bus_message *m, void *arg, _unused_ sd_bus_error *ret)
{
	const sd_bus_error *why = sym_sd_bus_message_get_error(m);
	struct run *run = arg;
	struct unit_job *j = by_cookie(run, m);
	const char *path, *number;

	if (!j)
		return 0;
	j->replied = true;
	if (why) {
		char what[300];

		snprintf(what, sizeof(what), "%s %s", verb_word[j->verb], j->unit);
		/* Nothing to stop is as good as stopped. */
		if (j->verb != UNIT_STOP || !sym_sd_bus_error_has_name(why, NO_SUCH_UNIT))
			units_refused(-sym_sd_bus_error_get_errno(why), why, what, &j->error);
		finish(run, j);
		return 0;
	}
	if (sym_sd_bus_message_read(m, "o", &path) < 0 || !(number = strrchr(path, '/')))
		return -EBADMSG;
	j->id = (uint32_t)strtoul(number + 1, NULL, 10);
	return 0;
}

/* A unit without failures answers with an error, which says nothing. */
static int on_reset(_unused_ sd_bus_message *m, _unused_ void *arg, _unused_ sd_bus_error *ret)
{
	return 0;
}

static const char *mode(const struct unit_job *j)
{
	return j->for_good ? "replace-irreversibly" : "replace";
}

static int send_job(struct run *run, struct unit_job *j)
{
	sd_bus_message *m = NULL;
	struct units *u = run->u;
	uint64_t cookie;
	int r = 0;

	if (j->reset)
		r = sym_sd_bus_call_method_async(u->bus, NULL, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER,
			"ResetFailedUnit", on_reset, NULL, "s", j->unit);
	if (r >= 0)
		r = sym_sd_bus_message_new_method_call(
			u->bus, &m, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, verb_method[j->verb]);
	if (r >= 0)
		r = sym_sd_bus_message_append(m, "ss", j->unit, mode(j));
	if (r >= 0)
		r = sym_sd_bus_call_async(u->bus, NULL, m, on_reply, run, 0);
	if (r >= 0)
		r = sym_sd_bus_message_get_cookie(m, &cookie);
	if (r >= 0)
		j->id = (uint32_t)cookie;
	sym_sd_bus_message_unref(m);
	return r;
}

static int subscribe(struct run *run, sd_bus_slot **slot, struct error *e)
{
	sd_bus_error why = SD_BUS_ERROR_NULL;
	struct units *u = run->u;
	int r = sym_sd_bus_match_signal(
		u->bus, slot, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved", on_removed, run);

	/* On the private socket systemd sends signals unasked. */
	if (r >= 0 && u->to)
		r = sym_sd_bus_call_method(
			u->bus, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", &why, NULL, "");
	/* Asked for already on this connection: just as well. */
	if (r < 0 && sym_sd_bus_error_has_name(&why, "org.freedesktop.systemd1.AlreadySubscribed"))
		r = 0;
	if (r < 0)
		r = units_refused(r, &why, "tell when jobs are done", e);
	sym_sd_bus_error_free(&why);
	return r;
}

static int wait_jobs(struct run *run, unsigned seconds)
{
	uint64_t end = now_usec() + (uint64_t)seconds * 1000000, now;
	int r;

	while (run->open) {
		r = sym_sd_bus_process(run->u->bus, NULL);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		now = now_usec();
		if (now >= end)
			return -ETIMEDOUT;
		if (stop_asked())
			return -EINTR;
		r = sym_sd_bus_wait(run->u->bus, MIN_OF(end - now, LOOK_USEC));
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

static void give_up(struct run *run, int why, unsigned seconds)
{
	for (size_t i = 0; i < run->n; i++) {
		struct unit_job *j = &run->jobs[i];

		if (!j->done && why == -EINTR)
			error_set(&j->error, why,
				"%s came while systemd was to %s %s, which it goes on with",
				stop_name(stop_asked()), verb_word[j->verb], j->unit);
		else if (!j->done)
			error_set(&j->error, -ETIMEDOUT, "systemd did not %s %s within %u s",
				verb_word[j->verb], j->unit, seconds);
	}
}

static bool awaits_answers(const struct run *run)
{
	for (size_t i = 0; i < run->n; i++)
		if (!run->jobs[i].replied)
			return true;
	return false;
}

int units_run(struct host *h, struct unit_job *jobs, size_t n, unsigned seconds, struct error *e)
{
	struct run run = { .jobs = jobs, .n = n, .open = n };
	sd_bus_slot *slot = NULL;
	int r;

	if (!n)
		return 0;
	r = units_bus(h, &run.u, e);
	if (r < 0)
		return r;
	r = subscribe(&run, &slot, e);
	if (r < 0) {
		sym_sd_bus_slot_unref(slot);
		return r;
	}
	for (size_t i = 0; i < n && r >= 0; i++) {
		jobs[i].replied = jobs[i].done = false;
		r = send_job(&run, &jobs[i]);
	}
	if (r >= 0)
		r = wait_jobs(&run, seconds);
	sym_sd_bus_slot_unref(slot);
	/* Answers that are still to come would find no `run`. */
	if (r < 0 && ((r != -ETIMEDOUT && r != -EINTR) || awaits_answers(&run)))
		run.u->bus = sym_sd_bus_flush_close_unref(run.u->bus);
	if (r == -ETIMEDOUT || r == -EINTR) {
		give_up(&run, r, seconds);
		return 0;
	}
	if (r < 0)
		return error_set(
			e, r, "the connection to systemd broke while jobs ran: %s", strerror(-r));
	return 0;
}

int units_send(struct host *h, const struct unit_job *j, struct error *e)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = SD_BUS_ERROR_NULL;
	_cleanup_(sdbus_message_p) sd_bus_message *m = NULL;
	struct units *u;
	int r = units_bus(h, &u, e);

	if (r < 0)
		return r;
	r = sym_sd_bus_message_new_method_call(
		u->bus, &m, u->to, SYSTEMD_PATH, SYSTEMD_MANAGER, verb_method[j->verb]);
	if (r >= 0)
		r = sym_sd_bus_message_append(m, "ss", j->unit, mode(j));
	if (r >= 0)
		r = sym_sd_bus_call(u->bus, m, 0, &why, NULL);
	return r < 0 ? units_refused(r, &why, "start a unit", e) : 0;
}
