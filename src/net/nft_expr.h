/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules as the kernel has them: a line of expressions, which load registers,
 * compare them, decide. Registers have 4 bytes; four of them in line have a
 * number of their own, by which the kernel shows them.
 */
#ifndef KVMHOST_NFT_EXPR_H
#define KVMHOST_NFT_EXPR_H

#include "net/nft_msg.h"

/* The register `words` 4-byte words after the first. */
uint32_t nft_reg(size_t words);

struct nft_expr {
	size_t list, data;
};
/* What is put between the two is the expression's. */
struct nft_expr nft_expr_begin(struct nft_buf *b, const char *name);
void nft_expr_end(struct nft_buf *b, struct nft_expr x);
void nft_put_value(struct nft_buf *b, int type, const void *data, size_t len);

void nft_expr_meta(struct nft_buf *b, enum nft_meta_keys key, size_t word);
/* Goes on where the first register's `len` bytes compare so. */
void nft_expr_cmp(struct nft_buf *b, enum nft_cmp_ops op, const void *data, size_t len);
void nft_expr_verdict(struct nft_buf *b, int32_t code);
/* The whole of a rule (NFTA_RULE_EXPRESSIONS): accepts what comes from the interface, or goes to
 * it. */
void nft_put_accept(struct nft_buf *b, const char *interface, bool into);

/* have (attributes of the same type, from the kernel) says all that want says, and nothing else. */
bool nft_same(const struct nlattr *want, const struct nlattr *have);

#endif
