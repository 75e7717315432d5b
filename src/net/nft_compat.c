/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft_compat.h"
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_tcpudp.h>

static enum nft_step result(bool matches)
{
	return matches ? NFT_GOES_ON : NFT_PASSED_BY;
}

static bool within(uint16_t port, const uint16_t range[2], bool inverted)
{
	return (port >= range[0] && port <= range[1]) != inverted;
}

static enum nft_step udp(const struct xt_udp *m, const struct nft_packet *p)
{
	return result(p->protocol == IPPROTO_UDP &&
		      within(p->sport, m->spts, m->invflags & XT_UDP_INV_SRCPT) &&
		      within(p->dport, m->dpts, m->invflags & XT_UDP_INV_DSTPT));
}

/* It is a SYN alone. */
static enum nft_step tcp(const struct xt_tcp *m, const struct nft_packet *p)
{
	enum { SYN = 0x02 };
	bool flags = (SYN & m->flg_mask) == m->flg_cmp;

	if (p->protocol == IPPROTO_TCP && m->option)
		return NFT_UNSURE;
	return result(p->protocol == IPPROTO_TCP &&
		      within(p->sport, m->spts, m->invflags & XT_TCP_INV_SRCPT) &&
		      within(p->dport, m->dpts, m->invflags & XT_TCP_INV_DSTPT) &&
		      flags != !!(m->invflags & XT_TCP_INV_FLAGS));
}

/* The first packet of a connection whose addresses nobody has changed. */
static enum nft_step conntrack(const struct xt_conntrack_mtinfo3 *m)
{
	bool has = m->state_mask & XT_CONNTRACK_STATE_BIT(IP_CT_NEW);

	if (m->match_flags != XT_CONNTRACK_STATE)
		return NFT_UNSURE;
	return result(has != !!(m->invert_flags & XT_CONNTRACK_STATE));
}

static enum nft_step addrtype(const struct xt_addrtype_info_v1 *m, const struct nft_packet *p)
{
	if (m->source || m->flags & ~(uint32_t)XT_ADDRTYPE_INVERT_DEST)
		return NFT_UNSURE;
	return result(!(m->dest & p->to) == !!(m->flags & XT_ADDRTYPE_INVERT_DEST));
}

enum nft_step xt_match(const char *name, uint32_t revision, const void *info, size_t len,
	const struct nft_packet *p)
{
	if (streq(name, "comment"))
		return NFT_GOES_ON;
	if (!p->protocol)
		return NFT_UNSURE;
	if (streq(name, "udp") && len >= sizeof(struct xt_udp))
		return udp(info, p);
	if (streq(name, "tcp") && len >= sizeof(struct xt_tcp))
		return tcp(info, p);
	if (streq(name, "conntrack") && revision == 3 && len >= sizeof(struct xt_conntrack_mtinfo3))
		return conntrack(info);
	if (streq(name, "addrtype") && revision == 1 && len >= sizeof(struct xt_addrtype_info_v1))
		return addrtype(info, p);
	return NFT_UNSURE;
}

enum nft_step nft_compat_match(struct nlattr *const *tb, const struct nft_packet *p)
{
	const struct nlattr *info = tb[NFTA_MATCH_INFO];

	return xt_match(nft_text(tb[NFTA_MATCH_NAME]), nft_u32(tb[NFTA_MATCH_REV]),
		info ? nla_data((struct nlattr *)(uintptr_t)info) : NULL,
		info ? (size_t)nla_len((struct nlattr *)(uintptr_t)info) : 0, p);
}
