/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 (FIPS 180-4): the one sum that is needed, not worth a library in every process. */
#ifndef KVMHOST_SHA256_H
#define KVMHOST_SHA256_H

#include "base/util.h"

enum { SHA256_BLOCK = 64, SHA256_DIGITS = 64, SHA256_TEXT = SHA256_DIGITS + 1 };

struct sha256 {
	uint32_t state[8];
	uint64_t len; /* bytes so far */
	uint8_t block[SHA256_BLOCK]; /* what is not a whole one yet */
};

void sha256_begin(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* The sum in lower case, as sha256sum(1) writes it. */
void sha256_end(struct sha256 *s, char out[static SHA256_TEXT]);
/* The three in one. */
void sha256_of(const void *data, size_t len, char out[static SHA256_TEXT]);

#endif
