/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our table in nf_tables, one per family: `table ip kvmhost`. Its rules are
 * few and the same on every host; what differs from host to host are the
 * elements of its sets and maps. A shape is one such set with the one rule
 * that looks it up, and each abstract rule is an element of just one shape. So
 * a packet's way does not grow longer with the number of networks, a network
 * that comes or goes is a few elements, and what the kernel shows is read back
 * into the rules that it came from.
 */
#ifndef KVMHOST_FW_NFT_H
#define KVMHOST_FW_NFT_H

#include "net/firewall.h"
#include "net/nft_msg.h"

#define NFT_TABLE "kvmhost"

/* What iptables has in tables of their own. Either is in our table only while it is needed. */
enum nft_part { NFT_FILTER, NFT_NAT, NFT_MANGLE, NFT_PARTS };

struct nft_chain {
	const char *name;
	enum nft_part part;
	const char *type;
	uint32_t hook;
	int32_t priority;
};
enum { NFT_CHAINS = 5 };
extern const struct nft_chain nft_chains[NFT_CHAINS];

/* What a set's key is made of, in this order. */
enum nft_key { NFT_SADDR, NFT_DADDR, NFT_IIF, NFT_OIF, NFT_PROTO, NFT_DPORT, NFT_KEYS };

struct nft_shape {
	const char *set;
	const struct nft_chain *chain;
	enum fw_chain from; /* the abstract rules' chain */
	enum fw_target target;
	enum fw_state state;
	uint8_t keys; /* bit for each enum nft_key */
	bool interval; /* networks, not addresses */
	bool any_dst; /* the destination is part of the key, and is any */
	uint8_t protocol; /* fixed, not of the key; masquerading then gives out unprivileged ports
			   */
	bool not_loopback; /* the destination is none of 127.0.0.0/8, ::1 */
};
enum { NFT_SHAPES = 18 };
/* In the order in which a packet meets their rules. */
extern const struct nft_shape nft_shapes[NFT_SHAPES];

/* The shape that says the rule; NULL: none does. */
const struct nft_shape *nft_shape_of(const struct fw_rule *r);
bool nft_is_map(const struct nft_shape *s);
size_t nft_key_len(const struct nft_shape *s, int family);
/* Bytes of each part of the key; 0: not in it. */
size_t nft_key_part(const struct nft_shape *s, enum nft_key k, int family);

enum { NFT_KEY_MAX = 64 };
struct nft_element {
	char key[NFT_KEY_MAX], end[NFT_KEY_MAX]; /* end: of an interval */
	char data[20]; /* of a map: address and port */
	size_t data_len;
};
void nft_element_of(
	const struct nft_shape *s, const struct fw_rule *r, int family, struct nft_element *out);
/* False: no rule of ours. Texts are kept in the arena. */
bool nft_rule_of(const struct nft_shape *s, const struct nft_element *el, int family,
	struct arena *a, struct fw_rule *out);

/* fw_nft_expr.c: the shape's rule, as expressions (NFTA_RULE_EXPRESSIONS). */
void nft_put_rule(struct nft_buf *b, const struct nft_shape *s, int family);

/* fw_nft_read.c */
struct nft_table {
	bool present;
	bool damaged; /* somebody changed what is the same on every host */
	bool has[NFT_PARTS]; /* the part is there */
	struct fw_rules rules[NFT_PARTS];
	const char *stray; /* what damaged it */
};
/* The table of a family, and the generation it belongs to. -EOPNOTSUPP: no nf_tables here. */
int nft_read(struct host *h, int family, struct arena *a, struct nft_table *out,
	uint32_t *generation, struct error *e);

/* fw_nft_write.c: messages that make, fill and empty the table. */
/* Chains and empty sets of a part, and the rules in the chains. */
void nft_make_sets(struct nft_buf *b, int family, enum nft_part part);
void nft_make_rules(struct nft_buf *b, int family, enum nft_part part);
void nft_make_table(struct nft_buf *b, int family);
/* All rules; chains and sets stay. */
void nft_drop_rules(struct nft_buf *b, int family);
void nft_drop_table(struct nft_buf *b, int family);
/* Adds the rules' elements, or takes them out. False: one that no shape says. */
bool nft_put_elements(
	struct nft_buf *b, int family, bool add, const struct fw_rule *const *rules, size_t n);

#endif
