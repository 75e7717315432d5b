/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP, QEMU's control protocol: JSON lines over a socket. Non-blocking; the
 * caller polls qmp->fd for qmp_events() and calls qmp_process() when it is
 * ready. Answers and events arrive by callback.
 *
 * QEMU is not trusted: a guest that broke out of it speaks here. Lines are
 * bounded, what is no JSON ends the connection, and texts are cut.
 */
#ifndef KVMHOST_QMP_H
#define KVMHOST_QMP_H

#include "base/strbuf.h"
#include <jansson.h>

enum { QMP_LINE_MAX = 64 * 1024, QMP_PENDING_MAX = 8 };

struct qmp;

/* result: the `return` member, or NULL with `error` the text of QEMU's `error`. Borrowed. */
typedef void qmp_answer_fn(void *arg, json_t *result, const char *error);
/* An event with its data (may be NULL). Borrowed. */
typedef void qmp_event_fn(void *arg, const char *event, json_t *data);

struct qmp {
	int fd;
	struct strbuf in, out;
	bool greeted;
	unsigned next_id;
	struct {
		unsigned id; /* 0: free */
		qmp_answer_fn *fn;
	} pending[QMP_PENDING_MAX];
	qmp_event_fn *event;
	void *arg; /* of all callbacks */
};

/* Takes a connected socket, makes it non-blocking, and queues qmp_capabilities. */
void qmp_init(struct qmp *q, int fd, qmp_event_fn *event, void *arg);
void qmp_close(struct qmp *q);

/*
 * Queues a command; arguments (may be NULL) is taken over. fn may be NULL.
 * Commands may be queued before QEMU's greeting. -EBUSY: too many unanswered.
 */
int qmp_command(struct qmp *q, const char *command, json_t *arguments, qmp_answer_fn *fn);

/* POLLIN, and POLLOUT while something waits to be sent. 0 when closed. */
short qmp_events(const struct qmp *q);

/*
 * Sends and receives what it can without waiting. 0: go on; -ECONNRESET: QEMU
 * closed it; -EBADMSG: what came is no QMP; other negative errno. On an error
 * the connection is closed.
 */
int qmp_process(struct qmp *q);

#endif
