/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libip4tc and libip6tc behind one set of names; an entry is a struct ipt_entry or ip6t_entry.
 * Both are loaded when a table is written: reading does without them.
 */
#ifndef KVMHOST_FW_TC_H
#define KVMHOST_FW_TC_H

#include "net/firewall.h"

struct xtc_handle;
struct xt_counters;

struct fw_tc {
	const char *words, *module; /* as people know the table; the module's begin */
	struct xtc_handle *(*init)(const char *table);
	void (*free)(struct xtc_handle *);
	int (*commit)(struct xtc_handle *);
	const char *(*strerror)(int code);
	int (*is_chain)(const char *chain, struct xtc_handle *);
	const char *(*first_chain)(struct xtc_handle *);
	const char *(*next_chain)(struct xtc_handle *);
	int (*create_chain)(const char *chain, struct xtc_handle *);
	int (*flush)(const char *chain, struct xtc_handle *);
	int (*delete_chain)(const char *chain, struct xtc_handle *);
	int (*references)(unsigned *refs, const char *chain, struct xtc_handle *);
	const char *(*policy)(const char *chain, struct xt_counters *, struct xtc_handle *);
	int (*set_policy)(
		const char *chain, const char *policy, struct xt_counters *, struct xtc_handle *);
	int (*remove)(const char *chain, unsigned at, struct xtc_handle *);
	const void *(*first)(const char *chain, struct xtc_handle *);
	const void *(*next)(const void *entry, struct xtc_handle *);
	const char *(*target)(const void *entry, struct xtc_handle *);
	int (*insert)(const char *chain, const void *entry, unsigned at, struct xtc_handle *);
};

int fw_tc_get(int family, const struct fw_tc **out, struct error *e);
/* The table, made in this network namespace, its module loaded if need be; NULL: see e. */
struct xtc_handle *fw_tc_open(const struct fw_tc *lib, const struct fw_table *t, struct error *e);

#endif
