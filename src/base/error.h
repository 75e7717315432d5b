/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Errors. A function that can fail returns a negative errno. Where a person
 * must act on the failure it also fills a struct error: what went wrong and
 * why (`text`), and the cure as a command or a YAML line (`cure`). The place
 * in the YAML is added by the engine, which knows it from the resource.
 *
 *	if (fd < 0)
 *		return error_set(e, -errno, "cannot open %s: %s", path, strerror(errno));
 *
 * error_set() replaces what was there; the first meaningful error wins by the
 * caller returning at once. Texts are UTF-8, whatever names are in them. `e` may be NULL: the text
 *is then dropped.
 */
#ifndef KVMHOST_ERROR_H
#define KVMHOST_ERROR_H

#include "base/util.h"

struct error {
	int code; /* negative errno, 0: none */
	char *text;
	char *cure; /* may be NULL */
};

/* Returns code, which must be negative. */
int error_set(struct error *e, int code, const char *fmt, ...) _printf_(3, 4);
/* Adds the cure to an error already set; returns its code. */
int error_cure(struct error *e, const char *fmt, ...) _printf_(2, 3);
/* Puts words (such as a device) before the text; returns its code. */
int error_prefix(struct error *e, const char *fmt, ...) _printf_(2, 3);
/* "text; cure" or the errno's name; for one line. The caller frees. */
char *error_line(const struct error *e);
void error_clear(struct error *e);
#define _cleanup_error_ _cleanup_(error_clear)

#endif
