/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing string. Always NUL-terminated once something was added; `s` may be NULL before. */
#ifndef KVMHOST_STRBUF_H
#define KVMHOST_STRBUF_H

#include "base/util.h"
#include <stdarg.h>

struct strbuf {
	char *s;
	size_t len, cap;
};

void sb_addn(struct strbuf *b, const char *s, size_t n);
/* Inline: the length of a literal is known where it is compiled. */
static inline void sb_add(struct strbuf *b, const char *s)
{
	sb_addn(b, s, strlen(s));
}
void sb_addc(struct strbuf *b, char c);
void sb_addf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
void sb_vaddf(struct strbuf *b, const char *fmt, va_list ap) _printf_(2, 0);
/* n times c */
void sb_pad(struct strbuf *b, char c, size_t n);
/* Text as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void sb_add_json(struct strbuf *b, const char *s);
/* Makes such a string of what was added after the first `at` bytes. */
void sb_json_from(struct strbuf *b, size_t at);

/* The text, never NULL; stays the buffer's. */
static inline const char *sb_str(const struct strbuf *b)
{
	return b->s ? b->s : "";
}
/* The text, now the caller's to free; never NULL; the buffer is empty again. */
char *sb_steal(struct strbuf *b);
void sb_free(struct strbuf *b);
#define _cleanup_strbuf_ _cleanup_(sb_free)

#endif
