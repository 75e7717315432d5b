/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A rule is a line of expressions: loads into registers, conditions on them,
 * then a verdict. What a register holds is known for the packet's interfaces
 * and its connection's state; any other condition makes the rule one that is
 * passed by.
 */
#include "net/nft_walk.h"
#include <linux/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>

enum { TRIES = 8, DEPTH = 16, WORDS = 20 };

/* ---- reading ---- */

static void see_chain(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_CHAIN_MAX + 1], *hook[NFTA_HOOK_MAX + 1] = { 0 };
	struct nft_their *t = arg;
	struct nft_their_chain *c;

	nft_attributes(m, tb, NFTA_CHAIN_MAX);
	c = ARENA_PUSH(t->arena, t->chains, t->n);
	*c = (struct nft_their_chain){
		.family = ((const struct nfgenmsg *)nlmsg_data(m))->nfgen_family,
		.table = arena_strdup(t->arena, nft_text(tb[NFTA_CHAIN_TABLE])),
		.name = arena_strdup(t->arena, nft_text(tb[NFTA_CHAIN_NAME])),
		.drops = tb[NFTA_CHAIN_POLICY] && nft_u32(tb[NFTA_CHAIN_POLICY]) == NF_DROP,
	};
	if (!tb[NFTA_CHAIN_HOOK] ||
		nla_parse_nested(hook, NFTA_HOOK_MAX, tb[NFTA_CHAIN_HOOK], NULL) < 0)
		return;
	c->base = nft_u32(hook[NFTA_HOOK_HOOKNUM]) == NF_INET_FORWARD &&
		  streq(nft_text(tb[NFTA_CHAIN_TYPE]), "filter");
}

static struct nft_their_chain *chain_of(
	const struct nft_their *t, int family, const char *table, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		struct nft_their_chain *c = &t->chains[i];

		if (c->family == family && streq(c->table, table) && streq(c->name, name))
			return c;
	}
	return NULL;
}

static void see_rule(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1], *copy;
	struct nft_their *t = arg;
	struct nft_their_chain *c;
	size_t len;

	nft_attributes(m, tb, NFTA_RULE_MAX);
	c = chain_of(t, ((const struct nfgenmsg *)nlmsg_data(m))->nfgen_family,
		nft_text(tb[NFTA_RULE_TABLE]), nft_text(tb[NFTA_RULE_CHAIN]));
	if (!c || !tb[NFTA_RULE_EXPRESSIONS])
		return;
	len = (size_t)NLA_HDRLEN + (size_t)nla_len(tb[NFTA_RULE_EXPRESSIONS]);
	copy = arena_alloc(t->arena, len);
	memcpy(copy, tb[NFTA_RULE_EXPRESSIONS], len);
	ARENA_PUSH(t->arena, c->rules, c->n)->expressions = copy;
}

static bool concerns(const struct nft_their_chain *c, const char *ours)
{
	return c->base && !streq(c->table, ours) &&
	       (c->family == NFPROTO_IPV4 || c->family == NFPROTO_IPV6 ||
		       c->family == NFPROTO_INET);
}

static int read_rules(struct nft_socket *s, struct nft_their *t, const char *ours)
{
	int r = 0;

	for (size_t i = 0; i < t->n && r >= 0; i++) {
		_cleanup_nft_buf_ struct nft_buf b = { 0 };
		const struct nft_their_chain *c = &t->chains[i];
		bool seen = false;

		/* A table with two base chains is read once. */
		for (size_t k = 0; k < i; k++)
			seen |= concerns(&t->chains[k], ours) && t->chains[k].family == c->family &&
				streq(t->chains[k].table, c->table);
		if (!concerns(c, ours) || seen)
			continue;
		nft_message(&b, NFT_MSG_GETRULE, NLM_F_DUMP, c->family);
		nft_put_text(&b, NFTA_RULE_TABLE, c->table);
		r = nft_ask(s, &b, see_rule, t);
	}
	return r;
}

int nft_their_read(struct host *h, const char *ours, struct nft_their *t, struct error *e)
{
	struct nft_socket *s;
	int r = nft_socket_get(h, &s, e);

	for (int i = 0; r >= 0 || (r == -EINTR && i < TRIES); i++) {
		_cleanup_nft_buf_ struct nft_buf b = { 0 };

		t->chains = NULL;
		t->n = 0;
		nft_message(&b, NFT_MSG_GETCHAIN, NLM_F_DUMP, AF_UNSPEC);
		r = nft_ask(s, &b, see_chain, t);
		if (r >= 0)
			r = read_rules(s, t, ours);
		if (r >= 0)
			break;
	}
	for (size_t i = 0; i < t->n; i++)
		t->chains[i].base = concerns(&t->chains[i], ours);
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT)
		return 0;
	return r < 0 ? error_set(e, r, "cannot read the rules of nf_tables: %s", strerror(-r)) : 0;
}

/* ---- what registers hold ---- */

enum content { UNKNOWN, IN, OUT, NUMBER };

struct registers {
	struct {
		enum content what;
		uint32_t number;
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

static const struct nlattr *value_in(struct nlattr *nest)
{
	struct nlattr *tb[NFTA_DATA_MAX + 1];

	if (!nest || nla_parse_nested(tb, NFTA_DATA_MAX, nest, NULL) < 0)
		return NULL;
	return tb[NFTA_DATA_VALUE];
}

enum step { GOES_ON, PASSED_BY, DECIDED };

/* "docker*" is compared without its end. */
static bool name_is(const char *name, const struct nlattr *value)
{
	char full[IFNAMSIZ] = "";
	size_t len = (size_t)nla_len((struct nlattr *)value);

	snprintf(full, sizeof(full), "%s", name ? name : "\x01");
	return !memcmp(full, nla_data((struct nlattr *)value), len < IFNAMSIZ ? len : IFNAMSIZ);
}

static enum step compare(const struct nft_packet *p, struct registers *r, struct nlattr **tb)
{
	const struct nlattr *value = value_in(tb[NFTA_CMP_DATA]);
	int word = word_of(nft_u32(tb[NFTA_CMP_SREG]));
	uint32_t op = nft_u32(tb[NFTA_CMP_OP]), number;
	bool equal;

	if (!value || r->word[word].what == UNKNOWN || (op != NFT_CMP_EQ && op != NFT_CMP_NEQ))
		return PASSED_BY;
	if (r->word[word].what == NUMBER) {
		if (nla_len((struct nlattr *)value) != sizeof(number))
			return PASSED_BY;
		memcpy(&number, nla_data((struct nlattr *)value), sizeof(number));
		equal = number == r->word[word].number;
	} else {
		equal = name_is(r->word[word].what == IN ? p->in : p->out, value);
	}
	return equal == (op == NFT_CMP_EQ) ? GOES_ON : PASSED_BY;
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

static void load_meta(struct registers *r, struct nlattr **tb)
{
	uint32_t key = nft_u32(tb[NFTA_META_KEY]);

	hold(r, tb[NFTA_META_DREG],
		key == NFT_META_IIFNAME   ? IN
		: key == NFT_META_OIFNAME ? OUT
					  : UNKNOWN,
		0);
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

static enum step decide(struct nlattr **tb, struct verdict *v)
{
	struct nlattr *data[NFTA_DATA_MAX + 1], *verdict[NFTA_VERDICT_MAX + 1];

	if (nft_u32(tb[NFTA_IMMEDIATE_DREG]) != NFT_REG_VERDICT)
		return GOES_ON;
	if (!tb[NFTA_IMMEDIATE_DATA] ||
		nla_parse_nested(data, NFTA_DATA_MAX, tb[NFTA_IMMEDIATE_DATA], NULL) < 0 ||
		!data[NFTA_DATA_VERDICT] ||
		nla_parse_nested(verdict, NFTA_VERDICT_MAX, data[NFTA_DATA_VERDICT], NULL) < 0)
		return PASSED_BY;
	v->code = (int32_t)nft_u32(verdict[NFTA_VERDICT_CODE]);
	v->chain = nft_text(verdict[NFTA_VERDICT_CHAIN]);
	return DECIDED;
}

/* Of iptables-nft: matches are conditions, but for comments; REJECT is the only target that drops.
 */
static enum step compat(const char *expr, struct nlattr **tb, struct verdict *v)
{
	if (streq(expr, "match"))
		return streq(nft_text(tb[NFTA_MATCH_NAME]), "comment") ? GOES_ON : PASSED_BY;
	if (!streq(nft_text(tb[NFTA_TARGET_NAME]), "REJECT"))
		return GOES_ON;
	v->code = NF_DROP;
	return DECIDED;
}

static enum step run_expression(const char *name, struct nlattr *data, const struct nft_packet *p,
	struct registers *r, struct verdict *v)
{
	enum { MAX = 16 };
	struct nlattr *tb[MAX + 1] = { 0 };

	if (data && nla_parse_nested(tb, MAX, data, NULL) < 0)
		return PASSED_BY;
	if (streq(name, "counter") || streq(name, "log"))
		return GOES_ON;
	if (streq(name, "cmp"))
		return compare(p, r, tb);
	if (streq(name, "immediate"))
		return decide(tb, v);
	if (streq(name, "match") || streq(name, "target"))
		return compat(name, tb, v);
	if (streq(name, "reject")) {
		v->code = NF_DROP;
		return DECIDED;
	}
	if (streq(name, "meta"))
		load_meta(r, tb);
	else if (streq(name, "ct"))
		load_ct(r, tb);
	else if (streq(name, "bitwise"))
		bitwise(r, tb);
	else if (streq(name, "payload") && tb[NFTA_PAYLOAD_DREG])
		hold(r, tb[NFTA_PAYLOAD_DREG], UNKNOWN, 0);
	else
		return PASSED_BY;
	return GOES_ON;
}

static bool run_rule(
	const struct nft_their_rule *rule, const struct nft_packet *p, struct verdict *v)
{
	struct nlattr *list = (struct nlattr *)rule->expressions, *a;
	struct registers r = { 0 };
	int left;

	nla_for_each_nested(a, list, left)
	{
		struct nlattr *tb[NFTA_EXPR_MAX + 1];
		enum step s;

		if (nla_parse_nested(tb, NFTA_EXPR_MAX, a, NULL) < 0)
			return false;
		s = run_expression(nft_text(tb[NFTA_EXPR_NAME]), tb[NFTA_EXPR_DATA], p, &r, v);
		if (s != GOES_ON)
			return s == DECIDED;
	}
	return false;
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

		if (!run_rule(&c->rules[i], p, &v))
			continue;
		*where = c;
		if (v.code == NF_ACCEPT || v.code == NF_DROP)
			return v.code == NF_ACCEPT ? ACCEPTED : DROPPED;
		if (v.code == NFT_RETURN)
			return UNDECIDED;
		if (v.code != NFT_JUMP && v.code != NFT_GOTO)
			continue;
		to = chain_of(t, c->family, c->table, v.chain);
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
