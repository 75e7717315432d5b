/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running kvmhostd: when it converges, and what it tells of it. */
#ifndef KVMHOST_DAEMON_H
#define KVMHOST_DAEMON_H

#include "base/strbuf.h"
#include "net/watch.h"
#include "reconcile/host.h"
#include "reconcile/reboot.h"
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

struct ears;

struct daemon {
	struct host host;
	sd_event *event;
	sd_bus *bus;
	const char *const *configs; /* --config */
	size_t n_configs;
	char *summary; /* one line: what the last run came to */
	bool failed; /* ... and that it was no success */
	bool starting; /* systemd waits for READY=1 */
	struct ears *ears; /* daemon/events.c */
	struct reboot reboot; /* what is known of one that is waited for */
	sd_event_source *reboot_note, *reboot_timer, *reboot_clock; /* daemon/reboot.c */
};

/*
 * One run over the document in /etc. Returns 0 or a negative errno with the
 * reason in e; every detail has gone to the journal. `starting`: there is no
 * running generation yet, so that an invalid document falls back on the last
 * good one.
 */
int daemon_converge(struct daemon *d, bool starting, struct error *e);

/*
 * Opens what tells of changes on the machine. A source that cannot be opened costs a line in the
 * journal: what it would have told of is then seen by the next reload.
 */
void daemon_listen(struct daemon *d);
void daemon_deafen(struct daemon *d);
/* Something may differ from the document: look soon. `what` says it in words. */
void daemon_dirty(struct daemon *d, enum event event, const char *what);

/* Watches whether some run waits for a reboot, and makes it in the document's window. */
int daemon_watch_reboot(struct daemon *d, struct error *e);

/* Exports the bus object and asks for the name. A machine without a bus is served all the same. */
int daemon_bus(struct daemon *d, struct error *e);

#endif
