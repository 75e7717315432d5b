/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories that tests make below /tmp. */
#ifndef KVMHOST_TEST_SCRATCH_H
#define KVMHOST_TEST_SCRATCH_H

#include "base/util.h"
#include <ftw.h>
#include <stdio.h>

static inline int scratch_remove_one(
	const char *path, const struct stat *st _unused_, int type _unused_, struct FTW *f _unused_)
{
	return remove(path);
}

/* With all that is in it; follows no links. 0, or -1 with errno. */
static inline int scratch_remove(const char *dir)
{
	return nftw(dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
