/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * /etc/kernel/cmdline: the command line of kernels that kernel-install(8) and
 * its like make boot entries for. It is one line for everybody, so which words
 * are ours is kept apart; all other bytes of it stay as they are.
 */
#ifndef KVMHOST_KERNEL_CMDLINE_H
#define KVMHOST_KERNEL_CMDLINE_H

#include "hostprep/boot.h"

#define KERNEL_CMDLINE "/etc/kernel/cmdline"
#define KERNEL_INSTALL "/usr/bin/kernel-install"
#define KERNEL_CMDLINE_OWN STATE_DIR "/kernel-cmdline"

/* Fills b->own and b->others. */
int kernel_cmdline_read(struct host *h, struct boot *b, struct error *e);
/* b->own are the words that are ours from now on. */
int kernel_cmdline_write(struct host *h, const struct boot *b, struct error *e);

/* What is ours, for loaders that keep no such file. */
int kernel_cmdline_read_own(struct host *h, struct tokens *own, bool *made, struct error *e);
int kernel_cmdline_write_own(struct host *h, const struct tokens *own, bool made, struct error *e);

/* Runs `kernel-install add` once for each kernel that has an entry. */
int kernel_install_add(struct host *h, const struct boot *b, struct error *e);

/* Adds the entries of the Boot Loader Specification that are of this system. */
int boot_entries_read(struct host *h, struct boot *b, struct error *e);
/* The same of unified kernel images. */
int boot_images_read(struct host *h, struct boot *b, struct error *e);

#endif
