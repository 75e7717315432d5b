/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chains of everybody in nf_tables, and what becomes of a packet that is walked through them. */
#ifndef KVMHOST_NFT_WALK_H
#define KVMHOST_NFT_WALK_H

#include "net/nft_msg.h"

struct nft_their_rule {
	const struct nlattr *expressions;
};

struct nft_their_chain {
	int family; /* NFPROTO_* */
	const char *table, *name;
	bool base; /* of the filter type, at the hook forward or input */
	int hook;
	bool drops; /* its policy */
	struct nft_their_rule *rules;
	size_t n;
};

struct nft_set;

struct nft_their {
	struct arena *arena;
	bool with_sets; /* asked for: what rules look up is read too */
	struct nft_set *sets;
	size_t n_sets;
	struct nft_their_chain *chains; /* of tables that have a base chain there */
	size_t n;
};

/* All but those of the table `ours`; none where the kernel has no nf_tables. */
int nft_their_read(struct host *h, const char *ours, struct nft_their *t, struct error *e);

struct nft_their_chain *nft_their_chain_of(
	const struct nft_their *t, int family, const char *table, const char *name);

/*
 * nft_sets.c: those whose keys a packet has: ports, protocols, states of connections, names of
 * interfaces. After the chains.
 */
struct nft_socket;
int nft_sets_read(struct nft_socket *s, struct nft_their *t);
/*
 * What a value in the set means: -1 when that is not known, else whether it is there. *verdict:
 * what a map of verdicts has for it (NFTA_VERDICT_* within), NULL: nothing.
 */
int nft_sets_look_up(const struct nft_their *t, int family, const char *table, const char *set,
	const void *value, size_t len, const struct nlattr **verdict);

/* A new connection's first packet. */
struct nft_packet {
	int family; /* NFPROTO_* */
	const char *in, *out; /* interfaces; out NULL: some other one */
	uint32_t in_index; /* its number; 0: nobody knows */
	/* What is asked of the host; protocol 0: anything, forwarded. */
	uint8_t protocol;
	uint16_t sport, dport; /* host order */
	uint16_t to; /* XT_ADDRTYPE_*: what kind of address it goes to */
};

/* The chain that drops it on its way through the base chain, or NULL. */
const struct nft_their_chain *nft_walk(
	const struct nft_their *t, const struct nft_their_chain *base, const struct nft_packet *p);

#endif
