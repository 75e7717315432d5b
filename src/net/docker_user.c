/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In expressions as iptables-nft writes them, so that iptables lists them as
 * "-i virbr0 -j ACCEPT". First in the chain: what an administrator refuses
 * there is meant for containers.
 */
#include "net/docker_user.h"
#include "net/nft_expr.h"
#include <endian.h>
#include <linux/netfilter/nf_tables_compat.h>

#define TABLE "filter"
#define TRIES 10

static void target_chain(struct nft_buf *b, int type, int flags, int family)
{
	nft_message(b, type, flags, family);
	nft_put_text(b, NFTA_RULE_TABLE, TABLE);
	nft_put_text(b, NFTA_RULE_CHAIN, DOCKER_USER);
}

/* ---- reading ---- */

struct reading {
	struct arena *arena;
	int family;
	struct docker_chain *chain;
	uint32_t generation;
};

/* The data of the rule's first expression of that name, as attributes, is there. */
static bool find_expression(
	const struct nlattr *expressions, const char *name, struct nlattr **tb, int max)
{
	struct nlattr *a, *x[NFTA_EXPR_MAX + 1];
	int left;

	nla_for_each_nested(a, (struct nlattr *)expressions,
		left) if (nla_parse_nested(x, NFTA_EXPR_MAX, a, NULL) >= 0 &&
			  streq(nft_text(x[NFTA_EXPR_NAME]), name) &&
			  x[NFTA_EXPR_DATA]) return nla_parse_nested(tb, max, x[NFTA_EXPR_DATA],
		NULL) >= 0;
	return false;
}

/* The interface's name in the rule's comparison; "" where there is none. */
static const char *compared(const struct nlattr *expressions)
{
	struct nlattr *cmp[NFTA_CMP_MAX + 1], *value[NFTA_DATA_MAX + 1];

	if (!find_expression(expressions, "cmp", cmp, NFTA_CMP_MAX) || !cmp[NFTA_CMP_DATA] ||
		nla_parse_nested(value, NFTA_DATA_MAX, cmp[NFTA_CMP_DATA], NULL) < 0)
		return "";
	return nft_text(value[NFTA_DATA_VALUE]);
}

/* Where iptables-nft keeps a comment that it wrote itself: ours, saved and restored with it. */
static const char *matched_comment(const struct nlattr *expressions)
{
	struct nlattr *match[NFTA_MATCH_MAX + 1];

	if (!find_expression(expressions, "match", match, NFTA_MATCH_MAX) ||
		!streq(nft_text(match[NFTA_MATCH_NAME]), "comment"))
		return NULL;
	return nft_text(match[NFTA_MATCH_INFO]);
}

static struct docker_rule decode(const struct reading *d, const struct nlattr *expressions)
{
	struct docker_rule r = { 0 };
	const char *name = compared(expressions);

	for (int into = 0; into < 2 && *name && !r.bridge; into++) {
		_cleanup_nft_buf_ struct nft_buf b = { 0 };

		nft_put_accept(&b, name, into);
		if (nft_same((const void *)b.b, expressions))
			r = (struct docker_rule){ arena_strdup(d->arena, name), into, 0 };
	}
	return r;
}

static void see_rule(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1];
	const struct reading *d = arg;
	struct docker_rule r;
	const char *mark;

	nft_attributes(m, tb, NFTA_RULE_MAX);
	if (!tb[NFTA_RULE_EXPRESSIONS] || !tb[NFTA_RULE_HANDLE])
		return;
	mark = nft_comment(tb[NFTA_RULE_USERDATA]);
	if (!mark)
		mark = matched_comment(tb[NFTA_RULE_EXPRESSIONS]);
	if (!mark || !startswith(mark, DOCKER_MARK))
		return;
	r = decode(d, tb[NFTA_RULE_EXPRESSIONS]);
	r.handle = be64toh(nla_get_u64(tb[NFTA_RULE_HANDLE]));
	*ARENA_PUSH(d->arena, d->chain->rules, d->chain->n) = r;
}

static void see_chain(const struct nlmsghdr *m, void *arg)
{
	struct reading *d = arg;

	if (!nft_is_generation(m, &d->generation))
		d->chain->present = true;
}

static int try_read(struct nft_socket *s, struct reading *d)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };
	int r;

	nft_ask_generation(&b);
	nft_message(&b, NFT_MSG_GETCHAIN, NLM_F_ACK, d->family);
	nft_put_text(&b, NFTA_CHAIN_TABLE, TABLE);
	nft_put_text(&b, NFTA_CHAIN_NAME, DOCKER_USER);
	r = nft_ask(s, &b, see_chain, d);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	target_chain(&b, NFT_MSG_GETRULE, NLM_F_DUMP, d->family);
	return nft_ask(s, &b, see_rule, d);
}

static int read_chain(struct nft_socket *s, int family, struct arena *a, struct docker_chain *out,
	uint32_t *generation, struct error *e)
{
	struct reading d = { .arena = a, .family = family, .chain = out };
	int r = -EINTR;

	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		*out = (struct docker_chain){ 0 };
		r = try_read(s, &d);
	}
	*generation = d.generation;
	if (r == -EINVAL || r == -EOPNOTSUPP)
		return 0;
	return r < 0 ? error_set(
			       e, r, "cannot read Docker's chain " DOCKER_USER ": %s", strerror(-r))
		     : 0;
}

int docker_read(
	struct host *h, int family, struct arena *a, struct docker_chain *out, struct error *e)
{
	struct nft_socket *s;
	uint32_t generation;
	int r = nft_socket_get(h, &s, e);

	*out = (struct docker_chain){ 0 };
	if (r == -EPROTONOSUPPORT) {
		error_clear(e);
		return 0;
	}
	return r < 0 ? r : read_chain(s, family, a, out, &generation, e);
}

/* ---- writing ---- */

static void put_rule(struct nft_buf *b, int family, const char *bridge, bool into)
{
	target_chain(b, NFT_MSG_NEWRULE, NLM_F_CREATE, family);
	nft_put_accept(b, bridge, into);
	nft_put_comment(
		b, NFTA_RULE_USERDATA, family == AF_INET ? DOCKER_MARK "ip" : DOCKER_MARK "ip6");
}

static void drop_rule(struct nft_buf *b, int family, uint64_t handle)
{
	uint64_t value = htobe64(handle);

	target_chain(b, NFT_MSG_DELRULE, 0, family);
	nft_put(b, NFTA_RULE_HANDLE, &value, sizeof(value));
}

static bool wanted(const char *const *bridges, size_t n, const char *bridge)
{
	for (size_t i = 0; i < n && bridge; i++)
		if (streq(bridges[i], bridge))
			return true;
	return false;
}

/* The first `n` of the chain's rules have it. */
static bool has(const struct docker_chain *c, size_t n, const char *bridge, bool into)
{
	for (size_t i = 0; i < n; i++)
		if (c->rules[i].bridge && c->rules[i].into == into &&
			streq(c->rules[i].bridge, bridge))
			return true;
	return false;
}

static void put_changes(struct nft_buf *b, int family, const struct docker_chain *c,
	const char *const *bridges, size_t n)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct docker_rule *r = &c->rules[i];

		if (!wanted(bridges, n, r->bridge) || has(c, i, r->bridge, r->into))
			drop_rule(b, family, r->handle);
	}
	for (size_t i = 0; i < n; i++)
		for (int into = 0; into < 2; into++)
			if (!has(c, c->n, bridges[i], into))
				put_rule(b, family, bridges[i], into);
}

static int write_once(struct nft_socket *s, int family, const char *const *bridges, size_t n,
	struct arena *a, struct error *e)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };
	struct docker_chain chain;
	uint32_t generation = 0;
	size_t empty;
	int type, r = read_chain(s, family, a, &chain, &generation, e);

	if (r < 0 || !chain.present)
		return r;
	nft_batch(&b, generation);
	empty = b.len;
	put_changes(&b, family, &chain, bridges, n);
	if (b.len == empty)
		return 0;
	r = nft_commit(s, &b, &type);
	return r < 0 && r != -ERESTART
		       ? error_set(e, r, "cannot write Docker's chain " DOCKER_USER ": %s",
				 strerror(-r))
		       : r;
}

int docker_write(struct host *h, int family, const char *const *bridges, size_t n, struct error *e)
{
	struct arena *a = arena_new();
	struct nft_socket *s;
	int r = nft_socket_get(h, &s, e);

	if (r >= 0)
		r = -ERESTART;
	for (int i = 0; i < TRIES && r == -ERESTART; i++)
		r = write_once(s, family, bridges, n, a, e);
	arena_free(a);
	return r == -ERESTART ? error_set(e, -EAGAIN,
					"the nftables ruleset was changed by others %d times while "
					"it was written",
					TRIES)
			      : r;
}
