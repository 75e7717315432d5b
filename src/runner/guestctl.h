/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands behind `kvmhostctl guest ...`, `console` and the guests' part of
 * `status`. Works from the files in RUN_DIR/guests and from systemd alone: no
 * daemon is asked and no document is read, so a guest can be stopped while the
 * document is broken. None of these takes the reconciler's lock: systemd puts
 * the jobs in order, and the held marker is written before a guest is stopped.
 */
#ifndef KVMHOST_GUESTCTL_H
#define KVMHOST_GUESTCTL_H

#include "base/strbuf.h"
#include "reconcile/host.h"
#include <jansson.h>

/*
 * All guests that were applied, sorted by name: a table for people, or
 * {"format": 1, "guests": [ ... as guestctl_status ... ]}.
 */
int guestctl_list(struct host *h, bool json, struct strbuf *out, struct error *e);
/* The JSON of these alone, which are known, in this order. */
int guestctl_json(
	struct host *h, const char *const *names, size_t n, struct strbuf *out, struct error *e);

/*
 * Start, stop or restart guests that were applied before; in parallel, but a
 * guest starts after those among them that its `after` names and stops before
 * them. They return when systemd is done with all of them. `stop` holds the
 * guest: no reconciliation starts it until `start`, `restart`, or a reboot.
 * Pending changes (on_change: wait) take effect with start and restart.
 * Fails with the reason of every guest that failed, one a line. -ENOENT: there
 * is no such guest (with a suggestion); nothing was done then.
 */
int guestctl_start(struct host *h, const char *const *names, size_t n, struct error *e);
int guestctl_stop(struct host *h, const char *const *names, size_t n, struct error *e);
int guestctl_restart(struct host *h, const char *const *names, size_t n, struct error *e);

/*
 * Joins stdin and stdout with the guest's serial console; what it said last is
 * replayed first. On a terminal Ctrl-] leaves. Without one it is a pipe: at the
 * end of stdin it goes on until the guest was quiet for a second. Returns 0
 * when left, or when the guest ended.
 */
int guestctl_console(struct host *h, const char *name, struct error *e);

/* At once, of each that runs; the first that fails ends it. */
int guestctl_pause(struct host *h, const char *const *names, size_t n, struct error *e);
int guestctl_resume(struct host *h, const char *const *names, size_t n, struct error *e);
/* As the button on the case: the guest is not asked. */
int guestctl_reset(struct host *h, const char *const *names, size_t n, struct error *e);
/* The guest's screen as a PNG. */
int guestctl_screenshot(struct host *h, const char *name, const char *path, struct error *e);
/* stdin and stdout are a QMP connection to the guest's QEMU. */
int guestctl_monitor(struct host *h, const char *name, struct error *e);
/*
 * guestctl_status() and, while it runs, what it uses:
 *
 *	"cpu": {"count", "used_usec", "steal_usec"}, "memory": {"size", "host_used", "balloon",
 *	"guest_total", "guest_free", "guest_available", "guest_caches", "guest_swapped_out"},
 *	"disks": [{"path", "host_used"}], "agent": true,
 *	"guest_interfaces", "guest_os", "guest_filesystems": as the agent says it
 */
int guestctl_info(struct host *h, const char *name, json_t **out, struct error *e);

/*
 * One guest, the caller's to json_decref():
 *
 *	{"name": "web1", "state": "running", "since": 1763783000, "accel": "tcg",
 *	 "accel_reason": "...", "pid": 812, "uid": 1899000000, "held": false,
 *	 "pending": ["cpu.count: 1 -> 2"], "interfaces": [{"tap", "mac", "bridge", "network"}],
 *	 "end": "guest", "error": "...", "event": "...", "stderr": ["..."]}
 *
 * state: starting, running, paused, stopping, stopped, failed. since: seconds since 1970. end, of
 * the last run: guest (powered off from inside), stopped, forced, failed. Absent members are
 *unknown. -ENOENT: no such guest.
 */
int guestctl_status(struct host *h, const char *name, json_t **out, struct error *e);

#endif
