/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Strings to pointers, for lookups that must stay quick at thousands of
 * resources. Keys are borrowed and must outlive the map. A zeroed struct is an
 * empty map.
 */
#ifndef KVMHOST_STRMAP_H
#define KVMHOST_STRMAP_H

#include "base/util.h"

struct strmap {
	struct strmap_slot {
		const char *key;
		void *value;
	} * slots;
	size_t n, cap; /* cap: 0 or a power of two */
};

void *strmap_get(const struct strmap *m, const char *key);
/* Replaces the value of a key that is there; returns the old value or NULL. value must not be NULL.
 */
void *strmap_put(struct strmap *m, const char *key, void *value);
void strmap_free(struct strmap *m);
#define _cleanup_strmap_ _cleanup_(strmap_free)

#endif
