/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhostctl apply --confirm, confirm, revert.
 *
 * The one who applies may lose the connection by what was applied, and the
 * process with it: a timer of systemd's, set before the first change, puts the
 * change back in any case.
 */
#include "ctl/confirm.h"
#include "base/log.h"
#include "base/sdbus.h"
#include "base/stop.h"
#include "reconcile/confirm.h"
#include "reconcile/converge.h"
#include "reconcile/record.h"
#include "reconcile/status.h"
#include "reconcile/undo.h"
#include <signal.h>
#include <time.h>

#define TIMER "kvmhost-revert.timer"
#define NOBODY "nobody confirmed it in time"
#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD ".Manager"
/* The one who applies comes first, if there still is one. */
enum { LOCK_SECONDS = 60, GRACE_SECONDS = 2 };
/* A timer that was stopped is there for a moment yet. */
enum { START_TRIES = 100, STEP_MSEC = 20, LOOK_MSEC = 500 };

/* Of what a handler may call, printf() is not. */
static void on_early(int signal)
{
	static const char before[] = "ended by ", after[] = " before anything was changed\n";
	const char *name = stop_name(signal);

	if (write(STDERR_FILENO, before, sizeof(before) - 1) < 0 ||
		write(STDERR_FILENO, name, strlen(name)) < 0 ||
		write(STDERR_FILENO, after, sizeof(after) - 1) < 0)
		_exit(1);
	_exit(EXIT_SIGNAL + signal);
}

static void on_nothing(int signal _unused_)
{
}

/* Not SIG_IGN, which programs that are run would inherit. */
void ctl_signals(void)
{
	const struct sigaction early = { .sa_handler = on_early };
	const struct sigaction none = { .sa_handler = on_nothing, .sa_flags = SA_RESTART };

	sigaction(SIGHUP, &none, NULL);
	sigaction(SIGPIPE, &none, NULL);
	sigaction(SIGINT, &early, NULL);
	sigaction(SIGTERM, &early, NULL);
}

static void pause_msec(long n)
{
	nanosleep(&(struct timespec){ .tv_nsec = n * 1000000 }, NULL);
}

static void stop_timer(sd_bus *bus)
{
	_cleanup_(sdbus_error_p) sd_bus_error why = SD_BUS_ERROR_NULL;

	sym_sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER, "StopUnit", &why, NULL,
		"ss", TIMER, "replace");
}

static int start_timer(sd_bus *bus, uint64_t usec, sd_bus_error *why)
{
	return sym_sd_bus_call_method(bus, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
		"StartTransientUnit", why, NULL, "ssa(sv)a(sa(sv))", TIMER, "replace", 4,
		"Description", "s", "Puts an unconfirmed change of kvmhost back", "TimersMonotonic",
		"a(st)", 1, "OnActiveSec", usec, "AccuracyUSec", "t", UINT64_C(100000),
		"RemainAfterElapse", "b", 0, 0);
}

/* One that an earlier apply left behind has another time. */
static void restart_timer(sd_bus *bus, uint64_t usec)
{
	for (int i = 0;; i++) {
		_cleanup_(sdbus_error_p) sd_bus_error why = SD_BUS_ERROR_NULL;
		int r = start_timer(bus, usec, &why);

		if (r >= 0)
			return;
		if (r != -EEXIST || i == START_TRIES) {
			log_warning("systemd starts no timer (%s): if this process ends, the "
				    "change is put back only by the next run of kvmhost",
				why.message ? why.message : strerror(-r));
			return;
		}
		stop_timer(bus);
		pause_msec(STEP_MSEC);
	}
}

static bool armed;

void ctl_confirm_arm(unsigned seconds)
{
	_cleanup_(sdbus_close_p) sd_bus *bus = NULL;

	armed = true;
	if (sdbus_load(NULL) >= 0 && sym_sd_bus_open_system(&bus) >= 0)
		restart_timer(bus, (seconds + GRACE_SECONDS) * UINT64_C(1000000));
	else
		log_warning("the system bus is away: if this process ends, the change is put back "
			    "only by the next run of kvmhost");
}

static void disarm(void)
{
	_cleanup_(sdbus_close_p) sd_bus *bus = NULL;

	if (sdbus_load(NULL) >= 0 && sym_sd_bus_open_system(&bus) >= 0)
		stop_timer(bus);
}

void ctl_confirm_settled(struct ctl *c)
{
	if (armed && !undo_pending(&c->host))
		disarm();
}

/* Under the lock, with the record: does one of the two, and tells. */
static int locked(struct ctl *c, int (*act)(struct host *h, struct error *e), struct error *e)
{
	int r = host_lock(&c->host, LOCK_SECONDS, e);

	if (r >= 0)
		r = record_load(&c->host, e);
	if (r >= 0)
		r = act(&c->host, e);
	host_unlock(&c->host);
	return r;
}

static int revert_late(struct host *h, struct error *e)
{
	return confirm_revert(h, NOBODY, e);
}

static int revert_now(struct host *h, struct error *e)
{
	return confirm_revert(h, "it was put back by kvmhostctl revert", e);
}

/* By ^C, or by systemd as the machine goes down. */
static int revert_interrupted(struct host *h, struct error *e)
{
	return confirm_revert(h, "kvmhostctl apply was ended before anybody confirmed it", e);
}

/* The same for a person: with nothing to settle, nothing is waited for, nor the lock's file made.
 */
static int asked(struct ctl *c, int (*act)(struct host *h, struct error *e), struct error *e)
{
	return undo_pending(&c->host) ? locked(c, act, e) : confirm_nothing(e);
}

/* Somebody else has settled it: what was put back is held. */
static int settled(struct ctl *c, struct config *config)
{
	_cleanup_error_ struct error e = { 0 };
	const char *held, *reason;
	int r = host_lock(&c->host, LOCK_SECONDS, &e);

	if (r >= 0)
		r = record_load(&c->host, &e);
	host_unlock(&c->host);
	if (r < 0)
		return ctl_fail(c, &e);
	held = apply_held(&c->host, &reason);
	if (held && streq(held, config_hash(config))) {
		printf("put back: %s\n", reason ? reason : "somebody else did it");
		return 1;
	}
	puts("confirmed");
	return 0;
}

static int put_back(
	struct ctl *c, struct config *config, int (*act)(struct host *h, struct error *e))
{
	_cleanup_error_ struct error e = { 0 };
	int r = locked(c, act, &e);

	disarm();
	if (r == -ENOENT)
		return settled(c, config);
	if (r < 0)
		return ctl_fail(c, &e);
	printf("put back: %d resource%s as before\n", r, plural((size_t)r));
	return 1;
}

int ctl_await(struct ctl *c, struct config *config, const struct outcome *out)
{
	uint64_t now = c->host.uptime();
	uint64_t left = out->confirm_by > now ? out->confirm_by - now : 0;
	int signal, status;

	printf("The network is changed. Within %llu s, and best over a new connection, say\n\n"
	       "    kvmhostctl confirm\n\nor all of it goes back.\n",
		(unsigned long long)left);
	fflush(stdout);
	while (undo_pending(&c->host)) {
		if ((signal = stop_obey())) {
			status = put_back(c, config, revert_interrupted);
			return status ? EXIT_SIGNAL + signal : 0;
		}
		if (c->host.uptime() >= out->confirm_by)
			return put_back(c, config, revert_late);
		pause_msec(LOOK_MSEC / 5);
	}
	disarm();
	return settled(c, config);
}

int verb_confirm(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_error_ struct error e = { 0 };

	if (ctl_host(c, "changes this host", "confirm"))
		return 1;
	if (asked(c, confirm_accept, &e) < 0)
		return ctl_fail(c, &e);
	disarm();
	puts("confirmed: the change stays");
	return 0;
}

/* It waits to be confirmed, and there is time left. */
static bool has_time(struct host *h)
{
	char document[65];
	uint64_t until;

	return undo_pending(h) && undo_awaited(h, document, &until, NULL) > 0 &&
	       until + GRACE_SECONDS > h->uptime();
}

/*
 * What the timer runs. It may come while the change is still being made, which the lock tells, and
 * before the time to confirm it is over, which begins only when it is made.
 */
static int revert_overdue(struct ctl *c)
{
	_cleanup_error_ struct error e = { 0 };
	int r;

	do {
		while (has_time(&c->host))
			pause_msec(LOOK_MSEC);
		error_clear(&e);
		r = locked(c, confirm_recover, &e);
	} while (r == -EBUSY);
	return r < 0 ? ctl_fail(c, &e) : 0;
}

int verb_revert(struct ctl *c, int argc _unused_, char **argv _unused_)
{
	_cleanup_error_ struct error e = { 0 };
	int r;

	if (ctl_host(c, "changes this host", "revert"))
		return 1;
	if (c->overdue)
		return revert_overdue(c);
	r = asked(c, revert_now, &e);
	if (r < 0)
		return ctl_fail(c, &e);
	disarm();
	printf("put back: %d resource%s as before\n", r, plural((size_t)r));
	return 0;
}
