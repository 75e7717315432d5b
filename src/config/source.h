/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One input of a document: its text, its lines, and whether it is text at all. */
#ifndef KVMHOST_SOURCE_H
#define KVMHOST_SOURCE_H

#include "config/diag.h"

/* Copies name, as UTF-8, and text, without a byte order mark. */
struct source *source_new(struct arena *a, const char *name, const char *text, size_t len);

/*
 * Whether the text is clean UTF-8 that a YAML parser and an editor split into
 * the same lines. Adds one error, at the first place that is not.
 */
bool source_check(const struct source *s, struct diags *d);

/* The place of a byte. */
struct mark source_mark(const struct source *s, size_t offset);
/* The first byte of a mark's character; that of the line's end where the line is shorter. */
size_t source_offset(const struct source *s, struct mark m);
/* The source as a whole: where its file is at fault, not its text. */
static inline struct mark source_whole(const struct source *s)
{
	return (struct mark){ .source = s, .width = 1 };
}

#endif
