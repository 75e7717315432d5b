/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets and maps that rules look up. Types of keys are numbers that nft(8) gives them (enum
 * datatypes of its datatype.h); the kernel passes them on. Those of addresses may be very long, and
 * nobody here knows a packet's.
 */
#include "net/nft_walk.h"
#include <linux/netfilter.h>

enum { TYPE_INET_PROTOCOL = 12, TYPE_INET_SERVICE = 13, TYPE_CT_STATE = 26, TYPE_IFNAME = 41 };

struct element {
	const void *key;
	size_t len;
	bool end; /* of an interval, no part of it */
	const struct nlattr *verdict;
};

struct nft_set {
	int family;
	const char *table, *name;
	bool interval, names;
	struct element *v;
	size_t n;
	bool others; /* `*`: what no element has */
	const struct nlattr *others_verdict;
};

struct reader {
	struct nft_their *t;
	struct nft_set *set;
};

static void see_set(const struct nlmsghdr *m, void *arg)
{
	struct nlattr *tb[NFTA_SET_MAX + 1];
	struct nft_their *t = arg;
	uint32_t type;

	nft_attributes(m, tb, NFTA_SET_MAX);
	type = nft_u32(tb[NFTA_SET_KEY_TYPE]);
	if (type != TYPE_INET_PROTOCOL && type != TYPE_INET_SERVICE && type != TYPE_CT_STATE &&
		type != TYPE_IFNAME)
		return;
	*ARENA_PUSH(t->arena, t->sets, t->n_sets) = (struct nft_set){
		.family = ((const struct nfgenmsg *)nlmsg_data(m))->nfgen_family,
		.table = arena_strdup(t->arena, nft_text(tb[NFTA_SET_TABLE])),
		.name = arena_strdup(t->arena, nft_text(tb[NFTA_SET_NAME])),
		.interval = nft_u32(tb[NFTA_SET_FLAGS]) & NFT_SET_INTERVAL,
		.names = type == TYPE_IFNAME,
	};
}

static const void *keep(struct arena *a, const void *data, size_t n)
{
	return memcpy(arena_alloc(a, n), data, n);
}

static void see_element(struct nlattr *element, void *arg)
{
	struct nlattr *tb[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1],
		*data[NFTA_DATA_MAX + 1] = { 0 };
	struct reader *rd = arg;
	struct arena *a = rd->t->arena;
	const struct nlattr *verdict = NULL;

	if (nla_parse_nested(tb, NFTA_SET_ELEM_MAX, element, NULL) < 0)
		return;
	if (tb[NFTA_SET_ELEM_DATA] &&
		nla_parse_nested(data, NFTA_DATA_MAX, tb[NFTA_SET_ELEM_DATA], NULL) >= 0)
		verdict = data[NFTA_DATA_VERDICT];
	if (verdict)
		verdict = keep(a, verdict, (size_t)NLA_HDRLEN + (size_t)nla_len(verdict));
	if (nft_u32(tb[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_CATCHALL) {
		rd->set->others = true;
		rd->set->others_verdict = verdict;
		return;
	}
	if (!tb[NFTA_SET_ELEM_KEY] ||
		nla_parse_nested(key, NFTA_DATA_MAX, tb[NFTA_SET_ELEM_KEY], NULL) < 0 ||
		!key[NFTA_DATA_VALUE])
		return;
	*ARENA_PUSH(a, rd->set->v, rd->set->n) = (struct element){
		.key = keep(
			a, nla_data(key[NFTA_DATA_VALUE]), (size_t)nla_len(key[NFTA_DATA_VALUE])),
		.len = (size_t)nla_len(key[NFTA_DATA_VALUE]),
		.end = nft_u32(tb[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END,
		.verdict = verdict,
	};
}

int nft_sets_read(struct nft_socket *s, struct nft_their *t)
{
	_cleanup_nft_buf_ struct nft_buf b = { 0 };
	int r;

	nft_message(&b, NFT_MSG_GETSET, NLM_F_DUMP, AF_UNSPEC);
	r = nft_ask(s, &b, see_set, t);
	for (size_t i = 0; i < t->n_sets && r >= 0; i++) {
		const struct nft_set *set = &t->sets[i];
		struct reader rd = { t, &t->sets[i] };

		r = nft_ask_elements(s, set->family, set->table, set->name, see_element, &rd);
	}
	/* One went meanwhile. */
	return r == -ENOENT ? -EINTR : r;
}

/* In a set of intervals the nearest that is not above the value: a beginning, or an end. */
static int find(
	const struct nft_set *s, const void *value, size_t len, const struct nlattr **verdict)
{
	const struct element *best = NULL;

	for (size_t i = 0; i < s->n; i++) {
		const struct element *x = &s->v[i];
		int order = x->len == len ? memcmp(x->key, value, len) : -1;

		if (x->len != len)
			return -1;
		if (s->interval ? order > 0 : order != 0)
			continue;
		order = best ? memcmp(best->key, x->key, len) : -1;
		/* Where one ends the next one may begin. */
		if (order < 0 || (order == 0 && best->end))
			best = x;
	}
	if (best && best->end)
		best = NULL;
	*verdict = best ? best->verdict : s->others_verdict;
	return best || s->others;
}

int nft_sets_look_up(const struct nft_their *t, int family, const char *table, const char *set,
	const void *value, size_t len, const struct nlattr **verdict)
{
	for (size_t i = 0; i < t->n_sets; i++) {
		const struct nft_set *s = &t->sets[i];

		/* Beginnings of names are intervals of another kind. */
		if (s->family == family && streq(s->table, table) && streq(s->name, set))
			return s->names && s->interval ? -1 : find(s, value, len, verdict);
	}
	return -1;
}
