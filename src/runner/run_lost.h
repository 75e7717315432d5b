/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of the host that leave a running guest. Where they were pulled,
 * removed through /sys, or went with their card's driver, the kernel asks QEMU
 * for the device, QEMU the guest, and when that lets go of it QEMU says so: it
 * is lost, and the guest runs on without it. What kvmhost plugs out goes the
 * same way, but somebody asked for it. In state.json:
 *
 *	"lost": [{"id": "device0", "name": "nic2 (0000:02:00.0)", "asked": true}]
 */
#ifndef KVMHOST_RUN_LOST_H
#define KVMHOST_RUN_LOST_H

#include "runner/supervise.h"

/* What it was started with; until run_lost_end(). */
void run_lost_begin(struct runner *r);
void run_lost_end(struct runner *r);
/* A client's command: what it plugs in is there from then on, what it plugs out may go. */
void run_lost_command(void *runner, json_t *command, enum control_progress at);
/* QEMU has no device of that id any more; true: it was one of the host's, and is in r->state. */
bool run_lost(struct runner *r, const char *id);

#endif
