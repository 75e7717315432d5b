/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The disc with a guest's data for cloud-init: an ISO 9660 image of our making. */
#ifndef KVMHOST_SEED_H
#define KVMHOST_SEED_H

#include "runner/guest_files.h"

#define SEEDS_DIR "/var/lib/kvmhost/seeds"

static inline struct guest_path seed_path(const char *guest)
{
	struct guest_path p;

	snprintf(p.s, sizeof(p.s), SEEDS_DIR "/%s.iso", guest);
	return p;
}

#endif
