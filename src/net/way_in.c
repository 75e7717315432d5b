/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/way_in.h"
#include "base/strbuf.h"
#include "net/address.h"
#include "net/dnsmasq.h"
#include "net/fw_nft.h"
#include "net/nft_walk.h"
#include "net/xt_blob.h"
#include <linux/netfilter.h>
#include <linux/netfilter/xt_addrtype.h>
#include <sys/socket.h>

enum { NO_INDEX = UINT32_MAX };

struct gate {
	struct host *h;
	const struct link *card;
	const char *bridge;
	uint32_t bridge_index;
	int family; /* AF_* */
	struct nft_their their;
	struct xt_blob filter; /* entries NULL: there is no such table */
};

/* Who drops it: "chain INPUT of the iptables table filter", or NULL. */
static const char *who_drops(const struct gate *g, const char *in, uint32_t index, uint16_t port)
{
	const int family = g->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
	const struct nft_packet p = { .family = family,
		.in = in,
		.in_index = index,
		.protocol = IPPROTO_TCP,
		.sport = 40000,
		.dport = port,
		.to = XT_ADDRTYPE_LOCAL };
	struct arena *a = g->h->pass;

	for (size_t i = 0; i < g->their.n; i++) {
		const struct nft_their_chain *base = &g->their.chains[i], *where;

		/* firewalld's zones are the kind zone's business. */
		if (!base->base || base->hook != NF_INET_LOCAL_IN ||
			(base->family != family && base->family != NFPROTO_INET) ||
			streq(base->table, "firewalld") ||
			nft_their_chain_of(&g->their, base->family, base->table, "INPUT_ZONES"))
			continue;
		where = nft_walk(&g->their, base, &p);
		if (where)
			return arena_printf(a, "chain %s of the nftables table %s %s", where->name,
				base->family == NFPROTO_INET ? "inet"
				: family == NFPROTO_IPV4     ? "ip"
							     : "ip6",
				where->table);
	}
#ifdef HAVE_IPTC
	if (g->filter.entries) {
		const char *where = xt_blob_walk(&g->filter, &p);

		if (where)
			return arena_printf(a, "chain %s of the %s table filter", where,
				g->family == AF_INET ? "iptables" : "ip6tables");
	}
#endif
	return NULL;
}

#ifdef HAVE_IPTC
static bool is_filter(const char *table)
{
	return streq(table, "filter");
}

/* Left out where firewalld keeps it. */
static void see_filter(struct xt_blob *b, _unused_ const char *table, void *arg)
{
	struct gate *g = arg;

	xt_blob_chains(b, g->h->pass);
	for (size_t i = 0; i < b->n_chains; i++)
		if (streq(b->chains[i].name, "INPUT_ZONES"))
			return;
	g->filter = *b;
	*b = (struct xt_blob){ .family = b->family };
}
#endif

static bool has_address(struct host *h, const struct link *card, int family)
{
	const struct address *all, *a = NULL;
	size_t n;

	if (addresses_get(h, &all, &n, NULL) < 0)
		return false;
	while ((a = address_next(all, n, card->index, a)))
		if (a->cidr.ip.family == family)
			return true;
	return false;
}

static int judge(const struct gate *g, const uint16_t *ports, size_t n, struct error *e)
{
	_cleanup_strbuf_ struct strbuf shut = { 0 };
	const char *where = NULL;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const char *by = who_drops(g, g->bridge, g->bridge_index, ports[i]);

		if (!by || who_drops(g, g->card->name, (uint32_t)g->card->index, ports[i]))
			continue;
		where = where ? where : by;
		sb_addf(&shut, "%s%u", count++ ? ", " : "", ports[i]);
	}
	if (!count)
		return 0;
	error_set(e, -EBUSY,
		"nobody would reach TCP port%s %s of the host by %s any more: %s lets in what "
		"comes "
		"by %s, and drops what comes by %s, which is to speak for it",
		count > 1 ? "s" : "", sb_str(&shut), g->family == AF_INET ? "IPv4" : "IPv6", where,
		g->card->name, g->bridge);
	return error_cure(e,
		"write the rules for %s there for %s too, which may be done before it "
		"is there, and apply again",
		g->card->name, g->bridge);
}

static int check_family(struct gate *g, const uint16_t *ports, size_t n, struct error *e)
{
	int r = 0;

#ifdef HAVE_IPTC
	r = xt_tables_read(g->h, g->family, is_filter, see_filter, g, e);
#endif
	if (r >= 0)
		r = judge(g, ports, n, e);
	free(g->filter.entries);
	g->filter = (struct xt_blob){ 0 };
	return r;
}

int way_in_check(struct host *h, const struct link *card, const struct links *ls,
	const char *bridge, struct error *e)
{
	static const int families[] = { AF_INET, AF_INET6 };
	const struct link *there = links_name(ls, bridge);
	struct gate g = { .h = h,
		.card = card,
		.bridge = bridge,
		.bridge_index = there ? (uint32_t)there->index : NO_INDEX,
		.their = { .arena = h->pass, .with_sets = true } };
	bool read = false;
	uint16_t *ports;
	size_t n;
	int r = 0;

	ports = ports_listening(h, h->pass, &n);
	for (size_t i = 0; n && r >= 0 && i < ARRAY_SIZE(families); i++) {
		if (!has_address(h, card, families[i]))
			continue;
		if (!read)
			r = nft_their_read(h, NFT_TABLE, &g.their, e);
		read = true;
		g.family = families[i];
		if (r >= 0)
			r = check_family(&g, ports, n, e);
	}
	return r;
}
