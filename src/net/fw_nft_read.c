/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our table as the kernel shows it: chains, rules and sets must be those that
 * every host has, the sets' elements become rules again. Nothing of others is
 * asked for but the chains, which the kernel does not sort out by table.
 */
#include "net/attributes.h"
#include "net/fw_nft.h"
#include "net/nft_expr.h"
#include <linux/netfilter.h>

#define TRIES 8

struct reading {
	int family;
	struct arena *arena;
	struct nft_table *t;
	struct nft_buf expected; /* a rule to compare with */
	uint32_t generation;
	uint32_t chains, sets; /* bits of those that are as they should be */
	size_t next[NFT_CHAINS]; /* the next shape whose rule is to come */
	const struct nft_shape *shape; /* whose elements are being read */
	size_t key_len; /* of them */
	const char *last; /* owners repeat */
};

static void damage(struct reading *d, const char *what, const char *name)
{
	if (!d->t->damaged)
		d->t->stray = arena_printf(d->arena, "table %s " NFT_TABLE ": %s %s",
			d->family == AF_INET ? "ip" : "ip6", what, name);
	d->t->damaged = true;
}

/* ---- chains ---- */

static const struct nft_chain *chain_named(const char *name)
{
	for (size_t i = 0; i < NFT_CHAINS; i++)
		if (streq(nft_chains[i].name, name))
			return &nft_chains[i];
	return NULL;
}

static bool chain_is(const struct nft_chain *c, struct nlattr *const *tb)
{
	struct nlattr *hook[NFTA_HOOK_MAX + 1];

	if (!tb[NFTA_CHAIN_HOOK] ||
		nla_parse_nested(hook, NFTA_HOOK_MAX, tb[NFTA_CHAIN_HOOK], NULL) < 0)
		return false;
	return nft_u32(hook[NFTA_HOOK_HOOKNUM]) == c->hook &&
	       (int32_t)nft_u32(hook[NFTA_HOOK_PRIORITY]) == c->priority &&
	       streq(nft_text(tb[NFTA_CHAIN_TYPE]), c->type) &&
	       nft_u32(tb[NFTA_CHAIN_POLICY]) == NF_ACCEPT;
}

static void see_chain(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_CHAIN_MAX + 1];
	struct reading *d = arg;
	const struct nft_chain *c;
	const char *name;

	nft_attributes(m, tb, NFTA_CHAIN_MAX);
	if (!streq(nft_text(tb[NFTA_CHAIN_TABLE]), NFT_TABLE))
		return;
	name = nft_text(tb[NFTA_CHAIN_NAME]);
	c = chain_named(name);
	if (c && chain_is(c, tb)) {
		d->chains |= 1u << (c - nft_chains);
		d->t->has[c->part] = true;
	} else {
		damage(d, "chain", name);
	}
}

/* ---- rules ---- */

/* Which shape's rule stands next in the chain. */
static const struct nft_shape *next_shape(struct reading *d, const struct nft_chain *c)
{
	size_t *at = &d->next[c - nft_chains];

	while (*at < NFT_SHAPES && nft_shapes[*at].chain != c)
		++*at;
	return *at < NFT_SHAPES ? &nft_shapes[(*at)++] : NULL;
}

static void see_rule(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_RULE_MAX + 1];
	struct reading *d = arg;
	const struct nft_chain *c;
	const struct nft_shape *s;

	nft_attributes(m, tb, NFTA_RULE_MAX);
	if (!streq(nft_text(tb[NFTA_RULE_TABLE]), NFT_TABLE))
		return;
	c = chain_named(nft_text(tb[NFTA_RULE_CHAIN]));
	if (!c)
		return;
	s = next_shape(d, c);
	d->expected.len = 0;
	if (s)
		nft_put_rule(&d->expected, s, d->family);
	if (!s || !tb[NFTA_RULE_EXPRESSIONS] ||
		!nft_same((const void *)d->expected.b, tb[NFTA_RULE_EXPRESSIONS]))
		damage(d, "rules of chain", c->name);
}

/* ---- sets and their elements ---- */

static const struct nft_shape *shape_named(const char *set)
{
	for (size_t i = 0; i < NFT_SHAPES; i++)
		if (streq(nft_shapes[i].set, set))
			return &nft_shapes[i];
	return NULL;
}

static bool set_is(const struct reading *d, const struct nft_shape *s, struct nlattr *const *tb)
{
	uint32_t flags = nft_u32(tb[NFTA_SET_FLAGS]);
	size_t data = nft_is_map(s) ? (d->family == AF_INET ? 4 : 16) + 4 : 0;

	return nft_u32(tb[NFTA_SET_KEY_LEN]) == nft_key_len(s, d->family) &&
	       !(flags & NFT_SET_INTERVAL) == !s->interval && !(flags & NFT_SET_MAP) == !data &&
	       (!data || nft_u32(tb[NFTA_SET_DATA_LEN]) == data);
}

static void see_set(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_SET_MAX + 1];
	struct reading *d = arg;
	const struct nft_shape *s;
	const char *name;

	nft_attributes(m, tb, NFTA_SET_MAX);
	if (!streq(nft_text(tb[NFTA_SET_TABLE]), NFT_TABLE))
		return;
	name = nft_text(tb[NFTA_SET_NAME]);
	s = shape_named(name);
	if (s && set_is(d, s, tb)) {
		d->sets |= 1u << (s - nft_shapes);
		d->t->has[s->chain->part] = true;
	} else {
		damage(d, "set", name);
	}
}

static size_t get_value(const struct nlattr *nest, char *to, size_t size)
{
	struct nlattr *tb[NFTA_DATA_VALUE + 1];
	size_t len;

	if (!nest)
		return 0;
	attributes_nested(nest, tb, NFTA_DATA_VALUE);
	len = tb[NFTA_DATA_VALUE] ? (size_t)nla_len(tb[NFTA_DATA_VALUE]) : 0;
	if (len > size)
		return 0;
	if (len)
		memcpy(to, nla_data(tb[NFTA_DATA_VALUE]), len);
	return len;
}

static const char *owner_of(struct reading *d, const struct nlattr *userdata)
{
	const char *text = nft_comment(userdata);

	if (text && (!d->last || !streq(d->last, text)))
		d->last = arena_strdup(d->arena, text);
	return text ? d->last : NULL;
}

static void see_element(struct nlattr *a, void *arg)
{
	struct nlattr *tb[NFTA_SET_ELEM_MAX + 1];
	struct reading *d = arg;
	const struct nft_shape *s = d->shape;
	struct fw_rules *rules = &d->t->rules[s->chain->part];
	struct nft_element el;
	struct fw_rule r;
	size_t len = d->key_len;

	attributes_nested(a, tb, NFTA_SET_ELEM_MAX);
	if (get_value(tb[NFTA_SET_ELEM_KEY], el.key, sizeof(el.key)) != len ||
		(get_value(tb[NFTA_SET_ELEM_KEY_END], el.end, sizeof(el.end)) != len &&
			s->interval)) {
		damage(d, "elements of", s->set);
		return;
	}
	if (!s->interval)
		memcpy(el.end, el.key, len);
	el.data_len = get_value(tb[NFTA_SET_ELEM_DATA], el.data, sizeof(el.data));
	if (!nft_rule_of(s, &el, d->family, d->arena, &r)) {
		damage(d, "elements of", s->set);
		return;
	}
	r.owner = owner_of(d, tb[NFTA_SET_ELEM_USERDATA]);
	*ARENA_PUSH(d->arena, rules->v, rules->n) = r;
}

/* ---- the whole ---- */

/* A table that sleeps shows all that is in it, and none of it is in force. */
static void see_table(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_TABLE_MAX + 1];
	struct reading *d = arg;

	if (nft_is_generation(m, &d->generation))
		return;
	d->t->present = true;
	nft_attributes(m, tb, NFTA_TABLE_MAX);
	if (nft_u32(tb[NFTA_TABLE_FLAGS]) & NFT_TABLE_F_DORMANT)
		damage(d, "flag", "dormant");
}

static int ask(
	struct nft_socket *s, struct reading *d, int type, int flags, int table_attr, nft_fn *fn)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };

	nft_message(&b, type, flags, d->family);
	if (table_attr)
		nft_put_text(&b, table_attr, NFT_TABLE);
	return nft_ask(s, &b, fn, d);
}

/* Chains first, then rules and sets: what a part has is known when it is judged. */
static int read_contents(struct nft_socket *s, struct reading *d)
{
	int r = ask(s, d, NFT_MSG_GETCHAIN, NLM_F_DUMP, 0, see_chain);

	if (r >= 0)
		r = ask(s, d, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, see_rule);
	if (r >= 0)
		r = ask(s, d, NFT_MSG_GETSET, NLM_F_DUMP, NFTA_SET_TABLE, see_set);
	for (size_t i = 0; i < NFT_SHAPES && r >= 0; i++) {
		d->shape = &nft_shapes[i];
		d->key_len = nft_key_len(d->shape, d->family);
		if (d->sets & 1u << i)
			r = nft_ask_elements(
				s, d->family, NFT_TABLE, d->shape->set, see_element, d);
	}
	return r;
}

/* A part that is there must be whole. */
static void judge(struct reading *d)
{
	for (size_t i = 0; i < NFT_CHAINS; i++) {
		const struct nft_chain *c = &nft_chains[i];

		if (d->t->has[c->part] && (!(d->chains & 1u << i) || next_shape(d, c)))
			damage(d, "chain", c->name);
	}
	for (size_t i = 0; i < NFT_SHAPES; i++)
		if (d->t->has[nft_shapes[i].chain->part] && !(d->sets & 1u << i))
			damage(d, "set", nft_shapes[i].set);
	if (!d->chains && !d->sets)
		damage(d, "nothing in", "it");
}

static int try_read(struct nft_socket *s, struct reading *d)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };
	int r;

	nft_ask_generation(&b);
	nft_message(&b, NFT_MSG_GETTABLE, NLM_F_ACK, d->family);
	nft_put_text(&b, NFTA_TABLE_NAME, NFT_TABLE);
	r = nft_ask(s, &b, see_table, d);
	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = read_contents(s, d);
	if (r >= 0)
		judge(d);
	return r;
}

static int refused(int r, struct error *e)
{
	if (r == -EPERM) {
		error_set(e, r, "cannot read nf_tables: %s", strerror(-r));
		return error_cure(e, "reading the firewall needs root");
	}
	return error_set(e, r, "cannot read nf_tables: %s",
		r == -EINTR ? "others change it all the time" : strerror(-r));
}

int nft_read(struct host *h, int family, struct arena *a, struct nft_table *out,
	uint32_t *generation, struct error *e)
{
	struct nft_socket *s;
	int r = nft_socket_get(h, &s, e);

	for (int i = 0; r >= 0 || (r == -EINTR && i < TRIES); i++) {
		struct reading d = { .family = family, .arena = a, .t = out };

		*out = (struct nft_table){ 0 };
		r = try_read(s, &d);
		nft_buf_free(&d.expected);
		if (r == -EINTR)
			continue;
		/* No such subsystem: the kernel has asked for its module in vain. */
		if (r == -EINVAL || r == -EOPNOTSUPP)
			return error_set(e, -EOPNOTSUPP, "this kernel has no nf_tables");
		if (r >= 0)
			*generation = d.generation;
		return r < 0 ? refused(r, e) : 0;
	}
	return r == -EINTR ? refused(r, e) : r == -EPROTONOSUPPORT ? -EOPNOTSUPP : r;
}
