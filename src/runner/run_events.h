/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What QEMU's events mean to the runner and to who reads the journal. */
#ifndef KVMHOST_RUN_EVENTS_H
#define KVMHOST_RUN_EVENTS_H

#include "runner/guest.h"
#include <jansson.h>

struct run_event {
	const char *text; /* for the journal; NULL: nothing to say; lives until the next call */
	int level; /* of syslog(3) */
	bool powered_off; /* by the guest itself */
	bool fatal; /* QEMU ends because of it, as a failure and with no other word */
	bool paused, resumed;
	bool still; /* text is true until the guest runs on */
	const char *deleted; /* the id of a device that QEMU has no more; as long as data lives */
	bool agent, agent_open; /* the agent's port was opened or closed in the guest */
};

/* Of the guest g. data may be NULL. */
struct run_event run_event(const struct guest *g, const char *event, json_t *data);

#endif
