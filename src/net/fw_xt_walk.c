/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a packet in a table of iptables; what is unsure is taken as nft_walk.c does. */
#include "net/nft_compat.h"
#include "net/xt_blob.h"
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

enum { DEPTH = 16 };
enum fate { UNDECIDED, ACCEPTED, DROPPED };

struct walk {
	const struct xt_blob *b;
	const struct nft_packet *p;
	const char *where;
};

static bool any_set(const void *data, size_t n)
{
	const uint8_t *b = data;
	uint8_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= b[i];
	return all;
}

/* The name behind its mask; a packet to the host goes out nowhere. */
static bool by_name(const char *name, const char *rule, const unsigned char *mask, bool inverted)
{
	char full[IFNAMSIZ] = "";
	bool differs = false;

	snprintf(full, sizeof(full), "%s", name);
	for (size_t i = 0; i < IFNAMSIZ; i++)
		differs |= (full[i] ^ rule[i]) & mask[i];
	return differs == inverted;
}

static enum nft_step fixed_v4(const struct ipt_ip *ip, const struct nft_packet *p)
{
	if (!by_name(p->in, ip->iniface, ip->iniface_mask, ip->invflags & IPT_INV_VIA_IN) ||
		!by_name("", ip->outiface, ip->outiface_mask, ip->invflags & IPT_INV_VIA_OUT) ||
		(ip->proto && (ip->proto == p->protocol) == !!(ip->invflags & IPT_INV_PROTO)))
		return NFT_PASSED_BY;
	return ip->smsk.s_addr || ip->dmsk.s_addr || ip->flags & IPT_F_FRAG ? NFT_UNSURE
									    : NFT_GOES_ON;
}

static enum nft_step fixed_v6(const struct ip6t_ip6 *ip, const struct nft_packet *p)
{
	if (!by_name(p->in, ip->iniface, ip->iniface_mask, ip->invflags & IP6T_INV_VIA_IN) ||
		!by_name("", ip->outiface, ip->outiface_mask, ip->invflags & IP6T_INV_VIA_OUT) ||
		(ip->proto && (ip->proto == p->protocol) == !!(ip->invflags & IP6T_INV_PROTO)))
		return NFT_PASSED_BY;
	return any_set(&ip->smsk, 16) || any_set(&ip->dmsk, 16) || ip->flags & IP6T_F_TOS
		       ? NFT_UNSURE
		       : NFT_GOES_ON;
}

static enum nft_step matches(const struct walk *w, const void *entry, bool *jumps_for_good)
{
	const char *b = entry;
	const struct ipt_ip *v4 = &((const struct ipt_entry *)entry)->ip;
	const struct ip6t_ip6 *v6 = &((const struct ip6t_entry *)entry)->ipv6;
	bool of_v4 = w->b->family == AF_INET;
	enum nft_step all = of_v4 ? fixed_v4(v4, w->p) : fixed_v6(v6, w->p), s;
	size_t end = fw_xt_target_offset(entry, w->b->family);

	*jumps_for_good = of_v4 ? v4->flags & IPT_F_GOTO : v6->flags & IP6T_F_GOTO;
	for (size_t at = fw_xt_head(w->b->family);
		all != NFT_PASSED_BY && at + sizeof(struct xt_entry_match) <= end;) {
		const struct xt_entry_match *m = (const void *)(b + at);

		s = xt_match(m->u.user.name, m->u.user.revision, m->data,
			m->u.user.match_size - sizeof(*m), w->p);
		if (s != NFT_GOES_ON)
			all = s;
		at += MAX_OF(m->u.user.match_size, (uint16_t)1);
	}
	return all;
}

static enum fate walk_chain(struct walk *w, uint32_t at, const char *chain, int depth);

/* What the rule's target decides. */
static enum fate decide(
	struct walk *w, uint32_t at, const char *chain, int depth, bool *returns, bool sure)
{
	const void *entry = xt_blob_entry(w->b, at);
	const struct xt_standard_target *t =
		(const void *)((const char *)entry + fw_xt_target_offset(entry, w->b->family));
	const char *name = t->target.u.user.name;
	enum fate fate;

	w->where = chain;
	if (streq(name, "REJECT"))
		return sure ? DROPPED : UNDECIDED;
	if (*name)
		return UNDECIDED;
	if (t->verdict == -NF_DROP - 1)
		return sure ? DROPPED : UNDECIDED;
	if (!sure)
		return ACCEPTED;
	if (t->verdict >= 0) {
		if ((uint32_t)t->verdict == xt_blob_next(w->b, at))
			return UNDECIDED;
		fate = depth < DEPTH ? walk_chain(w, (uint32_t)t->verdict, xt_blob_target(w->b, at),
					       depth + 1)
				     : ACCEPTED;
		w->where = fate == DROPPED ? w->where : chain;
		return fate;
	}
	*returns = t->verdict == XT_RETURN;
	return *returns ? UNDECIDED : ACCEPTED;
}

static enum fate walk_chain(struct walk *w, uint32_t at, const char *chain, int depth)
{
	for (; at < w->b->info.size && !xt_blob_head(w->b, at); at = xt_blob_next(w->b, at)) {
		bool for_good, returns = false;
		enum nft_step s = matches(w, xt_blob_entry(w->b, at), &for_good);
		enum fate fate;

		if (s == NFT_PASSED_BY)
			continue;
		fate = decide(w, at, chain, depth, &returns, s == NFT_GOES_ON);
		if (fate != UNDECIDED || returns || (for_good && s == NFT_GOES_ON))
			return fate;
	}
	return UNDECIDED;
}

const char *xt_blob_walk(const struct xt_blob *b, const struct nft_packet *p)
{
	struct walk w = { .b = b, .p = p };
	enum fate fate = walk_chain(&w, b->info.hook_entry[NF_INET_LOCAL_IN], "INPUT", 0);

	/* The end of the chain is the policy; who goes back from it meets that too. */
	if (fate == UNDECIDED) {
		w.where = "INPUT";
		fate = streq(xt_blob_target(b, b->info.underflow[NF_INET_LOCAL_IN]), "DROP")
			       ? DROPPED
			       : ACCEPTED;
	}
	return fate == DROPPED ? w.where : NULL;
}
