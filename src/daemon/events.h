/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events mark the host dirty; a timer then runs the pipeline once for all that
 * came together. Private to src/daemon.
 */
#ifndef KVMHOST_DAEMON_EVENTS_H
#define KVMHOST_DAEMON_EVENTS_H

#include "daemon/daemon.h"
#include "reconcile/drift.h"

enum { EARS_MAX = 4 };

struct ears {
	struct {
		struct daemon *daemon;
		const struct watch *watch;
		void *state;
		int fd;
		sd_event_source *source;
	} v[EARS_MAX];
	size_t n;
	struct udev_monitor *devices;
	sd_event_source *devices_source;
	/* What made the host dirty, NULL: it is not; and when to look (CLOCK_MONOTONIC, µs). */
	char *cause;
	enum event event;
	size_t more; /* events besides that one */
	sd_event_source *timer;
	uint64_t not_before;
	/* Runs in a row that found something, and until when the next one is held back. */
	unsigned busy;
	uint64_t busy_until;
	char *reported; /* differences that were told already (drift: report) */
	char *complained; /* ... and why the last run came to nothing; NULL: it did not */
};

/* Runs the pipeline because of ears->cause. drift.c */
void daemon_look(struct daemon *d);
/* Jobs of our units, on d->bus. Needs daemon_bus(). */
int daemon_hear_units(struct daemon *d, struct error *e);
/* What firewalld tells of itself, on d->bus. Needs daemon_bus(). */
int daemon_hear_firewalld(struct daemon *d, struct error *e);
/* PCI devices that come and go, from udev. */
int daemon_hear_devices(struct daemon *d, struct error *e);

#endif
