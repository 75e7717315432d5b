/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU is handed. The opener opens it with root's rights and passes it
 * through systemd to the runner, which has none, so that QEMU needs none to
 * disks, kernels or the network.
 */
#ifndef KVMHOST_HANDOVER_H
#define KVMHOST_HANDOVER_H

#include "runner/fdstore.h"
#include "runner/qemu_args.h"

/* For each guest, that its installation is done. */
#define INSTALL_DIR "/var/lib/kvmhost/install"

/*
 * Opens disks, kernel, initrd and taps of m->spec into m, whose descriptors
 * are in m's ownership afterwards, also after an error. Arrays in the arena.
 * The error says which file or tap, and the cure.
 */
int handover_open(struct arena *a, struct machine *m, struct error *e);
/* Of these one alone, into a prepared machine: what is plugged into one that runs. */
int handover_open_disk(struct machine *m, size_t i, struct error *e);
int handover_open_interface(struct machine *m, size_t i, struct error *e);
/* A file of the guest's, mode as of open(2); what: its part in the document, for the error. */
struct stat;
int handover_open_file(
	const char *what, const char *path, int mode, struct stat *st, int *fd, struct error *e);
/* From the opener to systemd ... */
int handover_put(struct arena *a, struct machine *m, int store);
/* ... and from systemd to the runner, into a prepared machine. */
int handover_take(struct arena *a, struct machine *m, struct fdstore *store, struct error *e);
void handover_close(struct arena *a, struct machine *m);

/* All descriptors that QEMU is to inherit, its sockets among them; returns how many. */
size_t handover_fds(struct arena *a, struct machine *m, int **fds);

/* All of m's descriptors -1, arrays in the arena. */
void handover_prepare(struct arena *a, struct machine *m);
int handover_find_qemu(struct machine *m, struct error *e);

/* A descriptor of m that may be open, and its name on the way. */
struct slot {
	char name[FDSTORE_NAME];
	int *fd;
};
size_t handover_slots(struct arena *a, struct machine *m, struct slot **out);

#endif
