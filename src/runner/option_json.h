/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of QEMU's command line as QMP takes them. */
#ifndef KVMHOST_OPTION_JSON_H
#define KVMHOST_OPTION_JSON_H

#include <jansson.h>

/*
 * "driver=raw,node-name=disk0,cache.direct=on" as {"driver": "raw", "node-name": "disk0", "cache":
 * {"direct": true}}. first: the key of what stands first without one ("driver" of -device), or
 * NULL. The caller's.
 */
json_t *option_json(const char *text, const char *first);

#endif
