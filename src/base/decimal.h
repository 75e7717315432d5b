/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers as text where there are thousands of them: printf would be most of the work. */
#ifndef KVMHOST_DECIMAL_H
#define KVMHOST_DECIMAL_H

#include "base/util.h"

struct decimal {
	char room[24];
};

/* The number in decimal: a text within *d. */
static inline const char *decimal(struct decimal *d, uint64_t n)
{
	char *p = d->room + sizeof(d->room) - 1;

	*p = '\0';
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	return p;
}

#endif
