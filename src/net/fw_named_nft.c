/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In nf_tables: a rule loads the name or the number of an interface into a register (meta) and
 * compares that (cmp), or looks it up in a set (lookup), alone or with what stands beside it.
 */
#include "net/fw_named.h"
#include "net/fw_nft.h"
#include "net/nft_msg.h"
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <net/if.h>

enum { TRIES = 8, WORDS = 20 };

/* What a 4-byte register holds. */
struct word {
	bool held, out, number;
};

/* A rule that looks a name up, whose set is asked for when all rules are read. */
struct asked {
	int family;
	const char *table, *set;
	struct fw_named rule;
	bool number;
	size_t at; /* bytes of an element before the name */
};

struct reader {
	struct fw_named_list *out;
	const struct links *ls;
	struct asked *asked;
	size_t n_asked;
	const struct asked *asking;
	/* Of the rule being read. */
	struct word words[WORDS];
	struct fw_named *found;
	size_t n_found;
	struct asked *sets;
	size_t n_sets;
	uint64_t shape;
	bool bridged;
};

static size_t word_of(const struct nlattr *reg)
{
	uint32_t n = nft_u32(reg);
	size_t word = n >= NFT_REG32_00 ? n - NFT_REG32_00 : n ? (n - NFT_REG_1) * 4 : 0;

	return word < WORDS ? word : WORDS - 1;
}

static void load(struct reader *rd, struct nlattr **tb)
{
	uint32_t key = nft_u32(tb[NFTA_META_KEY]);
	struct word *w = &rd->words[word_of(tb[NFTA_META_DREG])];

	w->held = key == NFT_META_IIFNAME || key == NFT_META_OIFNAME || key == NFT_META_IIF ||
		  key == NFT_META_OIF;
	w->out = key == NFT_META_OIFNAME || key == NFT_META_OIF;
	w->number = key == NFT_META_IIF || key == NFT_META_OIF;
}

/* The name in `data`, as a rule or an element has it; false: none that is known. */
static bool read_name(struct reader *rd, bool number, const void *data, size_t len,
	const char **name, bool *prefix)
{
	char text[IFNAMSIZ] = "";
	const struct link *l;
	uint32_t index;

	if (number) {
		if (len < sizeof(index))
			return false;
		memcpy(&index, data, sizeof(index));
		l = links_index(rd->ls, (int)index);
		*name = l ? arena_strdup(rd->out->arena, l->name) : NULL;
		*prefix = false;
		return l != NULL;
	}
	len = MIN_OF(len, sizeof(text));
	memcpy(text, data, len);
	*prefix = !memchr(text, 0, len);
	text[sizeof(text) - 1] = '\0';
	*name = arena_strdup(rd->out->arena, text);
	return true;
}

static bool compare(struct reader *rd, struct nlattr **tb)
{
	struct nlattr *data[NFTA_DATA_MAX + 1];
	const struct word *w = &rd->words[word_of(tb[NFTA_CMP_SREG])];
	struct fw_named one = { .out = w->out,
		.inverted = nft_u32(tb[NFTA_CMP_OP]) == NFT_CMP_NEQ };

	if (!w->held || !tb[NFTA_CMP_DATA] ||
		nla_parse_nested(data, NFTA_DATA_MAX, tb[NFTA_CMP_DATA], NULL) < 0 ||
		!data[NFTA_DATA_VALUE] ||
		!read_name(rd, w->number, nla_data(data[NFTA_DATA_VALUE]),
			(size_t)nla_len(data[NFTA_DATA_VALUE]), &one.name, &one.prefix))
		return false;
	*ARENA_PUSH(rd->out->arena, rd->found, rd->n_found) = one;
	rd->shape = fw_shape(rd->shape, &one.out, sizeof(one.out));
	return true;
}

/* A set without a name of its own is another one in each rule. */
static bool look_up(struct reader *rd, struct nlattr **tb)
{
	size_t from = word_of(tb[NFTA_LOOKUP_SREG]);
	const char *set = nft_text(tb[NFTA_LOOKUP_SET]);

	for (size_t i = from; i < WORDS; i++) {
		if (!rd->words[i].held)
			continue;
		*ARENA_PUSH(rd->out->arena, rd->sets, rd->n_sets) = (struct asked){
			.set = arena_strdup(rd->out->arena, set),
			.number = rd->words[i].number,
			.at = (i - from) * 4,
			.rule = { .out = rd->words[i].out,
				.inverted = nft_u32(tb[NFTA_LOOKUP_FLAGS]) & NFT_LOOKUP_F_INV },
		};
	}
	return startswith(set, "__") != NULL;
}

/* What the rule says beside the name counts for its shape; what was counted does not. */
static void see_expression(struct reader *rd, const char *name, struct nlattr *data)
{
	enum { MAX = 16 };
	struct nlattr *tb[MAX + 1] = { 0 };
	bool shapeless = streq(name, "counter");

	if (data && nla_parse_nested(tb, MAX, data, NULL) < 0)
		return;
	if (streq(name, "meta") && tb[NFTA_META_DREG])
		load(rd, tb);
	else if (streq(name, "cmp"))
		shapeless = compare(rd, tb);
	else if (streq(name, "lookup"))
		shapeless = look_up(rd, tb);
	else if (streq(name, "match")) {
		shapeless = streq(nft_text(tb[NFTA_MATCH_NAME]), "comment");
		rd->bridged |= streq(nft_text(tb[NFTA_MATCH_NAME]), "physdev");
	}
	if (shapeless)
		return;
	rd->shape = fw_shape(rd->shape, name, strlen(name));
	if (data)
		rd->shape = fw_shape(rd->shape, nla_data(data), (size_t)nla_len(data));
}

static const char *family_word(int family)
{
	return family == NFPROTO_IPV4   ? "ip"
	       : family == NFPROTO_IPV6 ? "ip6"
	       : family == NFPROTO_ARP  ? "arp"
					: "inet";
}

static bool of_interest(int family, const char *table, const char *chain)
{
	return (family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_INET ||
		       family == NFPROTO_ARP) &&
	       !streq(table, NFT_TABLE) && !streq(table, "firewalld") && !endswith(chain, "_ZONES");
}

static void place(struct reader *rd, struct fw_named *r, int family, struct nlattr **tb)
{
	struct arena *a = rd->out->arena;
	uint64_t handle = tb[NFTA_RULE_HANDLE] ? nla_get_u64(tb[NFTA_RULE_HANDLE]) : 0;
	const char *table = nft_text(tb[NFTA_RULE_TABLE]), *chain = nft_text(tb[NFTA_RULE_CHAIN]);

	r->where = arena_printf(
		a, "chain %s of the nftables table %s %s", chain, family_word(family), table);
	r->shown_by =
		arena_printf(a, "nft -a list chain %s %s %s", family_word(family), table, chain);
	r->rule = arena_printf(a, "handle %llu", (unsigned long long)be64toh(handle));
	r->shape = rd->shape;
}

static void see_rule(const struct nlmsghdr *m, void *arg)
{
	int family = ((const struct nfgenmsg *)nlmsg_data(m))->nfgen_family, left;
	struct nlattr *tb[NFTA_RULE_MAX + 1], *a;
	struct reader *rd = arg;

	nft_attributes(m, tb, NFTA_RULE_MAX);
	if (!tb[NFTA_RULE_EXPRESSIONS] ||
		!of_interest(family, nft_text(tb[NFTA_RULE_TABLE]), nft_text(tb[NFTA_RULE_CHAIN])))
		return;
	memset(rd->words, 0, sizeof(rd->words));
	rd->n_found = rd->n_sets = 0;
	rd->found = NULL;
	rd->sets = NULL;
	rd->shape = FW_SHAPE_BEGIN;
	rd->bridged = false;
	nla_for_each_nested(a, tb[NFTA_RULE_EXPRESSIONS], left)
	{
		struct nlattr *x[NFTA_EXPR_MAX + 1];

		if (nla_parse_nested(x, NFTA_EXPR_MAX, a, NULL) >= 0)
			see_expression(rd, nft_text(x[NFTA_EXPR_NAME]), x[NFTA_EXPR_DATA]);
	}
	for (size_t i = 0; i < rd->n_found && !rd->bridged; i++) {
		place(rd, &rd->found[i], family, tb);
		*ARENA_PUSH(rd->out->arena, rd->out->v, rd->out->n) = rd->found[i];
	}
	for (size_t i = 0; i < rd->n_sets && !rd->bridged; i++) {
		place(rd, &rd->sets[i].rule, family, tb);
		rd->sets[i].family = family;
		rd->sets[i].table = arena_strdup(rd->out->arena, nft_text(tb[NFTA_RULE_TABLE]));
		*ARENA_PUSH(rd->out->arena, rd->asked, rd->n_asked) = rd->sets[i];
	}
}

static void see_element(struct nlattr *element, void *arg)
{
	struct reader *rd = arg;
	struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1];
	struct fw_named one = rd->asking->rule;
	size_t len, at = rd->asking->at;

	if (nla_parse_nested(tb, NFTA_SET_ELEM_MAX, element, NULL) < 0 || !tb[NFTA_SET_ELEM_KEY] ||
		nft_u32(tb[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END ||
		nla_parse_nested(key, NFTA_DATA_MAX, tb[NFTA_SET_ELEM_KEY], NULL) < 0 ||
		!key[NFTA_DATA_VALUE])
		return;
	len = (size_t)nla_len(key[NFTA_DATA_VALUE]);
	if (at >= len || !read_name(rd, rd->asking->number,
				 (const char *)nla_data(key[NFTA_DATA_VALUE]) + at, len - at,
				 &one.name, &one.prefix))
		return;
	/* What stands beside the name in it, and what follows from it. */
	one.shape = fw_shape(one.shape, nla_data(key[NFTA_DATA_VALUE]), at);
	if (!rd->asking->number && at + IFNAMSIZ < len)
		one.shape = fw_shape(one.shape,
			(const char *)nla_data(key[NFTA_DATA_VALUE]) + at + IFNAMSIZ,
			len - at - IFNAMSIZ);
	if (tb[NFTA_SET_ELEM_DATA])
		one.shape = fw_shape(one.shape, nla_data(tb[NFTA_SET_ELEM_DATA]),
			(size_t)nla_len(tb[NFTA_SET_ELEM_DATA]));
	*ARENA_PUSH(rd->out->arena, rd->out->v, rd->out->n) = one;
}

static int ask_sets(struct nft_socket *s, struct reader *rd)
{
	int r = 0;

	for (size_t i = 0; i < rd->n_asked && r >= 0; i++) {
		rd->asking = &rd->asked[i];
		r = nft_ask_elements(
			s, rd->asking->family, rd->asking->table, rd->asking->set, see_element, rd);
		/* It went with its rule meanwhile. */
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

int fw_named_nft(struct host *h, const struct links *ls, struct fw_named_list *out, struct error *e)
{
	struct reader rd = { .out = out, .ls = ls };
	struct nft_socket *s;
	size_t before = out->n;
	int r = nft_socket_get(h, &s, e);

	for (int i = 0; r >= 0 || (r == -EINTR && i < TRIES); i++) {
		_cleanup_nft_buf_ struct nft_buf b = { 0 };

		out->n = before;
		rd.asked = NULL;
		rd.n_asked = 0;
		nft_message(&b, NFT_MSG_GETRULE, NLM_F_DUMP, AF_UNSPEC);
		r = nft_ask(s, &b, see_rule, &rd);
		if (r >= 0)
			r = ask_sets(s, &rd);
		if (r >= 0)
			return 0;
	}
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT) {
		error_clear(e);
		return 0;
	}
	return error_set(e, r, "cannot read the rules of nf_tables: %s", strerror(-r));
}
