/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.vhost_net: whether guests' packets pass through the kernel's vhost-net.
 * As a kind it does nothing itself: it derives what the module is to be, and
 * guests look at it for interfaces that say nothing of their own.
 */
#ifndef KVMHOST_VHOST_H
#define KVMHOST_VHOST_H

#include "config/obj.h"

struct vhost_net {
	struct obj obj;
	bool enabled;
};
extern const struct table vhost_net_table;

#endif
