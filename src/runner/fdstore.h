/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors by name, from ExecStartPre= to the main process of the same unit. They wait in a
 * socket pair, one message each, and systemd keeps the end to read from in its file descriptor
 * store (sd_notify(3), sd_listen_fds(3)): each message to systemd costs it more than all of
 * these together.
 */
#ifndef KVMHOST_FDSTORE_H
#define KVMHOST_FDSTORE_H

#include "base/util.h"

/* The end to put into, -errno. What a start that was cut off has left there is dropped. */
int fdstore_begin(int notify);
int fdstore_put(int to, const char *name, int fd);

enum { FDSTORE_NAME = 32, FDSTORE_MAX = 512 };

struct fdstore {
	struct {
		char name[FDSTORE_NAME];
		int fd; /* -1: taken */
	} * v;
	size_t n;
	bool kept; /* systemd has some */
};

/* What was put in for this process; all closed on exec. */
void fdstore_open(struct fdstore *s);
/* The descriptor, which is the caller's now; -1: there is none. */
int fdstore_take(struct fdstore *s, const char *name);
/* Closes what nobody took, and tells systemd to keep none. */
void fdstore_close(struct fdstore *s, int notify);

#endif
