/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The runner's life with its QEMU, one process and one poll(2):
 *
 *	starting --cont answered--> running --SIGTERM--> stopping --QEMU exits--> ended
 *	                              |  ^                 agent, power button, at the timeout
 *	                         STOP |  | RESUME          `quit`, then SIGKILL
 *	                              v  |
 *	                             paused
 *
 * QEMU that exits in any phase ends it; why is in r->state. Its answers to
 * query-status are what feeds systemd's watchdog (WatchdogSec=).
 */
#ifndef KVMHOST_SUPERVISE_H
#define KVMHOST_SUPERVISE_H

#include "runner/boot_retry.h"
#include "runner/console.h"
#include "runner/control.h"
#include "runner/display.h"
#include "runner/qemu_args.h"
#include "runner/qmp.h"
#include "runner/run_said.h"
#include "runner/spec.h"
#include "runner/state.h"

/* Exit statuses, which kvmhost-guest@.service knows: see RestartPreventExitStatus= there. */
enum {
	RUN_EXIT_DONE = 0,
	RUN_EXIT_FAILED = 1,
	RUN_EXIT_STAY_DOWN = 78, /* failed, and starting again is not wanted or would not help */
	RUN_EXIT_AGAIN = 79, /* ended well, and is to be started again (restart: always) */
};

/* One line of QEMU's stderr being read. */
struct lines {
	int fd; /* -1: closed */
	char text[TAIL_WIDTH];
	size_t len;
};

/* Of the unit's control group: what was refused by a limit, and who was killed for it. */
struct memory_events {
	uint64_t limit, kills;
};

struct runner {
	struct spec spec;
	struct machine machine;
	int dir; /* the guest's directory, for live.json */
	int record; /* state.json */
	int memory; /* the unit's memory.events; -1: this kernel has none */
	struct memory_events memory_before;
	int notify; /* systemd's socket, -1: none */
	int signals; /* signalfd: SIGTERM, SIGINT, SIGCHLD */
	struct run_state state;
	char error[600]; /* state.error points here */
	char event[600]; /* state.event points here */
	bool event_still; /* it is true until the guest runs on */
	bool event_fatal; /* it is why QEMU ends as a failure */
	json_t *host_devices; /* by id, see run_lost.c */
	char missing[360]; /* flags that cpu.model has and this machine has not; "": none */
	struct tail tail;
	struct lines output;
	struct said said;
	struct qmp qmp;
	struct console console;
	struct agent agent;
	struct control control;
	struct display display;
	struct {
		int note; /* where it is noted that it is done; -1: nothing is installed */
		bool done;
		enum {
			INSTALL_RUNS,
			INSTALL_ENDED, /* QEMU stands still until it is known whether it is done */
			INSTALL_RESET, /* it was told to reset the machine */
			INSTALL_STARTS, /* it was told to let it run */
		} phase;
		bool crashed; /* since the guest booted last */
		bool off; /* it powered off, and did not reboot */
		uint64_t echo; /* until then one more reset is the BIOS's own */
		unsigned in_vain; /* reboots and power offs with nothing written */
	} install; /* see run_install.h */
	int type; /* where the machine's type is noted; -1: it is known */
	int secret; /* of the display, until it is begun; -1: none */
	uint64_t alive_every, alive_next; /* systemd's watchdog, microseconds; 0: it has none */
	bool alive_asked;
	uint64_t alive_late; /* by then it has answered, or its silence is told; 0: nothing is asked
			      */
	pid_t qemu; /* 0: not running */
	pid_t tpm; /* 0: there is none */
	uint64_t tpm_missed; /* it has ended; by then QEMU has too, or was left alone; 0: all is
				well */
	struct boot_retry retry;
	int firmware; /* what SeaBIOS says; -1: that does not count */
	bool ran; /* the guest's CPUs ran */
	bool guest_off; /* the guest powered itself off */
	bool told; /* SIGTERM came */
	enum { PRESS_BUTTON, KILL } next;
	uint64_t deadline; /* CLOCK_MONOTONIC, microseconds, of `next`; 0: none */
	uint64_t give_up; /* when the power button has had its time */
};

/* Notes the reason; the first one counts. */
void runner_fail(struct runner *r, const char *fmt, ...) _printf_(2, 3);
/* Writes state.json. */
void runner_save(struct runner *r);
/* Changes the phase and writes state.json. */
void runner_phase(struct runner *r, enum run_phase phase);
/* Nothing runs any more: state.json's last word; returns the exit status. */
int runner_end(struct runner *r, enum run_end end);

/* From QEMU's start to its end; returns the exit status. */
int runner_loop(struct runner *r);

#endif
