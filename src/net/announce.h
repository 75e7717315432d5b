/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who spoke with an address of the host a moment ago goes on to send to the MAC address that it had
 * then, for half a minute and more (RFC 4861, 7.3.3), unless told of the new one: by ARP
 * announcements (RFC 5227, 3) and unsolicited neighbour advertisements (RFC 4861, 7.2.6). Switches
 * learn by them on which of their ports it is. The kernel does it only where a bond fails over, not
 * where an address moves to another link.
 */
#ifndef KVMHOST_ANNOUNCE_H
#define KVMHOST_ANNOUNCE_H

#include "reconcile/host.h"

/*
 * Of all addresses of the link and of the VLANs on it, once, when it can send, which is waited for
 * up to a second; without a carrier nobody is told. A card comes down out of a bond, and negotiates
 * with its switch anew: one that had a carrier is given some seconds to have it again. Link-local
 * addresses have no part in it: every link has its own. Says nothing of errors: what is not heard
 * mends itself in time. Needs CAP_NET_RAW.
 */
void announce(struct host *h, const char *link, bool had_carrier);

#endif
