/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The only handles to the outside: the root directory through which all of
 * /etc, /proc, /sys and /var is opened, and what folders to the right hang in
 * (netlink, the firewall, the bus), each opened on first use.
 */
#ifndef KVMHOST_HOST_H
#define KVMHOST_HOST_H

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"

struct ahead;
struct record;
struct host;

/*
 * A handle kept in the host: a folder's own connection with what it caches of
 * the machine. forget drops what was cached of the machine's state (called
 * before each observation); close ends it. Either may be NULL.
 */
struct handle {
	const char *name;
	int (*open)(struct host *h, void **data, struct error *e);
	void (*forget)(void *data);
	void (*close)(void *data);
};

enum { HOST_HANDLES_MAX = 24 };

struct host {
	int root; /* directory descriptor */
	const char *root_path;
	/* The root is the running machine's. Else files only: --root DIR, an image or chroot. */
	bool live;
	/* At boot, until the network is done: what waits for it must not be waited for. */
	bool early;
	/* Lives from one observation to the next: haves, changes, the plan. */
	struct arena *pass;
	struct record *record; /* what is managed and how it was before; reconcile/record.h */
	uint64_t (*now)(void); /* seconds since 1970, which may jump: for people */
	uint64_t (*uptime)(
		void); /* seconds since boot, which do not: for what must happen in time */
	struct {
		const struct handle *type;
		void *data;
	} handles[HOST_HANDLES_MAX];
	/* Told how far long work is, where somebody watches; else NULL. */
	void (*progress)(void *arg, const char *what, unsigned percent);
	void *progress_arg;
	int lock; /* descriptor of the reconciler's lock, -1: not held */
	struct ahead *ahead; /* what is looked at meanwhile; reconcile/ahead.h */
};

int host_open(struct host *h, const char *root_path, struct error *e);
void host_close(struct host *h);
#define _cleanup_host_ _cleanup_(host_close)

/* The path as people see it: below --root DIR with DIR. The caller frees. */
char *host_shown(const struct host *h, const char *path);
/* file_failure() with that path. */
int host_failure(
	const struct host *h, struct error *e, int code, const char *verb, const char *path);

/* The kernel's, random(4): another after each boot. NULL: it cannot be read. The caller frees. */
char *host_boot_id(const struct host *h);

/* The handle's data, opened if it was not; *data is left alone on error. */
int host_handle(struct host *h, const struct handle *type, void **data, struct error *e);
/*
 * Between runs a daemon holds nothing: every handle is closed (systemd's private socket would
 * pile up signals that nobody reads), the pass arena emptied, the record dropped.
 */
void host_idle(struct host *h);
/* What was observed is out of date. Keeps h->pass; call it before observing again. */
void host_forget(struct host *h);
/* The same of what this host has seen; what is looked at ahead stays, which is newer. */
void host_forget_seen(struct host *h);
/* What `from` has beside h, handles and h->pass: h's from now on. */
void host_absorb(struct host *h, struct host *from);

/* Directories of ours, below root. */
#define STATE_DIR "/var/lib/kvmhost"
#define RUN_DIR "/run/kvmhost"

/*
 * One reconciler at a time: takes the lock in RUN_DIR (STATE_DIR when not
 * live), waiting up to `seconds`; after one it logs for whom. -EBUSY names the holder. Freed by
 * host_close and by the kernel when the process ends.
 */
int host_lock(struct host *h, unsigned seconds, struct error *e);
void host_unlock(struct host *h);

#endif
