/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's screen. QEMU has no network: the opener listens, the runner takes
 * connections and hands each to QEMU (getfd, add_client).
 */
#ifndef KVMHOST_DISPLAY_H
#define KVMHOST_DISPLAY_H

#include "base/error.h"
#include "runner/control.h"
#include "runner/guest.h"

enum { DISPLAY_SECRET_MAX = 128 };

/* The listening socket of g, and its password's text as a file in memory; -1 where it has none. */
int display_open(const struct guest_graphics *g, int *listen, int *secret, struct error *e);

struct display {
	int listen; /* -1: none */
	bool busy; /* a connection is on its way to QEMU */
	const char *protocol;
	struct control *control;
	char address[80]; /* vnc://127.0.0.1:5900 */
};

/* Takes both; the password goes to QEMU before the first connection. */
void display_begin(struct display *d, const struct guest_graphics *g, int listen, int secret,
	struct control *control);
void display_close(struct display *d);
/* What to poll for reading; -1: nothing. */
int display_fd(const struct display *d);
void display_process(struct display *d);

#endif
