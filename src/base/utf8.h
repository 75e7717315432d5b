/* SPDX-License-Identifier: GPL-2.0-or-later */
/* UTF-8, one character at a time. */
#ifndef KVMHOST_UTF8_H
#define KVMHOST_UTF8_H

#include "base/util.h"

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * The character at s, of which n bytes may be read: its length in bytes, 1 to
 * 4, and the code point in *c (may be NULL). 0 when n is 0 or the bytes are
 * no UTF-8: truncated, overlong, a surrogate or beyond U+10FFFF.
 */
size_t utf8_decode(const char *s, size_t n, uint32_t *c);

/* The offset of the first byte that is no UTF-8, or n. */
size_t utf8_valid(const char *s, size_t n);

/* Writes a question mark over each byte that is no UTF-8; returns s. For texts of others (names of
 * files and links, what programs say) on their way to JSON or the bus, which refuse them whole. */
char *utf8_mend(char *s);

/* C0 and C1 controls, DEL, and characters that change the direction of text on a terminal. */
bool utf8_is_control(uint32_t c);

#endif
