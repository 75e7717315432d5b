/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * UEFI firmware: where distributions put OVMF, and a guest's own variables,
 * NVRAM_DIR/NAME.fd, or uefi-secure/NAME.fd there with Secure Boot. They are
 * copied from the template once and then the guest's, as its disks are.
 */
#ifndef KVMHOST_FIRMWARE_H
#define KVMHOST_FIRMWARE_H

#include "base/error.h"
#include "runner/guest.h"

#define NVRAM_DIR "/var/lib/kvmhost/nvram"

/* Opens both inside root; -1 for `bios`. The caller closes what is open, also after an error. */
int firmware_open(int root, const char *guest, enum guest_firmware firmware, int *code, int *nvram,
	struct error *e);

#endif
