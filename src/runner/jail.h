/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The root directory in which runners and their QEMUs live; see kvmhost-guest@.service. */
#ifndef KVMHOST_JAIL_H
#define KVMHOST_JAIL_H

#include "base/error.h"

#define JAIL_DIR "/run/kvmhost/jail"

/* Makes it where it is missing: mount points, and links such as lib -> usr/lib. */
int jail_make(struct error *e);

#endif
