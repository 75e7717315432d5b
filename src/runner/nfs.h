/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A directory on an NFS server: how it is written, and reading it without a place to mount it. */
#ifndef KVMHOST_NFS_H
#define KVMHOST_NFS_H

#include "base/error.h"

enum { NFS_SERVER = 256 };

struct nfs_place {
	char server[NFS_SERVER]; /* a name or an address; IPv6 in brackets */
	unsigned port; /* 0: the usual one */
	const char *path; /* in the text that was parsed */
};

/*
 * "nfs://SERVER[:PORT]/PATH" or "nfs:SERVER:/PATH". 1: this is one; 0: it is none of NFS;
 * -EINVAL: it begins like one.
 */
int nfs_parse(const char *location, struct nfs_place *out);
/*
 * The directory, mounted for reading where nobody sees it, until the descriptor is closed. The
 * newest version that both kernels speak is taken.
 */
int nfs_open(const struct nfs_place *p, struct error *e);
/* What to do about r, an error of reading there, in e; returns r. */
int nfs_cure(int r, struct error *e);

#endif
