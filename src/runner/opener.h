/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmhost-run --open NAME: the unit's ExecStartPre=, as root and outside its
 * sandbox. Opens what the guest needs and passes it through systemd to the
 * runner, which is inside and could open none of it:
 *
 *	dir, record, spec    the guest's directory, state.json, started.json
 *	console, log, log.1  the console's socket, listening, and its log
 *	control              the socket for QMP, listening
 *	disk0, tap0, ...     what QEMU is handed, see handover.h
 *
 * What goes wrong is written to state.json, and no spec is passed: the
 * runner's exit status then says whether systemd may try again.
 */
#ifndef KVMHOST_OPENER_H
#define KVMHOST_OPENER_H

/* The exit status. */
int opener(const char *name);

#endif
