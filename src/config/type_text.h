/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What types share whose value is text: const char *, in the document's arena. */
#ifndef KVMHOST_TYPE_TEXT_H
#define KVMHOST_TYPE_TEXT_H

#include "config/type.h"

void text_format(const struct field *f, const void *value, struct strbuf *out);
bool text_equal(const void *a, const void *b);

/* Copies the scalar's text into the arena. Always true. */
bool text_take(struct scalar *s, void *value);

/* False, with the error and its cure: a number or boolean where text is wanted, one of which was
 * not meant. */
bool text_refuse_unquoted(struct scalar *s);

/* False, with the error: control characters, or no UTF-8. */
bool text_refuse_control(struct scalar *s);

#endif
