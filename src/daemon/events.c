/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/events.h"
#include "base/log.h"
#include "base/utf8.h"
#include <libudev.h>

/* One change seldom comes alone: a link that goes takes addresses and routes with it. */
#define GATHER_USEC ((uint64_t)10 * 1000)

static int on_time(sd_event_source *s _unused_, uint64_t at _unused_, void *data)
{
	daemon_look(data);
	return 0;
}

void daemon_dirty(struct daemon *d, enum event event, const char *what)
{
	struct ears *ears = d->ears;
	uint64_t now, at;

	if (ears->cause) {
		ears->more++;
		if (event > ears->event) {
			free(ears->cause);
			ears->cause = utf8_mend(xstrdup(what));
			ears->event = event;
		}
		return;
	}
	ears->cause = utf8_mend(xstrdup(what));
	ears->event = event;
	ears->more = 0;
	sd_event_now(d->event, CLOCK_MONOTONIC, &now);
	at = now + GATHER_USEC;
	if (at < ears->not_before)
		at = ears->not_before;
	if (ears->timer) {
		sd_event_source_set_time(ears->timer, at);
		sd_event_source_set_enabled(ears->timer, SD_EVENT_ONESHOT);
	} else {
		sd_event_add_time(d->event, &ears->timer, CLOCK_MONOTONIC, at, 1000, on_time, d);
	}
}

static int on_watch(sd_event_source *s, int fd, uint32_t events _unused_, void *data)
{
	struct daemon *d = data;
	char what[WATCH_WHAT_MAX];
	enum event event;

	for (size_t i = 0; i < d->ears->n; i++) {
		if (d->ears->v[i].source != s)
			continue;
		event = d->ears->v[i].watch->read(fd, d->ears->v[i].state, what);
		if (event != EVENT_NONE)
			daemon_dirty(d, event, what);
	}
	return 0;
}

static int listen_to(struct daemon *d, const struct watch *w, struct error *e)
{
	struct ears *ears = d->ears;
	int r = w->open(&ears->v[ears->n].state, e);

	if (r < 0)
		return r;
	ears->v[ears->n].watch = w;
	ears->v[ears->n].fd = r;
	r = sd_event_add_io(
		d->event, &ears->v[ears->n].source, ears->v[ears->n].fd, EPOLLIN, on_watch, d);
	ears->n++;
	return r < 0 ? error_set(e, r, "cannot wait for events of %s: %s", w->name, strerror(-r))
		     : 0;
}

void daemon_listen(struct daemon *d)
{
	static const struct watch *const watches[] = { &watch_route, &watch_nft, &watch_xtables };
	int (*const others[])(struct daemon * d, struct error * e) = { daemon_hear_units,
		daemon_hear_firewalld, daemon_hear_devices };

	_Static_assert(ARRAY_SIZE(watches) <= EARS_MAX, "room for all");
	d->ears = xmalloc(sizeof(*d->ears));
	*d->ears = (struct ears){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(watches); i++) {
		_cleanup_error_ struct error e = { 0 };

		if (listen_to(d, watches[i], &e) < 0)
			log_failure(&e);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		_cleanup_error_ struct error e = { 0 };

		if (others[i](d, &e) < 0)
			log_failure(&e);
	}
}

void daemon_deafen(struct daemon *d)
{
	struct ears *ears = d->ears;

	if (!ears)
		return;
	for (size_t i = 0; i < ears->n; i++) {
		sd_event_source_unref(ears->v[i].source);
		ears->v[i].watch->close(ears->v[i].fd, ears->v[i].state);
	}
	sd_event_source_unref(ears->devices_source);
	udev_monitor_unref(ears->devices);
	sd_event_source_unref(ears->timer);
	free(ears->cause);
	free(ears->reported);
	free(ears->complained);
	free(ears);
	d->ears = NULL;
}
