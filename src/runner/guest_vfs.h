/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guests' virtual functions in the document: who names which, and whether there are as many. */
#ifndef KVMHOST_GUEST_VFS_H
#define KVMHOST_GUEST_VFS_H

#include "reconcile/kind.h"

/* Between all guests. */
void guest_vfs_check(const struct wants *w, struct diags *d);
/* The MAC address that a guest gives its interface is the function's, which `sriov:` sets. */
void guest_vfs_derive(const struct resource *guest, struct wants *w);

#endif
