/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the runner asks QEMU for its own sake: its CPUs' threads, to pin them, and whether it lives.
 */
#ifndef KVMHOST_RUN_WATCH_H
#define KVMHOST_RUN_WATCH_H

#include "runner/supervise.h"

/* CLOCK_MONOTONIC in microseconds. */
uint64_t runner_clock(void);

/* `cpu.pinning`; before `cont`, so that no CPU runs elsewhere first. */
void run_pin(struct runner *r);

/* `memory.current`. */
void run_balloon(struct runner *r);

/* Which version of its machine QEMU has, where that is not known yet. */
void run_type(struct runner *r);

/* The guest stands still: asks whether for an error that no event of its own tells of. */
void run_why_stopped(struct runner *r);

/* systemd's watchdog, where the unit has one, is fed with answers. */
void run_alive_begin(struct runner *r);
/* No second question while the first has no answer: then systemd's time runs out. */
void run_alive_ask(struct runner *r);
/* Tells of its silence, until it answers. */
void run_alive_late(struct runner *r);

#endif
