/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's machine type. `q35` is an alias for the newest version of it, whose
 * devices may differ with each QEMU: a guest keeps the version that it was
 * first started with, MACHINE_DIR/NAME, until the document names another.
 */
#ifndef KVMHOST_MACHINE_TYPE_H
#define KVMHOST_MACHINE_TYPE_H

#include "base/error.h"
#include <jansson.h>

/* For each guest, in one line. */
#define MACHINE_DIR "/var/lib/kvmhost/machine"

enum { MACHINE_TYPE = 64 };

/* "q35", or a version of it: "pc-q35-7.2", "pc-q35-rhel9.4.0". */
bool machine_type_valid(const char *s);
/* The guest's file, made empty where there is none. */
int machine_type_open(int root, const char *guest, int *fd, struct error *e);
/* What is remembered; "q35" where nothing is. */
const char *machine_type_read(int fd, char out[static MACHINE_TYPE]);
/*
 * Notes what QEMU has made of the alias, its answer to qom-get of /machine's type
 * ("pc-q35-7.2-machine"). 1: noted; 0: it is no version.
 */
int machine_type_note(int fd, json_t *answer);

#endif
