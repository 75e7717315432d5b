/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes into the journal because QEMU says so. journald reads each line with its own processor
 * time, also one that it drops, and a QEMU that was taken over writes without an end: of a minute's
 * lines the first ones are written, the rest are counted.
 */
#ifndef KVMHOST_RUN_SAID_H
#define KVMHOST_RUN_SAID_H

#include "base/util.h"

enum { SAID_LINES = 200 };

struct said {
	uint64_t since; /* CLOCK_MONOTONIC, microseconds, when the minute began; 0: none has */
	unsigned lines, left_out;
};

/* text is plain. */
void said(struct said *s, uint64_t now, int level, const char *text);
/* Tells how many were left out, if any were. */
void said_rest(struct said *s);

#endif
