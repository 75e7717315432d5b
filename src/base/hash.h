/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 64-bit FNV-1a over a text and its NUL, so that ("ab", "c") and ("a", "bc")
 * differ. What it yields is on disk and in guests: it must never change.
 */
#ifndef KVMHOST_HASH_H
#define KVMHOST_HASH_H

#include "base/decimal.h"

#define HASH_START UINT64_C(0xcbf29ce484222325)

static inline uint64_t hash_more(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	while (*text++);
	return h;
}

static inline uint64_t hash_index(uint64_t h, size_t i)
{
	struct decimal d;

	return hash_more(h, decimal(&d, i));
}

/* FNV's low bits mix badly for short texts: fold the high ones in (a finaliser as in splitmix64).
 */
static inline uint64_t hash_end(uint64_t h)
{
	h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
	return h ^ (h >> 31);
}

#endif
