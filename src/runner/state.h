/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's account of a guest, state.json. It outlives the unit, so that
 * `status` can say why a guest is down:
 *
 *	{"format": 1, "state": "running", "since": 1763783000, "accel": "tcg",
 *	 "accel_reason": "...", "cpu_model": "max", "pid": 812, "runner": 811,
 *	 "end": "...", "error": "...", "event": "...", "display": "...", "install": "running",
 *	 "lost": [{"id": "device0", "name": "nic2 (0000:02:00.0)"}], "stderr": ["..."]}
 *
 * The runner has given up its rights when it writes this, and the directory
 * is root's: it keeps the file open and overwrites one record of fixed size,
 * padded with blanks, in one write. A reader that meets half a record reads
 * again.
 */
#ifndef KVMHOST_STATE_H
#define KVMHOST_STATE_H

#include "base/error.h"
#include <jansson.h>

enum { STATE_RECORD = 8192 };

/* What the runner sees of the machine. */
enum run_phase { RUN_STARTING, RUN_RUNNING, RUN_PAUSED, RUN_STOPPING, RUN_ENDED };
extern const char *const run_phase_names[]; /* "starting", ... */

/* How it ended. */
enum run_end {
	END_NONE,
	END_GUEST, /* the guest powered itself off */
	END_STOPPED, /* it was told to stop, and did */
	END_FORCED, /* it was told to stop, did not in time, and was switched off */
	END_FAILED, /* QEMU failed or never came up */
};
extern const char *const run_end_names[]; /* NULL for END_NONE, "guest", "stopped", ... */

struct run_state {
	enum run_phase phase;
	enum run_end end;
	int64_t since; /* seconds since 1970, of the phase */
	bool kvm;
	const char *accel_reason; /* why not KVM; NULL: KVM */
	const char *cpu_model;
	int pid, runner; /* 0: none */
	const char *error; /* NULL: none */
	const char *install; /* "running"; NULL: nothing is being installed */
	const char *display; /* vnc://127.0.0.1:5900; NULL: none */
	json_t *lost; /* devices of the host that it had and has no more, see run_lost.h; NULL: none
		       */
	const char *event; /* what went wrong in the guest last, a panic; NULL: nothing */
};

/*
 * Copies text, cut to room bytes with its NUL, with controls and what is no UTF-8 as `?`: QEMU may
 * repeat what a guest made it say, and a person reads it on a terminal.
 */
void plain_text(char *out, size_t room, const char *s, size_t len);
/* The same for all texts in a value, names of members too. Takes it over; what it returns is the
 * caller's. */
json_t *plain_json(json_t *value);

/* The tail of what QEMU said on its stderr: whole lines. */
enum { TAIL_LINES = 12, TAIL_WIDTH = 400 };
struct tail {
	char lines[TAIL_LINES][TAIL_WIDTH + 1];
	size_t n; /* lines ever; the last TAIL_LINES are kept */
};
void tail_add(struct tail *t, const char *line, size_t len);
/* Line i of those kept, the oldest first; NULL at the end. */
const char *tail_line(const struct tail *t, size_t i);

/* Writes the record to fd, dropping the oldest lines of stderr where it would not fit. */
int state_write(int fd, const struct run_state *s, const struct tail *stderr_tail);

/* The record as JSON, the caller's. -ENOENT: the guest was not started since boot. */
int state_read(int root, const char *name, json_t **out);

/* A phase or end by its name in a record; 0, RUN_STARTING or END_NONE, when there is none. */
enum run_phase state_phase(json_t *record);
enum run_end state_end(json_t *record);
/* Which devices of the host the running guest has lost without being asked, the caller's; or NULL.
 */
char *state_lost(json_t *record);
/* The error, else the last line of stderr. NULL: none. The caller frees. */
char *state_why(json_t *record);

#endif
