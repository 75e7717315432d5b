/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last 64 KiB of a console as a stream with positions that only grow. A
 * client is a position: none needs a buffer of its own, and one that lags
 * loses the oldest bytes instead of holding up the guest.
 */
#ifndef KVMHOST_HISTORY_H
#define KVMHOST_HISTORY_H

#include "base/util.h"

enum { HISTORY_SIZE = 64 * 1024 };

struct history {
	char data[HISTORY_SIZE];
	uint64_t end; /* bytes ever */
};

void history_add(struct history *h, const char *data, size_t n);
/* The oldest position that is still there. */
uint64_t history_start(const struct history *h);
/*
 * What stands at *pos in one piece: its length, 0 at the end. Where that was
 * overwritten *pos moves up to the oldest byte.
 */
size_t history_at(const struct history *h, uint64_t *pos, const char **data);

#endif
