/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `boot.reboot_timeout` with UEFI. The BIOS knows of it and reboots by itself; OVMF, when nothing
 * can be booted, opens its shell or waits for a key. What it says on the serial console tells, and
 * the machine is reset. A guest that says the same resets itself, which it may at any time.
 */
#ifndef KVMHOST_BOOT_RETRY_H
#define KVMHOST_BOOT_RETRY_H

#include "base/util.h"

enum { BOOT_RETRY_SIGNS = 2 };

struct boot_retry {
	bool on;
	uint64_t wait; /* microseconds */
	uint64_t at; /* when to reset, by CLOCK_MONOTONIC; 0: no need */
	size_t matched[BOOT_RETRY_SIGNS];
};

/* What the console says, in pieces as they come. */
void boot_retry_hear(struct boot_retry *b, uint64_t now, const char *data, size_t len);

#endif
