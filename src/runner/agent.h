/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's agent (qemu-ga) behind a virtio-serial port: JSON lines, and no
 * way to know whether an answer belongs to a question but by asking for a
 * number first (guest-sync-delimited in QEMU's docs/interop/qemu-ga-ref).
 * One question at a time. The guest is not trusted.
 */
#ifndef KVMHOST_AGENT_H
#define KVMHOST_AGENT_H

#include "base/strbuf.h"
#include <jansson.h>

enum { AGENT_LINE_MAX = 256 * 1024 };
#define AGENT_TIMEOUT (5 * UINT64_C(1000000))

typedef void agent_answer_fn(void *arg, json_t *result, const char *error);

struct agent {
	int fd; /* -1: the guest has no channel */
	bool open; /* somebody in the guest has the port open */
	bool synced; /* the number came back: what follows is the answer */
	int64_t number;
	uint64_t deadline; /* of the question; 0: none is open */
	agent_answer_fn *fn;
	void *arg;
	struct strbuf in, out;
};

void agent_init(struct agent *a, int fd);
void agent_close(struct agent *a);
/* POLLIN, POLLOUT. */
short agent_events(const struct agent *a);
void agent_process(struct agent *a);
/* The time has passed. */
void agent_overdue(struct agent *a);
/* NULL: fn is called once; else why the question cannot be asked. */
const char *agent_ask(struct agent *a, json_t *command, agent_answer_fn *fn, void *arg);
/* guest-shutdown, which has no answer. False: nobody would hear it. */
bool agent_power_off(struct agent *a);

#endif
