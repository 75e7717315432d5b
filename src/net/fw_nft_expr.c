/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rule of a shape in the kernel's expressions: load what the key is made
 * of into registers that lie side by side, look it up, decide.
 */
#include "net/fw_nft.h"
#include "net/nft_expr.h"
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>

/* ---- loads ---- */

static void payload(
	struct nft_buf *b, enum nft_payload_bases base, uint32_t offset, size_t len, size_t word)
{
	struct nft_expr x = nft_expr_begin(b, "payload");

	nft_put_u32(b, NFTA_PAYLOAD_DREG, nft_reg(word));
	nft_put_u32(b, NFTA_PAYLOAD_BASE, base);
	nft_put_u32(b, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_u32(b, NFTA_PAYLOAD_LEN, (uint32_t)len);
	nft_expr_end(b, x);
}

static void load(struct nft_buf *b, enum nft_key k, int family, size_t len, size_t word)
{
	bool v4 = family == AF_INET;

	switch (k) {
	case NFT_SADDR: payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, len, word); break;
	case NFT_DADDR: payload(b, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 16 : 24, len, word); break;
	case NFT_IIF: nft_expr_meta(b, NFT_META_IIFNAME, word); break;
	case NFT_OIF: nft_expr_meta(b, NFT_META_OIFNAME, word); break;
	case NFT_PROTO: nft_expr_meta(b, NFT_META_L4PROTO, word); break;
	/* TCP and UDP have it in the same place. */
	default: payload(b, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, word);
	}
}

/* ---- conditions ---- */

static void mask(struct nft_buf *b, const void *bits, size_t len)
{
	static const char none[16];
	struct nft_expr x = nft_expr_begin(b, "bitwise");

	nft_put_u32(b, NFTA_BITWISE_SREG, nft_reg(0));
	nft_put_u32(b, NFTA_BITWISE_DREG, nft_reg(0));
	nft_put_u32(b, NFTA_BITWISE_LEN, (uint32_t)len);
	nft_put_value(b, NFTA_BITWISE_MASK, bits, len);
	nft_put_value(b, NFTA_BITWISE_XOR, none, len);
	nft_expr_end(b, x);
}

/* In conntrack's bits, which have the machine's byte order. */
static void connection(struct nft_buf *b, enum fw_state state)
{
	/* NF_CT_STATE_BIT() of the kernel; its bit 0 is "invalid". */
	const uint32_t established = 1u << (IP_CT_ESTABLISHED + 1) | 1u << (IP_CT_RELATED + 1);
	const uint32_t bits = state == FW_FORWARDED ? IPS_DST_NAT : established, none = 0;
	struct nft_expr x = nft_expr_begin(b, "ct");

	nft_put_u32(b, NFTA_CT_DREG, nft_reg(0));
	nft_put_u32(b, NFTA_CT_KEY, state == FW_FORWARDED ? NFT_CT_STATUS : NFT_CT_STATE);
	nft_expr_end(b, x);
	mask(b, &bits, sizeof(bits));
	nft_expr_cmp(b, NFT_CMP_NEQ, &none, sizeof(none));
}

static void to_local(struct nft_buf *b)
{
	const uint32_t local = RTN_LOCAL;
	struct nft_expr x = nft_expr_begin(b, "fib");

	nft_put_u32(b, NFTA_FIB_DREG, nft_reg(0));
	nft_put_u32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_put_u32(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	nft_expr_end(b, x);
	nft_expr_cmp(b, NFT_CMP_EQ, &local, sizeof(local));
}

static void not_loopback(struct nft_buf *b, int family)
{
	static const uint8_t v4[4] = { 127 }, v4_mask[4] = { 255 }, v6[16] = { [15] = 1 };

	if (family == AF_INET) {
		load(b, NFT_DADDR, family, sizeof(v4), 0);
		mask(b, v4_mask, sizeof(v4_mask));
		nft_expr_cmp(b, NFT_CMP_NEQ, v4, sizeof(v4));
	} else {
		load(b, NFT_DADDR, family, sizeof(v6), 0);
		nft_expr_cmp(b, NFT_CMP_NEQ, v6, sizeof(v6));
	}
}

/* In a map, what is found replaces the key. */
static void lookup(struct nft_buf *b, const struct nft_shape *s)
{
	struct nft_expr x = nft_expr_begin(b, "lookup");

	nft_put_text(b, NFTA_LOOKUP_SET, s->set);
	nft_put_u32(b, NFTA_LOOKUP_SREG, nft_reg(0));
	if (nft_is_map(s))
		nft_put_u32(b, NFTA_LOOKUP_DREG, nft_reg(0));
	nft_expr_end(b, x);
}

/* ---- decisions ---- */

static void reject(struct nft_buf *b, int family)
{
	uint8_t code = family == AF_INET ? ICMP_PORT_UNREACH : ICMPV6_PORT_UNREACH;
	struct nft_expr x = nft_expr_begin(b, "reject");

	nft_put_u32(b, NFTA_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
	nft_put(b, NFTA_REJECT_ICMP_CODE, &code, sizeof(code));
	nft_expr_end(b, x);
}

static void port(struct nft_buf *b, size_t word, uint16_t number)
{
	uint16_t value = htons(number);
	struct nft_expr x = nft_expr_begin(b, "immediate");

	nft_put_u32(b, NFTA_IMMEDIATE_DREG, nft_reg(word));
	nft_put_value(b, NFTA_IMMEDIATE_DATA, &value, sizeof(value));
	nft_expr_end(b, x);
}

static void masquerade(struct nft_buf *b, const struct nft_shape *s)
{
	struct nft_expr x;

	if (s->protocol) {
		port(b, 0, 1024);
		port(b, 1, 65535);
	}
	x = nft_expr_begin(b, "masq");
	if (s->protocol) {
		nft_put_u32(b, NFTA_MASQ_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
		nft_put_u32(b, NFTA_MASQ_REG_PROTO_MIN, nft_reg(0));
		nft_put_u32(b, NFTA_MASQ_REG_PROTO_MAX, nft_reg(1));
	}
	nft_expr_end(b, x);
}

/* The map gave an address and, in the word behind it, a port. */
static void dnat(struct nft_buf *b, int family)
{
	size_t word = family == AF_INET ? 1 : 4;
	struct nft_expr x = nft_expr_begin(b, "nat");

	nft_put_u32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	nft_put_u32(b, NFTA_NAT_FAMILY, (uint32_t)family);
	nft_put_u32(b, NFTA_NAT_REG_ADDR_MIN, nft_reg(0));
	nft_put_u32(b, NFTA_NAT_REG_ADDR_MAX, nft_reg(0));
	nft_put_u32(b, NFTA_NAT_REG_PROTO_MIN, nft_reg(word));
	nft_put_u32(b, NFTA_NAT_REG_PROTO_MAX, nft_reg(word));
	nft_put_u32(b, NFTA_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
	nft_expr_end(b, x);
}

static void decide(struct nft_buf *b, const struct nft_shape *s, int family)
{
	switch (s->target) {
	case FW_ACCEPT: nft_expr_verdict(b, NF_ACCEPT); break;
	case FW_DROP: nft_expr_verdict(b, NF_DROP); break;
	case FW_RETURN: nft_expr_verdict(b, NFT_RETURN); break;
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
		nft_expr_cmp(b, NFT_CMP_EQ, &s->protocol, sizeof(s->protocol));
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
