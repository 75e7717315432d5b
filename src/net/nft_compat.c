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

enum nft_step nft_compat_match(struct nlattr *const *tb, const struct nft_packet *p)
{
	const char *name = nft_text(tb[NFTA_MATCH_NAME]);
	uint32_t revision = nft_u32(tb[NFTA_MATCH_REV]);
	const void *info = tb[NFTA_MATCH_INFO] ? nla_data(tb[NFTA_MATCH_INFO]) : NULL;
	size_t len = info ? (size_t)nla_len(tb[NFTA_MATCH_INFO]) : 0;

	if (streq(name, "comment"))
		return NFT_GOES_ON;
	if (!p->protocol)
		return NFT_UNSURE;
	if (streq(name, "udp") && len >= sizeof(struct xt_udp))
		return udp(info, p);
	if (streq(name, "tcp"))
		return p->protocol == IPPROTO_TCP ? NFT_UNSURE : NFT_PASSED_BY;
	if (streq(name, "conntrack") && revision == 3 && len >= sizeof(struct xt_conntrack_mtinfo3))
		return conntrack(info);
	if (streq(name, "addrtype") && revision == 1 && len >= sizeof(struct xt_addrtype_info_v1))
		return addrtype(info, p);
	return NFT_UNSURE;
}
