/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that make our table. Types and comments are for nft(8), which shows them. */
#include "net/fw_nft.h"
#include "net/nft_expr.h"
#include <linux/netfilter.h>

/* Elements of one message: their attribute counts its bytes in 16 bits. */
#define ELEMENTS_MAX ((size_t)32 << 10)
/* A set's user data is "TYPE LENGTH VALUE": its keys' byte order. */
enum { UDATA_KEY_BYTE_ORDER = 0, BYTE_ORDER_HOST = 1 };

/* nft(8)'s numbers of types (include/datatype.h there); parts of a concatenation have 6 bits. */
enum { TYPE_IPV4 = 7, TYPE_IPV6 = 8, TYPE_PROTOCOL = 12, TYPE_PORT = 13, TYPE_IFNAME = 41 };
#define TYPE_BITS 6

static uint32_t type_of(enum nft_key k, int family)
{
	switch (k) {
	case NFT_SADDR:
	case NFT_DADDR: return family == AF_INET ? TYPE_IPV4 : TYPE_IPV6;
	case NFT_IIF:
	case NFT_OIF: return TYPE_IFNAME;
	case NFT_PROTO: return TYPE_PROTOCOL;
	default: return TYPE_PORT;
	}
}

/* ---- sets ---- */

static uint32_t key_type(const struct nft_shape *s, int family)
{
	uint32_t type = 0;

	for (enum nft_key k = 0; k < NFT_KEYS; k++)
		if (nft_key_part(s, k, family))
			type = type << TYPE_BITS | type_of(k, family);
	return type;
}

/* The bytes that each part really has, which its place in the key rounds up. */
static uint32_t part_len(const struct nft_shape *s, enum nft_key k, int family)
{
	return k == NFT_PROTO ? 1 : k == NFT_DPORT ? 2 : (uint32_t)nft_key_part(s, k, family);
}

static void put_parts(struct nft_buf *b, const struct nft_shape *s, int family)
{
	size_t desc = nft_nest(b, NFTA_SET_DESC), concat = nft_nest(b, NFTA_SET_DESC_CONCAT);

	for (enum nft_key k = 0; k < NFT_KEYS; k++) {
		size_t part;

		if (!nft_key_part(s, k, family))
			continue;
		part = nft_nest(b, NFTA_LIST_ELEM);
		nft_put_u32(b, NFTA_SET_FIELD_LEN, part_len(s, k, family));
		nft_nest_end(b, part);
	}
	nft_nest_end(b, concat);
	nft_nest_end(b, desc);
}

/* By which nft(8) tells a name from a number whose bytes are the other way round. */
static void put_byte_order(struct nft_buf *b)
{
	const uint32_t host = BYTE_ORDER_HOST;
	char udata[2 + sizeof(host)] = { UDATA_KEY_BYTE_ORDER, sizeof(host) };

	memcpy(udata + 2, &host, sizeof(host));
	nft_put(b, NFTA_SET_USERDATA, udata, sizeof(udata));
}

static void make_set(struct nft_buf *b, int family, const struct nft_shape *s)
{
	uint32_t flags = (s->interval ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0u) |
			 (nft_is_map(s) ? NFT_SET_MAP : 0u);

	nft_message(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, family);
	nft_put_text(b, NFTA_SET_TABLE, NFT_TABLE);
	nft_put_text(b, NFTA_SET_NAME, s->set);
	nft_put_u32(b, NFTA_SET_ID, (uint32_t)(s - nft_shapes) + 1);
	nft_put_u32(b, NFTA_SET_FLAGS, flags);
	nft_put_u32(b, NFTA_SET_KEY_TYPE, key_type(s, family));
	nft_put_u32(b, NFTA_SET_KEY_LEN, (uint32_t)nft_key_len(s, family));
	if (s->interval)
		put_parts(b, s, family);
	if (s->keys == 1u << NFT_IIF || s->keys == 1u << NFT_OIF)
		put_byte_order(b);
	if (nft_is_map(s)) {
		uint32_t address = family == AF_INET ? TYPE_IPV4 : TYPE_IPV6;

		nft_put_u32(b, NFTA_SET_DATA_TYPE, address << TYPE_BITS | TYPE_PORT);
		nft_put_u32(b, NFTA_SET_DATA_LEN, family == AF_INET ? 8 : 20);
	}
}

/* ---- chains and rules ---- */

static void make_chain(struct nft_buf *b, int family, const struct nft_chain *c)
{
	size_t hook;

	nft_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, family);
	nft_put_text(b, NFTA_CHAIN_TABLE, NFT_TABLE);
	nft_put_text(b, NFTA_CHAIN_NAME, c->name);
	hook = nft_nest(b, NFTA_CHAIN_HOOK);
	nft_put_u32(b, NFTA_HOOK_HOOKNUM, c->hook);
	nft_put_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	nft_nest_end(b, hook);
	nft_put_u32(b, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nft_put_text(b, NFTA_CHAIN_TYPE, c->type);
}

static void make_rule(struct nft_buf *b, int family, const struct nft_shape *s)
{
	nft_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family);
	nft_put_text(b, NFTA_RULE_TABLE, NFT_TABLE);
	nft_put_text(b, NFTA_RULE_CHAIN, s->chain->name);
	nft_put_rule(b, s, family);
}

void nft_make_sets(struct nft_buf *b, int family, enum nft_part part)
{
	for (size_t i = 0; i < NFT_CHAINS; i++)
		if (nft_chains[i].part == part)
			make_chain(b, family, &nft_chains[i]);
	for (size_t i = 0; i < NFT_SHAPES; i++)
		if (nft_shapes[i].chain->part == part)
			make_set(b, family, &nft_shapes[i]);
}

void nft_make_rules(struct nft_buf *b, int family, enum nft_part part)
{
	for (size_t i = 0; i < NFT_SHAPES; i++)
		if (nft_shapes[i].chain->part == part)
			make_rule(b, family, &nft_shapes[i]);
}

void nft_make_table(struct nft_buf *b, int family)
{
	nft_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, family);
	nft_put_text(b, NFTA_TABLE_NAME, NFT_TABLE);
}

void nft_drop_rules(struct nft_buf *b, int family)
{
	nft_message(b, NFT_MSG_DELRULE, 0, family);
	nft_put_text(b, NFTA_RULE_TABLE, NFT_TABLE);
}

void nft_drop_table(struct nft_buf *b, int family)
{
	nft_message(b, NFT_MSG_DELTABLE, 0, family);
	nft_put_text(b, NFTA_TABLE_NAME, NFT_TABLE);
}

/* ---- elements ---- */

static void put_element(
	struct nft_buf *b, const struct nft_shape *s, const struct fw_rule *r, int family, bool add)
{
	size_t item = nft_nest(b, NFTA_LIST_ELEM), len = nft_key_len(s, family);
	struct nft_element el;

	nft_element_of(s, r, family, &el);
	nft_put_value(b, NFTA_SET_ELEM_KEY, el.key, len);
	if (s->interval)
		nft_put_value(b, NFTA_SET_ELEM_KEY_END, el.end, len);
	if (nft_is_map(s) && add)
		nft_put_value(b, NFTA_SET_ELEM_DATA, el.data, el.data_len);
	if (add)
		nft_put_comment(b, NFTA_SET_ELEM_USERDATA, r->owner);
	nft_nest_end(b, item);
}

static size_t begin_elements(struct nft_buf *b, const struct nft_shape *s, int family, bool add)
{
	nft_message(b, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
		add ? NLM_F_CREATE | NLM_F_EXCL : 0, family);
	nft_put_text(b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	nft_put_text(b, NFTA_SET_ELEM_LIST_SET, s->set);
	return nft_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

/* Those of one shape, in as many messages as they take. */
static void put_shape(struct nft_buf *b, const struct nft_shape *s, int family, bool add,
	const struct fw_rule *const *rules, const struct nft_shape *const *of, size_t n)
{
	size_t list = 0, start = 0;

	for (size_t i = 0; i < n; i++) {
		if (of[i] != s)
			continue;
		if (list && b->len - start > ELEMENTS_MAX) {
			nft_nest_end(b, list);
			list = 0;
		}
		if (!list) {
			list = begin_elements(b, s, family, add);
			start = b->len;
		}
		put_element(b, s, rules[i], family, add);
	}
	if (list)
		nft_nest_end(b, list);
}

bool nft_put_elements(
	struct nft_buf *b, int family, bool add, const struct fw_rule *const *rules, size_t n)
{
	const struct nft_shape **of = xmalloc((n + 1) * sizeof(*of));
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		of[i] = nft_shape_of(rules[i]);
		all &= of[i] != NULL;
	}
	for (size_t i = 0; i < NFT_SHAPES; i++)
		put_shape(b, &nft_shapes[i], family, add, rules, of, n);
	free(of);
	return all;
}
