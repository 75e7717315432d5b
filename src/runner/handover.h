/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU is handed: opened here with root's rights, so that QEMU's user
 * needs none to disks, kernels or the network.
 */
#ifndef KVMHOST_HANDOVER_H
#define KVMHOST_HANDOVER_H

#include "runner/qemu_args.h"

/*
 * Opens disks, kernel, initrd and taps of m->spec into m, whose descriptors
 * are in m's ownership afterwards, also after an error. Arrays in the arena.
 * The error says which file or tap, and the cure.
 */
int handover_open(struct arena *a, struct machine *m, struct error *e);
void handover_close(struct machine *m);

/* All descriptors that QEMU is to inherit, its sockets among them; returns how many. */
size_t handover_fds(struct arena *a, const struct machine *m, int **fds);

/* Where QEMU is, or NULL. */
const char *handover_qemu(void);

#endif
