/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of nf_tables (include/uapi/linux/netfilter/nf_tables.h), built one
 * after the other in a buffer that grows, and the socket they go over. A batch
 * is all or nothing; it says which generation of the ruleset it was made for,
 * and fails with ERESTART on another one.
 */
#ifndef KVMHOST_NFT_MSG_H
#define KVMHOST_NFT_MSG_H

#include "reconcile/host.h"
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

struct nft_buf {
	char *b;
	size_t len, cap;
	size_t message; /* where the last one begins */
};
void nft_buf_free(struct nft_buf *b);
#define _cleanup_nft_buf_ _cleanup_(nft_buf_free)

/* type: NFT_MSG_*; what follows up to the next one is its attributes. */
void nft_message(struct nft_buf *b, int type, int flags, int family);
void nft_put(struct nft_buf *b, int type, const void *data, size_t len);
void nft_put_text(struct nft_buf *b, int type, const char *text);
void nft_put_u32(struct nft_buf *b, int type, uint32_t host_order);
size_t nft_nest(struct nft_buf *b, int type);
void nft_nest_end(struct nft_buf *b, size_t nest);

struct nft_socket;
/* The host's, opened on first use. -EPROTONOSUPPORT: this kernel has none. */
int nft_socket_get(struct host *h, struct nft_socket **s, struct error *e);

/*
 * Sends the message in b (NLM_F_DUMP, or NLM_F_ACK for a single object), with
 * nft_ask_generation() before it or not, and calls fn for each object of the
 * answer. 0, the kernel's errno, or -EINTR: a dump was interrupted by a
 * change, ask again.
 */
typedef void nft_fn(const struct nlmsghdr *m, void *arg);
int nft_ask(struct nft_socket *s, struct nft_buf *b, nft_fn *fn, void *arg);
/* Asks for a set, and calls fn for each of its elements (NFTA_SET_ELEM_*). */
typedef void nft_element_fn(struct nlattr *element, void *arg);
int nft_ask_elements(struct nft_socket *s, int family, const char *table, const char *set,
	nft_element_fn *fn, void *arg);

enum { NFT_ANY_GENERATION = 0 };
/* Of the ruleset after one commit: the kernel leaves 0 out. */
static inline uint32_t nft_next_generation(uint32_t generation)
{
	return generation + 1 ? generation + 1 : 1;
}
/* Begins a batch for this generation; then messages; then nft_commit(). */
void nft_batch(struct nft_buf *b, uint32_t generation);
/* 0 or the first error; *type: of which message. */
int nft_commit(struct nft_socket *s, struct nft_buf *b, int *type);

/* What asks for the generation of the ruleset, before what is read of it; and whether m is the
 * answer.
 */
void nft_ask_generation(struct nft_buf *b);
bool nft_is_generation(const struct nlmsghdr *m, uint32_t *out);

/* A comment as nft(8) and iptables-nft keep it, in a rule's or an element's user data. */
void nft_put_comment(struct nft_buf *b, int type, const char *text);
/* NULL: there is none. */
const char *nft_comment(const struct nlattr *userdata);

/* The attributes of a message, or of what is nested in one. */
void nft_attributes(const struct nlmsghdr *m, struct nlattr **tb, int max);
/* 0 when it is not there. */
uint32_t nft_u32(const struct nlattr *a);
/* "" when it is not there. */
const char *nft_text(const struct nlattr *a);

#endif
