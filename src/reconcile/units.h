/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd's units over D-Bus. Root speaks to systemd's private socket, others
 * to the system bus. One ListUnitsByPatterns call per pass answers for all
 * units of ours (they all begin with "kvmhost-"); host_forget() drops it.
 */
#ifndef KVMHOST_UNITS_H
#define KVMHOST_UNITS_H

#include "reconcile/host.h"

#define UNITS_PREFIX "kvmhost-"
/* Those of others that are asked for in the same call. */
#define UNIT_NETWORKD "systemd-networkd.service"
#define UNIT_NETWORKMANAGER "NetworkManager.service"
#define UNIT_RESOLVED "systemd-resolved.service"
#define UNIT_ONLINE "network-online.target"

/* ActiveState of org.freedesktop.systemd1.Unit, as systemd spells it, folded where we see no
 * difference. */
enum unit_state {
	UNIT_INACTIVE, /* also: not loaded */
	UNIT_ACTIVATING,
	UNIT_ACTIVE, /* also reloading, refreshing, maintenance */
	UNIT_DEACTIVATING,
	UNIT_FAILED,
};

struct unit {
	const char *name;
	enum unit_state state;
	const char *sub; /* SubState: "auto-restart", "stop-sigterm", ... */
	bool job; /* a job of it is queued or runs */
};

/*
 * Asks ahead for what the next three answer from, and moves the question on without waiting: so
 * systemd answers while other things are looked at. To be called now and then until one of them is.
 * Negative: it is not worth calling again; who needs the answer is told why.
 */
int units_ahead(struct host *h);

/*
 * The state of a unit whose name begins with UNITS_PREFIX or stands above; UNIT_INACTIVE when
 * systemd has not loaded it. Strings live until host_forget().
 */
int units_state(struct host *h, const char *name, struct unit *out, struct error *e);
/* 1: systemd has loaded the unit's files, whether it runs or not; 0: not; -errno. */
int units_loaded(struct host *h, const char *name, struct error *e);
/* Every loaded unit whose name begins with prefix (which begins with UNITS_PREFIX). */
int units_each(struct host *h, const char *prefix, void (*fn)(const struct unit *u, void *arg),
	void *arg, struct error *e);

enum unit_verb { UNIT_START, UNIT_STOP, UNIT_RESTART, UNIT_RELOAD };

/* One job. The caller fills unit, verb and reset. */
struct unit_job {
	const char *unit;
	enum unit_verb verb;
	bool reset; /* forget failures and the start limit first (ResetFailedUnit) */
	bool for_good; /* no later job takes its place ("replace-irreversibly") */
	/* Filled by units_run: 0, or what went wrong with this one. The caller clears it. */
	struct error error;
	/* Private to units_run. */
	uint32_t id;
	bool replied, done;
};

/*
 * Sends all jobs at once and waits until systemd is done with each, or
 * `seconds` have passed: those not done then have -ETIMEDOUT and go on in
 * systemd. Returns 0 when the bus worked, whatever the jobs' results; else
 * nothing is known of those that are not done.
 * The cached list is out of date afterwards: host_forget().
 */
int units_run(struct host *h, struct unit_job *jobs, size_t n, unsigned seconds, struct error *e);

/* systemd reads all unit files again (daemon-reload, a tenth of a second). host_forget() after it.
 */
int units_reload(struct host *h, struct error *e);

/* One job that nobody waits for: such as what ends the machine. */
int units_send(struct host *h, const struct unit_job *job, struct error *e);

/*
 * What the path is to lie on is mounted, as far as systemd has units for it: what it mounts only
 * when somebody needs it, or has not come to yet at boot.
 */
int units_mount(struct host *h, const char *path, struct error *e);
/*
 * The first directory on the way to path that systemd has a unit to mount something at, and that it
 * is not mounted at now, in h->pass; NULL: none, or systemd cannot be asked.
 */
const char *units_unmounted(struct host *h, const char *path);

/* Why a service ended, from its properties. */
struct unit_end {
	char result[32]; /* Result: "success", "exit-code", "signal", "start-limit-hit", ... */
	int32_t code; /* ExecMainCode: CLD_EXITED, CLD_KILLED, ... */
	int32_t status; /* ExecMainStatus: exit status or signal */
	uint32_t main_pid;
	uint32_t restarts; /* NRestarts: by systemd itself since it was started on purpose */
};
int units_end(struct host *h, const char *service, struct unit_end *out, struct error *e);

/*
 * SetUnitProperties at run time (lost at reboot). Each property is one
 * assignment of an unsigned 64-bit property: {"CPUWeight", 200}.
 */
struct unit_property {
	const char *name;
	uint64_t value;
};
int units_set(
	struct host *h, const char *unit, const struct unit_property *v, size_t n, struct error *e);
/* The same for one property that is an array of bytes, such as a set of CPUs; none: reset. */
int units_set_bytes(struct host *h, const char *unit, const char *property, const uint8_t *v,
	size_t n, struct error *e);
/*
 * Nodes of devices that the unit's processes may open, such as "char-vfio", beside those of its
 * files. systemd looks up anew which numbers all of them have.
 */
int units_allow_devices(
	struct host *h, const char *unit, const char *which, const char *how, struct error *e);

#endif
