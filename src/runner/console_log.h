/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest said on its console, on disk: GUEST_LOG_DIR/NAME.console.log,
 * and once that has a mebibyte, the part before in NAME.console.log.1. The
 * runner has no right to rename in root's directory: it keeps both files open
 * and copies.
 */
#ifndef KVMHOST_CONSOLE_LOG_H
#define KVMHOST_CONSOLE_LOG_H

#include "base/error.h"

enum { CONSOLE_LOG_MAX = 1 << 20 };

struct console_log {
	int now, before;
	uint64_t size; /* of now */
	bool failed; /* said once already */
};

/* Opens both; before console_log_begin(), or to be passed on. */
int console_log_open(struct console_log *l, const char *name, struct error *e);
/* From the end of what is there. */
void console_log_begin(struct console_log *l);
void console_log_close(struct console_log *l);
/* A full disk is logged once and must not harm the guest. */
void console_log_add(struct console_log *l, const char *data, size_t n);

#endif
