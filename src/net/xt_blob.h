/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A table as the kernel hands it out (IPT_SO_GET_ENTRIES): all entries one
 * after the other. A chain of a user begins with an entry whose target is
 * ERROR with the chain's name, and ends with an unconditional RETURN; the
 * kernel's chains begin where info.hook_entry says and end with their policy at
 * info.underflow. A jump is a verdict that is the offset of a chain's first
 * rule.
 */
#ifndef KVMHOST_XT_BLOB_H
#define KVMHOST_XT_BLOB_H

#include "net/fw_xt.h"
#include <linux/netfilter_ipv4/ip_tables.h>

struct xt_entry_target;

struct xt_chain {
	uint32_t first; /* offset of its first rule */
	const char *name; /* in the blob */
	enum fw_chain which; /* FW_CHAINS: not ours */
};

struct xt_blob {
	int family;
	struct ipt_getinfo info;
	struct ipt_get_entries *entries; /* freed by who has it last */
	size_t room; /* bytes of entries; what is left of one table serves the next */
	struct xt_chain *chains; /* of users, by offset */
	size_t n_chains;
};

/*
 * Calls fn for each table of the family that is made and that is wanted (NULL: all). The blob is
 * fn's until it returns; who keeps it takes its entries out.
 */
typedef bool xt_wanted_fn(const char *table);
typedef void xt_table_fn(struct xt_blob *b, const char *table, void *arg);
int xt_tables_read(struct host *h, int family, xt_wanted_fn *wanted, xt_table_fn *fn, void *arg,
	struct error *e);
/* Fills b->chains; returns how many entries there are. */
size_t xt_blob_chains(struct xt_blob *b, struct arena *a);

/* Entries by their offset. */
const void *xt_blob_entry(const struct xt_blob *b, uint32_t at);
uint32_t xt_blob_next(const struct xt_blob *b, uint32_t at);
/* The chain's name if a chain of a user begins here, else NULL. */
const char *xt_blob_head(const struct xt_blob *b, uint32_t at);
/*
 * The target's name as libiptc gives it; "" for a goto or fall through, which we never write.
 */
const char *xt_blob_target(const struct xt_blob *b, uint32_t at);

/*
 * fw_xt_walk.c: the chain that drops the first packet of a connection to the host for sure, or
 * NULL. b: a table filter, with its chains.
 */
struct nft_packet;
const char *xt_blob_walk(const struct xt_blob *b, const struct nft_packet *p);

#endif
