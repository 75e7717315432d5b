/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks a DHCP server for a bridge's addresses, and who asks for a card's. */
#ifndef KVMHOST_DHCP_H
#define KVMHOST_DHCP_H

#include "net/ported.h"

enum dhcp_client { DHCP_NETWORKD, DHCP_DHCPCD, DHCP_DHCLIENT };

/* The client for bridges on this machine; -ENOPKG when there is none. */
int dhcp_client(struct host *h, enum dhcp_client *out, struct error *e);

/*
 * dhcp_card.c: -EBUSY when somebody else's client would put back on the card what the bridge takes
 * of it, or when nobody would prolong on the bridge what a lease gave the card.
 */
int dhcp_check_card(struct host *h, const struct link *card, enum addressing mode, struct error *e);

#endif
