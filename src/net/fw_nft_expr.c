/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule of a shape in the kernel's expressions: load what the key is made
 * of into registers that lie side by side, look it up, decide. Registers have
 * 4 bytes; four of them in line have a number of their own, by which the
 * kernel shows them.
 */
#include "net/fw_nft.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>

/* The register `words` 4-byte words after the first. */
static uint32_t reg(size_t words)
{
	return words % 4 ? NFT_REG32_00 + (uint32_t)words : NFT_REG_1 + (uint32_t)words / 4;
}

struct expr {
	size_t list, data;
};

static struct expr begin(struct nft_buf *b, const char *name)
{
	struct expr x = { .list = nft_nest(b, NFTA_LIST_ELEM) };

	nft_put_text(b, NFTA_EXPR_NAME, name);
	x.data = nft_nest(b, NFTA_EXPR_DATA);
	return x;
}

static void end(struct nft_buf *b, struct expr x)
{
	nft_nest_end(b, x.data);
	nft_nest_end(b, x.list);
}

static void put_value(struct nft_buf *b, int type, const void *data, size_t len)
{
	size_t nest = nft_nest(b, type);

	nft_put(b, NFTA_DATA_VALUE, data, len);
	nft_nest_end(b, nest);
}

/* ---- loads ---- */

static void meta(struct nft_buf *b, enum nft_meta_keys key, size_t word)
{
	struct expr x = begin(b, "meta");

	nft_put_u32(b, NFTA_META_DREG, reg(word));
	nft_put_u32(b, NFTA_META_KEY, key);
	end(b, x);
}

static void payload(
	struct nft_buf *b, enum nft_payload_bases base, uint32_t offset, size_t len, size_t word)
{
	struct expr x = begin(b, "payload");

	nft_put_u32(b, NFTA_PAYLOAD_DREG, reg(word));
	nft_put_u32(b, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(b, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(b, NFTA_PAYLOAD_LEN, (uint32_t)len);
	end(b, x);
}

static void load(struct nft_buf *b, enum nft_key k, int family, size_t len, size_t word)
{
	bool v4 = family == AF_INET;

	switch (k) {
	case NFT_SADDR: payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, len, word); break;
	case NFT_DADDR: payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 16 : 24, len, word); break;
	case NFT_IIF: meta(b, NFT_META_IIFNAME, word); break;
	case NFT_OIF: meta(b, NFT_META_OIFNAME, word); break;
	case NFT_PROTO: meta(b, NFT_META_L4PROTO, word); break;
	/* TCP and UDP have it in the same place. */
	default: payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
	}
}

/* ---- conditions ---- */

static void cmp(struct nft_buf *b, enum nft_cmp_ops op, const void *data, size_t len)
{
	struct expr x = begin(b, "cmp");

	nft_put_u32(b, NFTA_CMP_SREG, reg(0));
	nft_put_u32(b, NFTA_CMP_OP, op);
	put_value(b, NFTA_CMP_DATA, data, len);
	end(b, x);
}

static void mask(struct nft_buf *b, const void *bits, size_t len)
{
	static const char none[16];
	struct expr x = begin(b, "bitwise");

	nft_put_u32(b, NFTA_BITWISE_SREG, reg(0));
	nft_put_u32(b, NFTA_BITWISE_DREG, reg(0));
	nft_put_u32(b, NFTA_BITWISE_LEN, (uint32_t)len);
	put_value(b, NFTA_BITWISE_MASK, bits, len);
	put_value(b, NFTA_BITWISE_XOR, none, len);
	end(b, x);
}

/* In conntrack's bits, which have the machine's byte order. */
static void connection(struct nft_buf *b, enum fw_state state)
{
	/* NF_CT_STATE_BIT() of the kernel; its bit 0 is "invalid". */
	const uint32_t established = 1u << (IP_CT_ESTABLISHED + 1) | 1u << (IP_CT_RELATED + 1);
	const uint32_t bits = state == FW_FORWARDED ? IPS_DST_NAT : established, none = 0;
	struct expr x = begin(b, "ct");

	nft_put_u32(b, NFTA_CT_DREG, reg(0));
	nft_put_u32(b, NFTA_CT_KEY, state == FW_FORWARDED ? NFT_CT_STATUS : NFT_CT_STATE);
	end(b, x);
	mask(b, &bits, sizeof(bits));
	cmp(b, NFT_CMP_NEQ, &none, sizeof(none));
}

static void to_local(struct nft_buf *b)
{
	const uint32_t local = RTN_LOCAL;
	struct expr x = begin(b, "fib");

	nft_put_u32(b, NFTA_FIB_DREG, reg(0));
	nft_put_u32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_put_u32(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(b, x);
	cmp(b, NFT_CMP_EQ, &local, sizeof(local));
}

static void not_loopback(struct nft_buf *b, int family)
{
	static const uint8_t v4[4] = { 127 }, v4_mask[4] = { 255 }, v6[16] = { [15] = 1 };

	if (family == AF_INET) {
		load(b, NFT_DADDR, family, sizeof(v4), 0);
		mask(b, v4_mask, sizeof(v4_mask));
		cmp(b, NFT_CMP_NEQ, v4, sizeof(v4));
	} else {
		load(b, NFT_DADDR, family, sizeof(v6), 0);
		cmp(b, NFT_CMP_NEQ, v6, sizeof(v6));
	}
}

/* In a map, what is found replaces the key. */
static void lookup(struct nft_buf *b, const struct nft_shape *s)
{
	struct expr x = begin(b, "lookup");

	nft_put_text(b, NFTA_LOOKUP_SET, s->set);
	nft_put_u32(b, NFTA_LOOKUP_SREG, reg(0));
	if (nft_is_map(s))
		nft_put_u32(b, NFTA_LOOKUP_DREG, reg(0));
	end(b, x);
}

/* ---- decisions ---- */

static void verdict(struct nft_buf *b, int32_t code)
{
	struct expr x = begin(b, "immediate");
	size_t data, v;

	nft_put_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = nft_nest(b, NFTA_IMMEDIATE_DATA);
	v = nft_nest(b, NFTA_DATA_VERDICT);
	nft_put_u32(b, NFTA_VERDICT_CODE, (uint32_t)code);
	nft_nest_end(b, v);
	nft_nest_end(b, data);
	end(b, x);
}

static void reject(struct nft_buf *b, int family)
{
	uint8_t code = family == AF_INET ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH;
	struct expr x = begin(b, "reject");

	nft_put_u32(b, NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
	nft_put(b, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	end(b, x);
}

static void port(struct nft_buf *b, size_t word, uint16_t number)
{
	uint16_t value = htons(number);
	struct expr x = begin(b, "immediate");

	nft_put_u32(b, NFTA_IMMEDIATE_DREG, reg(word));
	put_value(b, NFTA_IMMEDIATE_DATA, &value, sizeof(value));
	end(b, x);
}

static void masquerade(struct nft_buf *b, const struct nft_shape *s)
{
	struct expr x;

	if (s->protocol) {
		port(b, 0, 1024);
		port(b, 1, 65535);
	}
	x = begin(b, "masq");
	if (s->protocol) {
		nft_put_u32(b, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
		nft_put_u32(b, NFTA_MASQ_REG_PROTO_MIN, reg(0));
		nft_put_u32(b, NFTA_MASQ_REG_PROTO_MAX, reg(1));
	}
	end(b, x);
}

/* The map gave an address and, in the word behind it, a port. */
static void dnat(struct nft_buf *b, int family)
{
	size_t word = family == AF_INET ? 1 : 4;
	struct expr x = begin(b, "nat");

	nft_put_u32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_put_u32(b, NFTA_NAT_FAMILY, (uint32_t)family);
	nft_put_u32(b, NFTA_NAT_REG_ADDR_MIN, reg(0));
	nft_put_u32(b, NFTA_NAT_REG_ADDR_MAX, reg(0));
	nft_put_u32(b, NFTA_NAT_REG_PROTO_MIN, reg(word));
	nft_put_u32(b, NFTA_NAT_REG_PROTO_MAX, reg(word));
	nft_put_u32(b, NFTA_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
	end(b, x);
}

static void decide(struct nft_buf *b, const struct nft_shape *s, int family)
{
	switch (s->target) {
	case FW_ACCEPT: verdict(b, NF_ACCEPT); break;
	case FW_RETURN: verdict(b, NFT_RETURN); break;
	case FW_REJECT: reject(b, family); break;
	case FW_MASQUERADE: masquerade(b, s); break;
	default: dnat(b, family);
	}
}

void nft_put_rule(struct nft_buf *b, const struct nft_shape *s, int family)
{
	size_t list = nft_nest(b, NFTA_RULE_EXPRESSIONS), word = 0;

	if (s->state)
		connection(b, s->state);
	if (nft_is_map(s))
		to_local(b);
	if (s->not_loopback)
		not_loopback(b, family);
	if (s->protocol) {
		load(b, NFT_PROTO, family, 1, 0);
		cmp(b, NFT_CMP_EQ, &s->protocol, sizeof(s->protocol));
	}
	for (enum nft_key k = 0; k < NFT_KEYS; k++) {
		size_t len = nft_key_part(s, k, family);

		if (len)
			load(b, k, family, len, word);
		word += len / 4;
	}
	lookup(b, s);
	decide(b, s, family);
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
	if (nla_is_nested(want)) {
		const struct nlattr *first = nla_data(want);

		/* Only lists begin with what nests and is no value. */
		return nla_ok(first, nla_len(want)) && nla_type(first) == NFTA_LIST_ELEM &&
				       nla_is_nested(first)
			       ? same_list(want, have)
			       : same_members(want, have);
	}
	return nla_len(want) == nla_len(have) &&
	       !memcmp(nla_data(want), nla_data(have), (size_t)nla_len(want));
}
