/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP for several clients of a Unix socket: each is greeted as by QEMU, sends
 * one command at a time, with a descriptor where it has one to pass, and sees
 * all events. Commands to the guest's agent are written as
 *
 *	{"execute": "x-agent", "arguments": {"execute": "guest-info"}}
 *
 * For root alone, by the socket's mode.
 */
#ifndef KVMHOST_CONTROL_H
#define KVMHOST_CONTROL_H

#include "runner/agent.h"
#include "runner/qmp.h"
#include <poll.h>

enum { CONTROL_CLIENTS = 4, CONTROL_POLLS = CONTROL_CLIENTS + 1 };

/* A command on its way to QEMU, and QEMU's answer. */
enum control_progress { CONTROL_SENT, CONTROL_DONE, CONTROL_REFUSED };
typedef void control_seen_fn(void *arg, json_t *command, enum control_progress at);

struct control_client {
	int fd; /* -1: none */
	bool busy; /* waits for an answer, also after it has left */
	bool hurried; /* it is to leave once it has read all */
	json_t *id; /* of its command */
	json_t *command; /* which QEMU has; NULL: none */
	int passed; /* came with its command; -1: none */
	struct strbuf in, out;
	struct control *control;
};

struct control {
	int listen;
	struct control_client clients[CONTROL_CLIENTS];
	const void *passing; /* whose descriptor is on its way to QEMU; NULL: nobody's */
	struct qmp *qmp;
	struct agent *agent;
	control_seen_fn *seen; /* sees what clients ask of QEMU; NULL: nobody */
	void *arg; /* of it */
};

void control_init(struct control *c, int listen, struct qmp *qmp, struct agent *agent);
void control_close(struct control *c);
void control_poll(const struct control *c, struct pollfd v[static CONTROL_POLLS]);
void control_process(struct control *c, const struct pollfd v[static CONTROL_POLLS]);
/* To all clients. */
void control_event(struct control *c, json_t *msg);

#endif
