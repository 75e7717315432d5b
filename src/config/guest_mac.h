/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The MAC address of a guest's interface that was given none: the runner and DHCP both know it. */
#ifndef KVMHOST_GUEST_MAC_H
#define KVMHOST_GUEST_MAC_H

#include "config/type.h"

/* host_id: any text that differs between hosts, such as /etc/machine-id. */
struct mac guest_mac(const char *host_id, const char *guest, size_t i);

#endif
