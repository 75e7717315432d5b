/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules in the kernel's x_tables form, and tables read in that form. */
#ifndef KVMHOST_FW_XT_H
#define KVMHOST_FW_XT_H

#include "net/firewall.h"

struct xt_entry_target;

/* Texts that repeat from rule to rule are kept once. */
struct fw_texts {
	struct arena *arena;
	int family; /* of the table */
	const char *last[3];
};

/* An entry is a struct ipt_entry or a struct ip6t_entry, by family. */
size_t fw_xt_head(int family);
uint16_t fw_xt_target_offset(const void *e, int family);
uint16_t fw_xt_next_offset(const void *e, int family);

/*
 * What the entry says, without its chain. target: the name of its target, or
 * of the chain it jumps to. Whatever a rule of ours cannot say makes it
 * FW_UNKNOWN.
 */
void fw_xt_decode(const void *e, const char *target, struct fw_texts *texts, struct fw_rule *r);

enum { FW_XT_ENTRY_MAX = 1024 };
/* The entry in buf, with the target's name as libiptc wants it. */
const void *fw_xt_encode(const struct fw_rule *r, int family, char buf[FW_XT_ENTRY_MAX]);

/* The text, kept once while it repeats; a slot for each of a rule's. */
const char *fw_xt_text(struct fw_texts *t, int slot, const char *text);
/* fw_xt_match.c: the same for the matches alone; encoding returns the offset behind them. */
bool fw_xt_decode_matches(const void *e, struct fw_texts *t, struct fw_rule *r);
size_t fw_xt_encode_matches(char *buf, int family, const struct fw_rule *r);
/* fw_xt_target.c: the same for the target alone; encoding returns its size. */
bool fw_xt_decode_target(
	const struct xt_entry_target *t, const char *name, int family, struct fw_rule *r);
size_t fw_xt_encode_target(struct xt_entry_target *t, int family, const struct fw_rule *r);

/* Reads the tables as they are, without libiptc, which would first build lists of what is not ours.
 */
int fw_xt_read(struct host *h, struct fw_view *v, struct error *e);
/* 1: the kernel has made the table in this network namespace; 0: not yet, and asking did not make
 * it. */
int fw_xt_made(struct host *h, const struct fw_table *t, struct error *e);

/* Our chain of this name; FW_STRAY for one that begins like ours; FW_CHAINS for others'. */
enum fw_chain fw_own_chain(const char *name);
/* One of the kernel's five. */
bool fw_base_chain(const char *name, enum fw_chain *out);

#endif
