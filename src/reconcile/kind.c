/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reconcile/kind.h"

const struct kind *kind_find(const char *name)
{
	for (size_t i = 0; i < n_kinds; i++)
		if (*kinds[i]->name == *name && streq(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}
