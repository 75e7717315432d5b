/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules in the kernel's x_tables form (IPv4), and tables read in that form. */
#ifndef KVMHOST_FW_XT_H
#define KVMHOST_FW_XT_H

#include "net/firewall.h"

struct ipt_entry;

/* Texts that repeat from rule to rule are kept once. */
struct fw_texts {
	struct arena *arena;
	const char *last[3];
};

/*
 * What the entry says, without its chain. target: the name of its target, or
 * of the chain it jumps to. Whatever a rule of ours cannot say makes it
 * FW_UNKNOWN.
 */
void fw_xt_decode(
	const struct ipt_entry *e, const char *target, struct fw_texts *texts, struct fw_rule *r);

enum { FW_XT_ENTRY_MAX = 1024 };
/* The entry in buf, with the target's name as libiptc wants it. Only rules with an IPv4 side or
 * none. */
const struct ipt_entry *fw_xt_encode(const struct fw_rule *r, char buf[FW_XT_ENTRY_MAX]);

/* Reads the tables as they are, without libiptc, which would first build lists of what is not ours.
 */
int fw_xt_read(struct host *h, struct fw_view *v, struct error *e);
/* 1: the kernel has made the table in this network namespace; 0: not yet, and asking did not make
 * it. */
int fw_xt_made(struct host *h, const char *table, struct error *e);

/* Our chain of this name; FW_STRAY for one that begins like ours; FW_CHAINS for others'. */
enum fw_chain fw_own_chain(const char *name);
/* One of the kernel's five. */
bool fw_base_chain(const char *name, enum fw_chain *out);

#endif
