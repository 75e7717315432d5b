/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest is given without being asked: its user, its interfaces' names
 * and MAC addresses, its UUID. Pure functions of names, so that they are the
 * same on every run and need no record.
 */
#ifndef KVMHOST_IDENTITY_H
#define KVMHOST_IDENTITY_H

#include "base/util.h"
#include "config/guest_mac.h"
#include <net/if.h>
#include <sys/types.h>

/*
 * Users of guests: a range that no distribution and no part of systemd uses
 * ("Summary" in systemd's docs/UIDS-GIDS.md). They have no passwd entry. The
 * group has the same number.
 */
#define GUEST_UID_MIN UINT32_C(1879048192)
#define GUEST_UID_MAX UINT32_C(2147352575)

uid_t guest_uid(const char *guest);

/*
 * "web1-tap0"; where that is longer than an interface name may be, the guest's
 * name is cut and six hexadecimal digits of its hash stand for the rest:
 * "dat-6b1f0c-tap0".
 */
void guest_tap_name(const char *guest, size_t i, char out[static IFNAMSIZ]);

enum { UUID_TEXT = 37 };
/* A version 8 UUID (RFC 9562) as text. */
void guest_uuid(const char *host_id, const char *guest, char out[static UUID_TEXT]);

#endif
