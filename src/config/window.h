/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A time of the week that comes again: Sun 02:00-04:00, Mon..Fri 23:30-01:00, 03:00-04:00. */
#ifndef KVMHOST_WINDOW_H
#define KVMHOST_WINDOW_H

#include "base/util.h"
#include <time.h>

struct window {
	uint8_t days; /* on which it begins: bit 0 is Monday */
	unsigned from, to; /* minutes since midnight; to <= from: it ends on the next day */
};

bool window_parse(const char *text, struct window *out);
/* In the form in which it is parsed again, as systemd writes days. */
void window_format(const struct window *w, char *out, size_t size);
enum { WINDOW_TEXT_MAX = 64 };
/* now, inside of it; else when it begins next, by the machine's local time. */
time_t window_next(const struct window *w, time_t now);

#endif
