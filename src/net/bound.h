/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What others listen to by an interface: sockets that are bound to it
 * (SO_BINDTODEVICE; packet(7)), and multicast groups that were joined there.
 */
#ifndef KVMHOST_BOUND_H
#define KVMHOST_BOUND_H

#include "reconcile/host.h"

struct bound {
	int index; /* of the interface */
	/* "TCP port 22", "UDP port 67", "IP protocol 112", "frames of type 0x88f7"; "239.1.2.3" */
	const char *what;
	unsigned long inode; /* 0: of a group, whose sockets the kernel does not tell */
};

/*
 * Those that wait for others: TCP that listens, UDP and raw IP without a peer, frames of a type of
 * their own; but no DHCP client's. What the kernel cannot tell is left out: raw IP where it has no
 * CONFIG_INET_RAW_DIAG. In the host's pass.
 */
void bound_read(struct host *h, struct bound **v, size_t *n);

/*
 * bound_group.c: groups with routers between, of both families; those of one link alone are joined
 * again by who speaks for it, or by the kernel itself.
 */
void bound_groups_read(struct host *h, struct bound **v, size_t *n);
/* A multicast router of either family has the link among those between which it forwards. */
bool multicast_routed(struct host *h, const char *link);

#endif
