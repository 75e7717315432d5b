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

/* query-qmp-schema is some 300 KiB. */
enum { QMP_LINE_MAX = 1 << 20, QMP_PENDING_MAX = 16, QMP_WORDS_MAX = 600 };

struct qmp;

/*
 * result: the `return` member, or NULL with `error` the text of QEMU's `error`, one line of at most
 * QMP_WORDS_MAX. Borrowed.
 */
typedef void qmp_answer_fn(void *arg, json_t *result, const char *error);
/* An event: its name, and the whole of it with `data` and `timestamp`. Borrowed. */
typedef void qmp_event_fn(void *arg, const char *event, json_t *msg);

/* The whole answer to a command that was passed on. Borrowed. */
typedef void qmp_passed_fn(void *arg, json_t *answer);

struct qmp {
	int fd;
	int attached; /* goes with the next bytes; -1: none */
	struct strbuf in, out;
	bool greeted;
	unsigned next_id;
	struct {
		unsigned id; /* 0: free */
		qmp_answer_fn *fn;
		qmp_passed_fn *passed; /* set: called instead, with its own arg */
		void *passed_arg;
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

/*
 * Queues somebody else's command, whose `id` is replaced. fd: a descriptor
 * that goes with it (add-fd, getfd), which is closed here; -1: none. QEMU
 * keeps one such at a time: the next may be passed when this one is answered.
 * -EBUSY: as above.
 */
int qmp_pass(struct qmp *q, json_t *command, int fd, qmp_passed_fn *fn, void *arg);

/* POLLIN, and POLLOUT while something waits to be sent. 0 when closed. */
short qmp_events(const struct qmp *q);

/*
 * Sends and receives what it can without waiting. 0: go on; -ECONNRESET: QEMU
 * closed it; -EBADMSG: what came is no QMP; other negative errno. On an error
 * the connection is closed.
 */
int qmp_process(struct qmp *q);

#endif
