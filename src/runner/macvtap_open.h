/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_MACVTAP_OPEN_H
#define KVMHOST_MACVTAP_OPEN_H

#include "base/error.h"

/* One queue of the macvtap that is there; several: more are to be opened. */
int macvtap_open(const char *name, bool several, int *fd, struct error *e);

#endif
