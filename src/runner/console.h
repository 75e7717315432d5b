/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The serial console, shared by several clients of a Unix socket: each gets
 * the history, then what the guest says; what any of them types goes to the
 * guest. Non-blocking: console_poll() says what to wait for.
 */
#ifndef KVMHOST_CONSOLE_H
#define KVMHOST_CONSOLE_H

#include "runner/console_log.h"
#include "runner/history.h"
#include <poll.h>

enum { CONSOLE_CLIENTS = 8, CONSOLE_POLLS = CONSOLE_CLIENTS + 2 };

struct console {
	int guest; /* the other end of QEMU's serial port; -1: QEMU has gone */
	int listen; /* -1: no socket */
	struct {
		int fd; /* -1: free */
		uint64_t pos;
		bool finished; /* it sends no more */
	} clients[CONSOLE_CLIENTS];
	char typed[1024]; /* from clients, not taken by the guest yet */
	size_t n_typed;
	struct history history;
	struct console_log log;
	/* Also told what the guest says; NULL: nobody is. */
	void (*heard)(void *arg, const char *data, size_t len);
	void *arg;
};

/* A listening socket at path, for root alone; what was there is replaced. -errno. */
int console_listen(const char *path);

/* Its members may use consoles, where it exists (units/kvmhost.sysusers). */
#define CONSOLE_GROUP "kvmhost"
/* Opens the socket at path to them. */
void console_share(const char *path);

/* Takes both descriptors; c->log is opened by the caller. */
void console_init(struct console *c, int guest, int listen);
void console_close(struct console *c);

/* Fills CONSOLE_POLLS entries; those not used have fd -1. */
void console_poll(const struct console *c, struct pollfd v[static CONSOLE_POLLS]);
void console_process(struct console *c, const struct pollfd v[static CONSOLE_POLLS]);
/* The guest is gone: takes what it said last and gives clients what they can take now. */
void console_drain(struct console *c);

#endif
