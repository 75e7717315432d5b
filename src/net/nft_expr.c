/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_expr.h"
#include <linux/netfilter.h>

/* The register `words` 4-byte words after the first. */
uint32_t nft_reg(size_t words)
{
	return words % 4 ? NFT_REG32_00 + (uint32_t)words : NFT_REG_1 + (uint32_t)words / 4;
}

struct nft_expr nft_expr_begin(struct nft_buf *b, const char *name)
{
	struct nft_expr x = { .list = nft_nest(b, NFTA_LIST_ELEM) };

	nft_put_text(b, NFTA_EXPR_NAME, name);
	x.data = nft_nest(b, NFTA_EXPR_DATA);
	return x;
}

void nft_expr_end(struct nft_buf *b, struct nft_expr x)
{
	nft_nest_end(b, x.data);
	nft_nest_end(b, x.list);
}

void nft_put_value(struct nft_buf *b, int type, const void *data, size_t len)
{
	size_t nest = nft_nest(b, type);

	nft_put(b, NFTA_DATA_VALUE, data, len);
	nft_nest_end(b, nest);
}

/* ---- some of them ---- */

void nft_expr_meta(struct nft_buf *b, enum nft_meta_keys key, size_t word)
{
	struct nft_expr x = nft_expr_begin(b, "meta");

	nft_put_u32(b, NFTA_META_KEY, key);
	nft_put_u32(b, NFTA_META_DREG, nft_reg(word));
	nft_expr_end(b, x);
}

void nft_expr_cmp(struct nft_buf *b, enum nft_cmp_ops op, const void *data, size_t len)
{
	struct nft_expr x = nft_expr_begin(b, "cmp");

	nft_put_u32(b, NFTA_CMP_SREG, nft_reg(0));
	nft_put_u32(b, NFTA_CMP_OP, op);
	nft_put_value(b, NFTA_CMP_DATA, data, len);
	nft_expr_end(b, x);
}

void nft_expr_verdict(struct nft_buf *b, int32_t code)
{
	struct nft_expr x = nft_expr_begin(b, "immediate");
	size_t data, v;

	nft_put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nft_nest(b, NFTA_IMMEDIATE_DATA);
	v = nft_nest(b, NFTA_DATA_VERDICT);
	nft_put_u32(b, NFTA_VERDICT_CODE, (uint32_t)code);
	nft_nest_end(b, v);
	nft_nest_end(b, data);
	nft_expr_end(b, x);
}

void nft_put_accept(struct nft_buf *b, const char *interface, bool into)
{
	size_t list = nft_nest(b, NFTA_RULE_EXPRESSIONS);

	nft_expr_meta(b, into ? NFT_META_OIFNAME : NFT_META_IIFNAME, 0);
	nft_expr_cmp(b, NFT_CMP_EQ, interface, strlen(interface) + 1);
	nft_expr_verdict(b, NF_ACCEPT);
	nft_nest_end(b, list);
}

/* ---- comparing ---- */

static bool all_zero(const struct nlattr *a)
{
	const char *p = nla_data(a);

	for (int i = 0; i < nla_len(a); i++)
		if (p[i])
			return false;
	return true;
}

/* The next attribute of the type in [at, at + left), or NULL. */
static const struct nlattr *find(const struct nlattr *at, int left, int type)
{
	for (; nla_ok(at, left); at = nla_next(at, &left))
		if (nla_type(at) == type)
			return at;
	return NULL;
}

/* Attributes of a list repeat, and their order counts; others stand once, in any order. */
static bool same_list(const struct nlattr *want, const struct nlattr *have)
{
	const struct nlattr *w = nla_data(want), *h = nla_data(have);
	int left_w = nla_len(want), left_h = nla_len(have);

	while (nla_ok(w, left_w) && nla_ok(h, left_h)) {
		if (!nft_same(w, h))
			return false;
		w = nla_next(w, &left_w);
		h = nla_next(h, &left_h);
	}
	return !nla_ok(w, left_w) && !nla_ok(h, left_h);
}

static bool same_members(const struct nlattr *want, const struct nlattr *have)
{
	const struct nlattr *a, *other;
	int left;

	nla_for_each_nested(a, want, left)
	{
		other = find(nla_data(have), nla_len(have), nla_type(a));
		if (!other || !nft_same(a, other))
			return false;
	}
	/* What a newer kernel tells besides is its default. */
	nla_for_each_nested(a, have, left) if (!find(nla_data(want), nla_len(want), nla_type(a)) &&
					       !all_zero(a)) return false;
	return true;
}

bool nft_same(const struct nlattr *want, const struct nlattr *have)
{
	const struct nlattr *first = nla_data(want);

	/* Most is put in the order in which the kernel hands it out. */
	if (want->nla_len == have->nla_len && !memcmp(first, nla_data(have), (size_t)nla_len(want)))
		return true;
	if (!nla_is_nested(want))
		return false;
	/* Only lists begin with what nests and is no value. */
	return nla_ok(first, nla_len(want)) && nla_type(first) == NFTA_LIST_ELEM &&
			       nla_is_nested(first)
		       ? same_list(want, have)
		       : same_members(want, have);
}
