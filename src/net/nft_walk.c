/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule is a line of expressions: loads into registers, conditions on them,
 * then a verdict. What a register holds is known for the packet's interfaces,
 * its connection's state and, where it has one, its protocol and ports. A rule
 * with any other condition is passed by, or, for a packet with a protocol,
 * taken to match unless it would drop: that one is only dropped for sure.
 */
#include "net/nft_walk.h"
#include "net/nft_compat.h"
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>

enum { DEPTH = 16, WORDS = 20 };

/* ---- what registers hold ---- */

enum content { UNKNOWN, IN, OUT, NUMBER, BYTES };

struct registers {
	struct {
		enum content what;
		uint32_t number; /* BYTES: as they stand in the packet */
		int len; /* of BYTES */
	} word[WORDS];
};

static int word_of(uint32_t reg)
{
	int word = reg >= NFT_REG32_00 ? (int)(reg - NFT_REG32_00) : ((int)reg - NFT_REG_1) * 4;

	return word >= 0 && word < WORDS ? word : WORDS - 1;
}

static void hold(struct registers *r, const struct nlattr *reg, enum content what, uint32_t number)
{
	r->word[word_of(nft_u32(reg))].what = what;
	r->word[word_of(nft_u32(reg))].number = number;
}

static void hold_bytes(struct registers *r, const struct nlattr *reg, const void *bytes, int len)
{
	int word = word_of(nft_u32(reg));

	hold(r, reg, BYTES, 0);
	r->word[word].len = len;
	memcpy(&r->word[word].number, bytes, (size_t)len);
}

static const struct nlattr *value_in(struct nlattr *nest)
{
	struct nlattr *tb[NFTA_DATA_MAX + 1];

	if (!nest || nla_parse_nested(tb, NFTA_DATA_MAX, nest, NULL) < 0)
		return NULL;
	return tb[NFTA_DATA_VALUE];
}

/* "docker*" is compared without its end. */
static bool name_is(const char *name, const struct nlattr *value)
{
	char full[IFNAMSIZ] = "";
	size_t len = (size_t)nla_len((struct nlattr *)value);

	snprintf(full, sizeof(full), "%s", name ? name : "\x01");
	return !memcmp(full, nla_data((struct nlattr *)value), len < IFNAMSIZ ? len : IFNAMSIZ);
}

static enum nft_step compare(const struct nft_packet *p, struct registers *r, struct nlattr **tb)
{
	const struct nlattr *value = value_in(tb[NFTA_CMP_DATA]);
	int word = word_of(nft_u32(tb[NFTA_CMP_SREG]));
	uint32_t op = nft_u32(tb[NFTA_CMP_OP]), number;
	bool equal;

	if (!value || r->word[word].what == UNKNOWN || (op != NFT_CMP_EQ && op != NFT_CMP_NEQ))
		return NFT_UNSURE;
	if (r->word[word].what == BYTES) {
		if (nla_len((struct nlattr *)value) != r->word[word].len)
			return NFT_UNSURE;
		equal = !memcmp(&r->word[word].number, nla_data((struct nlattr *)value),
			(size_t)r->word[word].len);
	} else if (r->word[word].what == NUMBER) {
		if (nla_len((struct nlattr *)value) != sizeof(number))
			return NFT_UNSURE;
		memcpy(&number, nla_data((struct nlattr *)value), sizeof(number));
		equal = number == r->word[word].number;
	} else {
		equal = name_is(r->word[word].what == IN ? p->in : p->out, value);
	}
	return equal == (op == NFT_CMP_EQ) ? NFT_GOES_ON : NFT_PASSED_BY;
}

static void bitwise(struct registers *r, struct nlattr **tb)
{
	const struct nlattr *mask = value_in(tb[NFTA_BITWISE_MASK]);
	const struct nlattr * xor = value_in(tb[NFTA_BITWISE_XOR]);
	int from = word_of(nft_u32(tb[NFTA_BITWISE_SREG]));
	uint32_t m, x;

	if (!mask || !xor || nla_len((struct nlattr *)mask) != 4 ||
		nla_len((struct nlattr *)xor) != 4 || r->word[from].what != NUMBER) {
		hold(r, tb[NFTA_BITWISE_DREG], UNKNOWN, 0);
		return;
	}
	memcpy(&m, nla_data((struct nlattr *)mask), sizeof(m));
	memcpy(&x, nla_data((struct nlattr *)xor), sizeof(x));
	hold(r, tb[NFTA_BITWISE_DREG], NUMBER, (r->word[from].number & m) ^ x);
}

static void load_meta(struct registers *r, const struct nft_packet *p, struct nlattr **tb)
{
	uint8_t family = (uint8_t)p->family;

	switch (nft_u32(tb[NFTA_META_KEY])) {
	case NFT_META_IIFNAME: hold(r, tb[NFTA_META_DREG], IN, 0); break;
	case NFT_META_OIFNAME: hold(r, tb[NFTA_META_DREG], OUT, 0); break;
	case NFT_META_IIF:
		hold(r, tb[NFTA_META_DREG], p->in_index ? NUMBER : UNKNOWN, p->in_index);
		break;
	case NFT_META_NFPROTO: hold_bytes(r, tb[NFTA_META_DREG], &family, 1); break;
	case NFT_META_L4PROTO:
		hold(r, tb[NFTA_META_DREG], UNKNOWN, 0);
		if (p->protocol)
			hold_bytes(r, tb[NFTA_META_DREG], &p->protocol, 1);
		break;
	default: hold(r, tb[NFTA_META_DREG], UNKNOWN, 0);
	}
}

/* Of the IP header the protocol; the ports, one or both. */
static void load_payload(struct registers *r, const struct nft_packet *p, struct nlattr **tb)
{
	const uint16_t ports[2] = { htons(p->sport), htons(p->dport) };
	uint32_t base = nft_u32(tb[NFTA_PAYLOAD_BASE]), at = nft_u32(tb[NFTA_PAYLOAD_OFFSET]);
	uint32_t len = nft_u32(tb[NFTA_PAYLOAD_LEN]);

	hold(r, tb[NFTA_PAYLOAD_DREG], UNKNOWN, 0);
	if (!p->protocol)
		return;
	if (base == NFT_PAYLOAD_NETWORK_HEADER && at == (p->family == NFPROTO_IPV4 ? 9 : 6) &&
		len == 1)
		hold_bytes(r, tb[NFTA_PAYLOAD_DREG], &p->protocol, 1);
	else if (base == NFT_PAYLOAD_TRANSPORT_HEADER && at % 2 == 0 && len % 2 == 0 &&
		 at + len <= 4)
		hold_bytes(r, tb[NFTA_PAYLOAD_DREG], (const char *)ports + at, (int)len);
}

/* The first packet of a connection is new, and nobody has changed its addresses. */
static void load_ct(struct registers *r, struct nlattr **tb)
{
	uint32_t key = nft_u32(tb[NFTA_CT_KEY]);

	hold(r, tb[NFTA_CT_DREG], key == NFT_CT_STATE || key == NFT_CT_STATUS ? NUMBER : UNKNOWN,
		key == NFT_CT_STATE ? 1u << (IP_CT_NEW + 1) : 0);
}

/* ---- a rule ---- */

struct verdict {
	int32_t code;
	const char *chain;
};

static enum nft_step read_verdict(const struct nlattr *nest, struct verdict *v)
{
	struct nlattr *verdict[NFTA_VERDICT_MAX + 1];

	if (nla_parse_nested(verdict, NFTA_VERDICT_MAX, (struct nlattr *)nest, NULL) < 0)
		return NFT_PASSED_BY;
	v->code = (int32_t)nft_u32(verdict[NFTA_VERDICT_CODE]);
	v->chain = nft_text(verdict[NFTA_VERDICT_CHAIN]);
	return NFT_DECIDED;
}

static enum nft_step decide(struct nlattr **tb, struct verdict *v)
{
	struct nlattr *data[NFTA_DATA_MAX + 1];

	if (nft_u32(tb[NFTA_IMMEDIATE_DREG]) != NFT_REG_VERDICT)
		return NFT_GOES_ON;
	if (!tb[NFTA_IMMEDIATE_DATA] ||
		nla_parse_nested(data, NFTA_DATA_MAX, tb[NFTA_IMMEDIATE_DATA], NULL) < 0 ||
		!data[NFTA_DATA_VERDICT])
		return NFT_PASSED_BY;
	return read_verdict(data[NFTA_DATA_VERDICT], v);
}

/* The register's content as an element of a set has it; 0: it is not known. */
static size_t value_of(
	const struct nft_packet *p, const struct registers *r, int word, char value[IFNAMSIZ])
{
	memset(value, 0, IFNAMSIZ);
	switch (r->word[word].what) {
	case IN: snprintf(value, IFNAMSIZ, "%s", p->in); return IFNAMSIZ;
	case NUMBER: memcpy(value, &r->word[word].number, 4); return 4;
	case BYTES:
		memcpy(value, &r->word[word].number, (size_t)r->word[word].len);
		return (size_t)r->word[word].len;
	case OUT:
	case UNKNOWN: return 0;
	}
	return 0;
}

static enum nft_step look_up(const struct nft_their *t, const struct nft_their_chain *c,
	const struct nft_packet *p, struct registers *r, struct nlattr **tb, struct verdict *v)
{
	char value[IFNAMSIZ] __attribute__((aligned(4)));
	const struct nlattr *verdict = NULL;
	size_t len = value_of(p, r, word_of(nft_u32(tb[NFTA_LOOKUP_SREG])), value);
	int has = len ? nft_sets_look_up(t, c->family, c->table, nft_text(tb[NFTA_LOOKUP_SET]),
				value, len, &verdict)
		      : -1;

	if (tb[NFTA_LOOKUP_DREG] && nft_u32(tb[NFTA_LOOKUP_DREG]) != NFT_REG_VERDICT)
		hold(r, tb[NFTA_LOOKUP_DREG], UNKNOWN, 0);
	if (has < 0)
		return NFT_UNSURE;
	if (nft_u32(tb[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV)
		has = !has;
	if (has && verdict)
		return read_verdict(verdict, v);
	return has ? NFT_GOES_ON : NFT_PASSED_BY;
}

/* Of iptables-nft: REJECT is the only target that drops. */
static enum nft_step compat(
	const char *expr, struct nlattr **tb, const struct nft_packet *p, struct verdict *v)
{
	if (streq(expr, "match"))
		return nft_compat_match(tb, p);
	if (!streq(nft_text(tb[NFTA_TARGET_NAME]), "REJECT"))
		return NFT_GOES_ON;
	v->code = NF_DROP;
	return NFT_DECIDED;
}

static enum nft_step run_expression(const struct nft_their *t, const struct nft_their_chain *c,
	const char *name, struct nlattr *data, const struct nft_packet *p, struct registers *r,
	struct verdict *v)
{
	enum { MAX = 16 };
	struct nlattr *tb[MAX + 1] = { 0 };

	if (data && nla_parse_nested(tb, MAX, data, NULL) < 0)
		return NFT_PASSED_BY;
	if (streq(name, "counter") || streq(name, "log"))
		return NFT_GOES_ON;
	if (streq(name, "cmp"))
		return compare(p, r, tb);
	if (streq(name, "immediate"))
		return decide(tb, v);
	if (streq(name, "lookup"))
		return look_up(t, c, p, r, tb, v);
	if (streq(name, "match") || streq(name, "target"))
		return compat(name, tb, p, v);
	if (streq(name, "reject")) {
		v->code = NF_DROP;
		return NFT_DECIDED;
	}
	if (streq(name, "meta"))
		load_meta(r, p, tb);
	else if (streq(name, "ct"))
		load_ct(r, tb);
	else if (streq(name, "bitwise"))
		bitwise(r, tb);
	else if (streq(name, "payload") && tb[NFTA_PAYLOAD_DREG])
		load_payload(r, p, tb);
	else
		return NFT_UNSURE;
	return NFT_GOES_ON;
}

/* Whether the rule decides, and what. */
static bool run_rule(const struct nft_their *t, const struct nft_their_chain *c,
	const struct nft_their_rule *rule, const struct nft_packet *p, struct verdict *v)
{
	struct nlattr *list = (struct nlattr *)rule->expressions, *a;
	struct registers r = { 0 };
	bool unsure = false, map = false;
	int left;

	nla_for_each_nested(a, list, left)
	{
		struct nlattr *tb[NFTA_EXPR_MAX + 1];
		enum nft_step s;

		if (nla_parse_nested(tb, NFTA_EXPR_MAX, a, NULL) < 0)
			return false;
		s = run_expression(
			t, c, nft_text(tb[NFTA_EXPR_NAME]), tb[NFTA_EXPR_DATA], p, &r, v);
		unsure |= s == NFT_UNSURE;
		map |= streq(nft_text(tb[NFTA_EXPR_NAME]), "lookup");
		if (s == NFT_PASSED_BY || (unsure && !p->protocol))
			return false;
		if (s != NFT_DECIDED)
			continue;
		if (unsure && v->code == NF_DROP)
			return false;
		if (unsure)
			v->code = NF_ACCEPT;
		return true;
	}
	/* A map of verdicts may hold any. */
	v->code = NF_ACCEPT;
	return unsure && map && p->protocol;
}

/* ---- a chain ---- */

enum fate { UNDECIDED, ACCEPTED, DROPPED };

static enum fate walk(const struct nft_their *t, const struct nft_their_chain *c,
	const struct nft_packet *p, int depth, const struct nft_their_chain **where)
{
	for (size_t i = 0; i < c->n; i++) {
		struct verdict v = { 0 };
		const struct nft_their_chain *to;
		enum fate fate = UNDECIDED;

		if (!run_rule(t, c, &c->rules[i], p, &v))
			continue;
		*where = c;
		if (v.code == NF_ACCEPT || v.code == NF_DROP)
			return v.code == NF_ACCEPT ? ACCEPTED : DROPPED;
		if (v.code == NFT_RETURN)
			return UNDECIDED;
		if (v.code != NFT_JUMP && v.code != NFT_GOTO)
			continue;
		to = nft_their_chain_of(t, c->family, c->table, v.chain);
		if (to && depth < DEPTH)
			fate = walk(t, to, p, depth + 1, where);
		if (fate != UNDECIDED || v.code == NFT_GOTO)
			return fate;
	}
	return UNDECIDED;
}

const struct nft_their_chain *nft_walk(
	const struct nft_their *t, const struct nft_their_chain *base, const struct nft_packet *p)
{
	const struct nft_their_chain *where = base;
	enum fate fate = walk(t, base, p, 0, &where);

	if (fate == UNDECIDED)
		return base->drops ? base : NULL;
	return fate == DROPPED ? where : NULL;
}
