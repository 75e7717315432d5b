/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is known of one guest: `guest info` and `status guest/NAME`. */
#ifndef KVMHOST_CTL_GUEST_INFO_H
#define KVMHOST_CTL_GUEST_INFO_H

#include "ctl/ctl.h"
#include <jansson.h>

/* As guestctl_info(), with the leases of its interfaces. */
int guest_look(struct ctl *c, const char *name, json_t **guest, struct error *e);
/* For people. */
void guest_print(json_t *guest);

#endif
