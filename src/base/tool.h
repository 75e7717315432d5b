/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs another program where kvmhost must not do its work: no shell, its words kept. */
#ifndef KVMHOST_TOOL_H
#define KVMHOST_TOOL_H

#include "base/error.h"

/*
 * Waits for argv[0], a path, to end. When it cannot be run or ends with another status than 0,
 * the error has the last lines of what it said. lock: a descriptor that it inherits, so that the
 * lock outlives who is killed while it works; -1: none.
 */
int tool_run(char *const argv[], int lock, struct error *e);
/* The same with all that it said, freed by the caller. */
int tool_read(char *const argv[], int lock, char **said, struct error *e);
/*
 * The same without a lock, and how it ended is the caller's to judge: *status as of waitpid(2).
 * shown: its stderr is ours, for a progress bar.
 */
int tool_end(char *const argv[], bool shown, char **said, int *status, struct error *e);

#endif
