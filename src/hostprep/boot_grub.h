/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef KVMHOST_BOOT_GRUB_H
#define KVMHOST_BOOT_GRUB_H

#include "hostprep/boot.h"

/* Adds the entries of a grub.cfg that 10_linux made. */
void grub_read_menu(struct boot *b, const char *text);

#endif
