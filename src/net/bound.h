/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of others that are bound to an interface (SO_BINDTODEVICE), by the kernel's sock_diag. */
#ifndef KVMHOST_BOUND_H
#define KVMHOST_BOUND_H

#include "reconcile/host.h"

struct bound {
	int index; /* of the interface */
	const char *what; /* "TCP port 22", "UDP port 67" */
	unsigned long inode;
};

/*
 * Those that wait for others: TCP that listens, UDP and raw IP without a peer, but no DHCP
 * client's. What the kernel cannot tell is left out. In the arena.
 */
void bound_read(struct arena *a, struct bound **v, size_t *n);

#endif
