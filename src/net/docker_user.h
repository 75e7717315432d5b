/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of ours in Docker's chain DOCKER-USER, in the tables that iptables-nft
 * shows: Docker makes that chain for others' rules and leaves them there.
 */
#ifndef KVMHOST_DOCKER_USER_H
#define KVMHOST_DOCKER_USER_H

#include "reconcile/host.h"

#define DOCKER_USER "DOCKER-USER"
/* Begins the comments of our rules. */
#define DOCKER_MARK "kvmhost:docker/"

/* Accepts what comes from a bridge, or goes to one. */
struct docker_rule {
	const char *bridge; /* NULL: not as we write it */
	bool into;
	uint64_t handle;
};

struct docker_chain {
	bool present; /* Docker is there, and speaks nf_tables */
	struct docker_rule *rules; /* ours, in their order */
	size_t n;
};

/* The chain of a family, in the arena. A kernel without nf_tables has none. */
int docker_read(
	struct host *h, int family, struct arena *a, struct docker_chain *out, struct error *e);
/* Has both rules for each of the n bridges, and none of ours besides. */
int docker_write(struct host *h, int family, const char *const *bridges, size_t n, struct error *e);

#endif
