/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reboot that a document allows in a window. Whoever runs (kvmhostd, an
 * apply by hand) leaves a note; here it is heard, and a timer set for the
 * window. A document is rebooted for once: what it still waits for then needs
 * a person.
 */
#include "base/busname.h"
#include "base/log.h"
#include "config/window.h"
#include "daemon/daemon.h"
#include "reconcile/record.h"
#include <sys/inotify.h>
#include <sys/timerfd.h>

enum { LOCK_SECONDS = 120, BUSY_SECONDS = 60, ACCURACY_USEC = 1000 * 1000 };
#define USEC ((uint64_t)1000 * 1000)

static void arm(struct daemon *d);
static void set_timer(struct daemon *d, time_t at);

/* The clock may have been set meanwhile. */
static int begin(struct daemon *d, struct error *e)
{
	int r = record_load(&d->host, e);
	time_t now = time(NULL);
	struct window w;

	if (r < 0)
		return r;
	reboot_told(&d->host, &d->reboot);
	if (!d->reboot.pending || !*d->reboot.window || reboot_made(&d->host, d->reboot.document))
		return 0;
	if (!window_parse(d->reboot.window, &w) || window_next(&w, now) != now) {
		arm(d);
		return 0;
	}
	log_notice("rebooting: what waits for it is allowed to in %s (host.reboot.window)",
		d->reboot.window);
	return reboot_begin(&d->host, d->reboot.document, e);
}

static int on_time(sd_event_source *s _unused_, uint64_t at _unused_, void *data)
{
	_cleanup_error_ struct error e = { 0 };
	struct daemon *d = data;
	int r = host_lock(&d->host, LOCK_SECONDS, &e);

	if (r >= 0) {
		r = begin(d, &e);
		host_unlock(&d->host);
	}
	if (r < 0)
		log_failure(&e);
	if (r == -EBUSY)
		set_timer(d, time(NULL) + BUSY_SECONDS);
	host_idle(&d->host);
	return 0;
}

static void say_when(const struct daemon *d, time_t at)
{
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", localtime_r(&at, &tm));
	log_notice("a reboot is waited for; it will be at %s (host.reboot.window: %s)", text,
		d->reboot.window);
}

static bool was_made(struct daemon *d)
{
	_cleanup_error_ struct error e = { 0 };
	bool made = record_load(&d->host, &e) < 0 || reboot_made(&d->host, d->reboot.document);

	host_idle(&d->host);
	return made;
}

static void set_timer(struct daemon *d, time_t at)
{
	uint64_t usec = (uint64_t)at * USEC;

	d->reboot_timer = sd_event_source_unref(d->reboot_timer);
	if (sd_event_add_time(d->event, &d->reboot_timer, CLOCK_REALTIME, usec, ACCURACY_USEC,
		    on_time, d) < 0)
		log_error("cannot set a timer for host.reboot.window");
}

static void arm(struct daemon *d)
{
	struct reboot before = d->reboot;
	struct window w;
	time_t at;

	reboot_told(&d->host, &d->reboot);
	if (d->bus && before.pending != d->reboot.pending)
		sd_bus_emit_properties_changed(
			d->bus, KVMHOST_BUS_PATH, KVMHOST_BUS_INTERFACE, "RebootRequired", NULL);
	if (!d->reboot.pending || !window_parse(d->reboot.window, &w)) {
		d->reboot_timer = sd_event_source_unref(d->reboot_timer);
		return;
	}
	if (was_made(d)) {
		if (!streq(before.document, d->reboot.document))
			log_warning("a reboot was made for this document, and it waits for one "
				    "still: kvmhostctl status says why; there will be no other");
		return;
	}
	at = window_next(&w, time(NULL));
	if (!d->reboot_timer || !streq(before.window, d->reboot.window))
		say_when(d, at);
	set_timer(d, at);
}

static int on_note(sd_event_source *s _unused_, const struct inotify_event *i, void *data)
{
	if (i->len && streq(i->name, REBOOT_FILE))
		arm(data);
	return 0;
}

/* A timer that never comes, and is canceled when somebody sets the clock: timerfd_create(2). */
static int await_clock(int fd)
{
	const struct itimerspec never = { .it_value.tv_sec = INT32_MAX };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

/* Set back, the timer for the window would come as much later. */
static int on_clock(sd_event_source *s _unused_, int fd, uint32_t events _unused_, void *data)
{
	struct daemon *d = data;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) < 0 && errno == EAGAIN)
		return 0;
	await_clock(fd);
	d->reboot_timer = sd_event_source_unref(d->reboot_timer);
	arm(d);
	return 0;
}

static void watch_clock(struct daemon *d)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || await_clock(fd) < 0 ||
		sd_event_add_io(d->event, &d->reboot_clock, fd, EPOLLIN, on_clock, d) < 0) {
		log_warning("cannot hear of the clock being set: host.reboot.window is met by the "
			    "clock as it is now");
		if (fd >= 0)
			close(fd);
		return;
	}
	sd_event_source_set_io_fd_own(d->reboot_clock, 1);
}

int daemon_watch_reboot(struct daemon *d, struct error *e)
{
	int r = file_mkdirs(d->host.root, RUN_DIR, 0755);

	if (r >= 0)
		r = sd_event_add_inotify(
			d->event, &d->reboot_note, RUN_DIR, IN_MOVED_TO | IN_DELETE, on_note, d);
	if (r < 0)
		return error_set(
			e, r, "cannot watch " RUN_DIR " for reboots to make: %s", strerror(-r));
	watch_clock(d);
	arm(d);
	return 0;
}
