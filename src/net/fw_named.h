/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules of others that go by an interface's name, in nf_tables and in the tables of iptables: a
 * packet that comes in by a bridge's port has the bridge's name, and they do not match it. What
 * bridges themselves filter by (families bridge and netdev, physdev) is not among them.
 */
#ifndef KVMHOST_FW_NAMED_H
#define KVMHOST_FW_NAMED_H

#include "net/links.h"

struct fw_named {
	const char *where; /* "chain INPUT of the iptables table filter" */
	const char *shown_by; /* the command that shows it: "iptables -t filter -S INPUT" */
	const char *rule; /* "rule 3", "handle 7" */
	const char *name;
	bool prefix; /* every name that begins so */
	bool inverted; /* every name but that */
	bool out; /* where a packet goes, not where it comes from */
	uint64_t shape; /* the same for rules that differ in nothing but the name */
};

struct fw_named_list {
	struct arena *arena;
	struct fw_named *v;
	size_t n;
};

/* All of them, but ours and those of firewalld's zones, which the kind `zone` takes care of. */
int fw_named_read(
	struct host *h, const struct links *ls, struct fw_named_list *out, struct error *e);
/* The rule goes by this name. */
bool fw_named_matches(const struct fw_named *r, const char *name);
/* It says of `to` what it says of the name that it goes by, or another rule there does. */
bool fw_named_has_too(const struct fw_named_list *l, const struct fw_named *r, const char *to);

/* For the parts: FNV-1a. */
#define FW_SHAPE_BEGIN UINT64_C(0xcbf29ce484222325)
uint64_t fw_shape(uint64_t so_far, const void *data, size_t n);

/* fw_named_nft.c, fw_named_xt.c: what is found is added to the list. */
int fw_named_nft(
	struct host *h, const struct links *ls, struct fw_named_list *out, struct error *e);
int fw_named_xt(struct host *h, struct fw_named_list *out, struct error *e);

#endif
