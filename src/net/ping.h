/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is somebody there? ICMP echo (RFC 792, RFC 4443), and for neighbours ARP and
 * neighbour discovery as well: a gateway that answers no echo is still one.
 */
#ifndef KVMHOST_PING_H
#define KVMHOST_PING_H

#include "config/type.h"
#include "net/nl.h"

struct ping {
	struct ip ip;
	int link; /* index of the link that a link-local address is on; 0: by routing */
	bool answered;
};

/*
 * Asks all until they answered or the time is over. Returns how many did, or a
 * negative errno where nobody could be asked. Needs CAP_NET_RAW and CAP_NET_ADMIN.
 */
int ping_all(struct nl *nl, struct ping *v, size_t n, unsigned milliseconds, struct error *e);

#endif
