/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's NUMA nodes: which processors and how much memory, from which of the host's. */
#ifndef KVMHOST_GUEST_NUMA_H
#define KVMHOST_GUEST_NUMA_H

#include "base/error.h"
#include "config/cpus.h"
#include "runner/guest.h"

/* The table's check, between the nodes of one guest. */
void numa_check(const struct guest *g, struct diags *d);
/* What node i has, also where the document leaves it to be shared out. */
void numa_cpus(const struct guest *g, size_t i, struct cpus *out);
uint64_t numa_memory(const struct guest *g, size_t i);
/* The host has the nodes that memory is to come from. */
int numa_find(int root, const struct guest *g, struct error *e);

extern const struct table guest_numa_table;

#endif
