/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/run_said.h"
#include "base/log.h"
#include "config/field.h"

#define MINUTE (60 * USEC_PER_SEC)

void said_rest(struct said *s)
{
	if (s->left_out)
		log_warning("%u more lines that QEMU caused are left out", s->left_out);
	s->left_out = 0;
}

void said(struct said *s, uint64_t now, int level, const char *text)
{
	if (!s->since || now - s->since >= MINUTE) {
		said_rest(s);
		*s = (struct said){ .since = now };
	}
	if (s->lines < SAID_LINES) {
		s->lines++;
		log_at(level, "%s", text);
	} else {
		s->left_out++;
	}
}
