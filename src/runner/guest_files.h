/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's files at run time, RUN_DIR/guests/NAME/. All belong to root; the
 * directory and what says "all" may be read by everyone.
 *
 *	spec.json     what was applied last: what the next start uses
 *	live.json     all: the part that a running guest follows; read when it is needed
 *	started.json  the spec.json that the runner took at its start
 *	state.json    all: the runner's account of the guest, see state.h
 *	held          empty: stopped by hand, not to be started by a reconciliation
 *	console.sock  socket of the serial console
 *	control.sock  QMP for several clients, see control.h
 */
#ifndef KVMHOST_GUEST_FILES_H
#define KVMHOST_GUEST_FILES_H

#include "base/error.h"
#include "base/file.h"

#define GUESTS_DIR "/run/kvmhost/guests"
#define GUEST_LOG_DIR "/var/log/kvmhost"

#define FILE_SPEC "spec.json"
#define FILE_LIVE "live.json"
#define FILE_STARTED "started.json"
#define FILE_STATE "state.json"
#define FILE_HELD "held"
#define FILE_CONSOLE "console.sock"
#define FILE_CONTROL "control.sock"

#define GUEST_UNIT_PREFIX "kvmhost-guest@"

/* Room for the longest of these with a name of 64 bytes. */
enum { GUEST_PATH_MAX = 128 };
struct guest_path {
	char s[GUEST_PATH_MAX];
};
struct guest_path guest_path(const char *name, const char *file);
/* "kvmhost-guest@NAME.service" */
struct guest_path guest_unit(const char *name);
/* NAME of such a unit, the caller's to free; NULL: it is another unit. */
char *guest_of_unit(const char *unit);

bool guest_held(int root, const char *name);
int guest_hold(int root, const char *name, bool held, struct error *e);

/* Removes the directory and all in it. */
int guest_files_remove(int root, const char *name, struct error *e);

#endif
