/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_LINK_WAIT_H
#define KVMHOST_LINK_WAIT_H

/* Returns when the interface has a carrier, or after so many seconds. */
void link_wait_carrier(const char *name, unsigned seconds);

#endif
