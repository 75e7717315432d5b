/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A running guest's QMP, through its control socket (control.h). For root. A guest that took over
 * its QEMU speaks here, so nothing is waited for without end, and texts are cut.
 */
#ifndef KVMHOST_GUESTCTL_QMP_H
#define KVMHOST_GUESTCTL_QMP_H

#include "base/error.h"
#include "base/strbuf.h"
#include "reconcile/host.h"
#include <jansson.h>

struct guest_qmp {
	const char *name;
	int fd;
	int patience_ms; /* with an answer, whatever else is said meanwhile */
	struct strbuf in;
	json_t *events; /* those that came while an answer was waited for */
};

/* The descriptor of a stream to a socket of the guest's, or -errno; -EAGAIN: nobody accepts it. */
int guest_socket_join(const char *path, int ms);

/* -ENOENT: no such guest; -ENOTCONN: it does not run. */
int guest_qmp_open(struct host *h, const char *name, struct guest_qmp *q, struct error *e);
void guest_qmp_close(struct guest_qmp *q);
#define _cleanup_guest_qmp_ _cleanup_(guest_qmp_close)

/*
 * Sends a command (arguments is taken over, may be NULL) with a descriptor (-1: none) and waits
 * for its answer: *result, the caller's, may be NULL. -EIO: QEMU refuses. After any other failure
 * the connection is closed, and nothing else is asked.
 */
int guest_qmp_command(struct guest_qmp *q, const char *command, json_t *arguments, int fd,
	json_t **result, struct error *e);

/*
 * Waits for one of the events (names up to a NULL) about the device `id`; it may have come already
 * since the socket was opened. Returns its index, or -ETIMEDOUT.
 */
int guest_qmp_event(struct guest_qmp *q, const char *id, const char *const *events, int ms);

#endif
