/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting QEMU without rights, and giving up the runner's own. */
#ifndef KVMHOST_SPAWN_H
#define KVMHOST_SPAWN_H

#include "base/error.h"
#include <sys/types.h>

struct rights {
	uid_t uid; /* and gid */
	gid_t group; /* a further one; 0: none */
	uint64_t locked; /* bytes of memory that it and its programs may lock */
};

/*
 * The process becomes the user, with no capability, and no program that it
 * runs can have more (no_new_privs). 0 or -errno.
 */
int rights_drop(const struct rights *to);

/*
 * Starts argv[0] with the n descriptors under their numbers,
 * /dev/null as stdin, and `output` as stdout and stderr. It dies with the
 * runner (PR_SET_PDEATHSIG). zone: a descriptor among them with its time zone, -1: UTC. Why it
 * could not be executed goes to `output`; its exit status is then 127.
 */
int spawn(char *const argv[], const int *fds, size_t n, int output, int zone, pid_t *pid,
	struct error *e);

#endif
