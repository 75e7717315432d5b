/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What other programs, and people, call things: `lacp` for 802.3ad. A hint for a word that is not
 * among those that may stand there; it makes nothing valid.
 */
#ifndef KVMHOST_OTHER_WORDS_H
#define KVMHOST_OTHER_WORDS_H

#include <stddef.h>

/* The one of `words` that is meant, or NULL. word: small letters, and _ for -. */
const char *other_word(const char *word, const char *const *words, size_t n);

#endif
