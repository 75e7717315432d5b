/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Matches of iptables, which iptables-nft has in rules of nf_tables as they are. */
#ifndef KVMHOST_NFT_COMPAT_H
#define KVMHOST_NFT_COMPAT_H

#include "net/nft_walk.h"

/* UNSURE: nobody can tell by what is known of the packet. */
enum nft_step { NFT_GOES_ON, NFT_PASSED_BY, NFT_DECIDED, NFT_UNSURE };

/* tb: NFTA_MATCH_*. */
enum nft_step nft_compat_match(struct nlattr *const *tb, const struct nft_packet *p);
/* The same where it stands in a table of iptables. info: of len bytes. */
enum nft_step xt_match(const char *name, uint32_t revision, const void *info, size_t len,
	const struct nft_packet *p);

#endif
