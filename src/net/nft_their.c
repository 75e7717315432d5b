/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everybody's chains in nf_tables, of tables that see what is forwarded or comes to the host. */
#include "net/nft_walk.h"
#include <linux/netfilter.h>

#define TRIES 8

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
	c->hook = (int)nft_u32(hook[NFTA_HOOK_HOOKNUM]);
	c->base = (c->hook == NF_INET_FORWARD || c->hook == NF_INET_LOCAL_IN) &&
		  streq(nft_text(tb[NFTA_CHAIN_TYPE]), "filter");
}

struct nft_their_chain *nft_their_chain_of(
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
	c = nft_their_chain_of(t, ((const struct nfgenmsg *)nlmsg_data(m))->nfgen_family,
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
		t->sets = NULL;
		t->n = t->n_sets = 0;
		nft_message(&b, NFT_MSG_GETCHAIN, NLM_F_DUMP, AF_UNSPEC);
		r = nft_ask(s, &b, see_chain, t);
		if (r >= 0)
			r = read_rules(s, t, ours);
		if (r >= 0 && t->with_sets)
			r = nft_sets_read(s, t);
		if (r >= 0)
			break;
	}
	for (size_t i = 0; i < t->n; i++)
		t->chains[i].base = concerns(&t->chains[i], ours);
	if (r == -EINVAL || r == -EOPNOTSUPP || r == -EPROTONOSUPPORT)
		return 0;
	return r < 0 ? error_set(e, r, "cannot read the rules of nf_tables: %s", strerror(-r)) : 0;
}
