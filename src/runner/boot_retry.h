/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `boot.reboot_timeout` where the firmware does not reboot by itself. OVMF, when nothing can be
 * booted, opens its shell or waits for a key; it says so on the serial console. The BIOS would
 * reboot; but while a guest is installed that would be the end of it, so it is not told to, and
 * what it says on its debug port tells. Then the machine is reset. A guest that says the same
 * resets itself, which it may at any time.
 */
#ifndef KVMHOST_BOOT_RETRY_H
#define KVMHOST_BOOT_RETRY_H

#include "base/util.h"

enum { BOOT_RETRY_SIGNS = 3 };

struct boot_retry {
	bool on;
	uint64_t wait; /* microseconds */
	uint64_t at; /* when to reset, by CLOCK_MONOTONIC; 0: no need */
	size_t matched[BOOT_RETRY_SIGNS];
};

/* What the console says, in pieces as they come. */
void boot_retry_hear(struct boot_retry *b, uint64_t now, const char *data, size_t len);

#endif
