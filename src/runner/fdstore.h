/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors by name, through systemd's file descriptor store (sd_notify(3),
 * sd_listen_fds_with_names(3)): ExecStartPre= puts them in, the main process
 * of the same unit finds them open.
 */
#ifndef KVMHOST_FDSTORE_H
#define KVMHOST_FDSTORE_H

#include "base/util.h"

/* Under this name from now on, whatever was there before (of a start that was cut off). */
int fdstore_put(int notify, const char *name, int fd);

enum { FDSTORE_NAME = 32 };

struct fdstore {
	struct {
		const char *name;
		int fd; /* -1: taken */
	} * v;
	size_t n;
	char *names; /* what v's point to */
};

/* What systemd passed to this process; all closed on exec. */
void fdstore_open(struct fdstore *s);
/* The descriptor, which is the caller's now; -1: there is none. */
int fdstore_take(struct fdstore *s, const char *name);
/* Closes what nobody took, and tells systemd to keep none. */
void fdstore_close(struct fdstore *s, int notify);

#endif
