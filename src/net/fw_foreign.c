/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/fw_foreign.h"
#include "net/firewall.h"
#include "net/network.h"
#include "net/nft_walk.h"
#include <linux/netfilter.h>
#include <linux/netfilter/xt_addrtype.h>

#define OUR_TABLE "kvmhost"

struct search {
	struct arena *arena;
	struct nft_their their;
	struct fw_foreign *v;
	size_t n;
};

static const char *family_word(int family)
{
	return family == NFPROTO_IPV4 ? "ip" : family == NFPROTO_IPV6 ? "ip6" : "inet";
}

static bool has_chain(const struct nft_their *t, const struct nft_their_chain *of, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->chains[i].family == of->family && streq(t->chains[i].table, of->table) &&
			streq(t->chains[i].name, name))
			return true;
	return false;
}

/* By what each of them calls its own. */
static const char *owner_of(const struct nft_their *t, const struct nft_their_chain *c)
{
	if (streq(c->table, "firewalld") || has_chain(t, c, "INPUT_direct"))
		return "firewalld";
	if (startswith(c->table, "libvirt"))
		return "libvirt";
	if (has_chain(t, c, "DOCKER-USER"))
		return "Docker";
	if (has_chain(t, c, "ufw-user-forward") || has_chain(t, c, "ufw6-user-forward"))
		return "ufw";
	return NULL;
}

/* What lets the question in. */
static const char *cure_for_input(struct arena *a, const struct nft_their_chain *base,
	const char *owner, const struct nft_packet *p)
{
	if (owner && streq(owner, "ufw"))
		return arena_printf(
			a, "ufw allow in on %s to any port %u proto udp", p->in, p->dport);
	if (owner && streq(owner, "firewalld"))
		return arena_printf(a,
			"firewall-cmd --zone=kvmhost --change-interface=%s, and once more "
			"with --permanent",
			p->in);
	return arena_printf(a,
		"let it in there: nft insert rule %s %s %s iifname \"%s\" udp dport %u accept",
		family_word(base->family), base->table, base->name, p->in, p->dport);
}

static const char *cure_for(
	struct arena *a, const struct nft_their_chain *base, const char *owner, const char *bridge)
{
	const char *tool = base->family == NFPROTO_IPV6 ? "ip6tables" : "iptables";

	if (owner && streq(owner, "firewalld"))
		return arena_printf(a,
			"firewall-cmd --zone=kvmhost --change-interface=%s, and once more "
			"with --permanent",
			bridge);
	if (owner && streq(owner, "ufw"))
		return arena_printf(a, "ufw route allow in on %s", bridge);
	if (owner && streq(owner, "Docker"))
		return arena_printf(a,
			"%s -I DOCKER-USER -i %s -j ACCEPT && "
			"%s -I DOCKER-USER -o %s -j ACCEPT",
			tool, bridge, tool, bridge);
	return arena_printf(a,
		"let them through there: nft insert rule %s %s %s iifname \"%s\" accept, "
		"and oifname for the answers",
		family_word(base->family), base->table, base->name, bridge);
}

static void found(struct search *s, const struct network *n, const char *what,
	const struct nft_their_chain *base, const struct nft_their_chain *where,
	const struct nft_packet *p)
{
	const char *owner = owner_of(&s->their, base);

	*ARENA_PUSH(s->arena, s->v, s->n) = (struct fw_foreign){
		.network = n->obj.name,
		.what = arena_printf(s->arena, what, n->obj.name),
		.where = arena_printf(s->arena, "chain %s of the nftables table %s %s", where->name,
			family_word(where->family), where->table),
		.owner = owner,
		.cure = p->protocol ? cure_for_input(s->arena, base, owner, p)
				    : cure_for(s->arena, base, owner, n->bridge),
	};
}

#define SENT "what guests of %s send to other networks"

/* The packet on its way through all base chains of the hook; `both`: tables of both families too.
 */
static void walk_packet(struct search *s, const struct network *n, const char *what,
	const struct nft_packet *p, int hook, bool both)
{
	for (size_t i = 0; i < s->their.n; i++) {
		const struct nft_their_chain *base = &s->their.chains[i], *where;

		if (!base->base || base->hook != hook ||
			(base->family != p->family && !(both && base->family == NFPROTO_INET)))
			continue;
		where = nft_walk(&s->their, base, p);
		if (where)
			found(s, n, what, base, where, p);
	}
}

static void walk_network(struct search *s, const struct network *n)
{
	const struct nft_packet v4 = { .family = NFPROTO_IPV4, .in = n->bridge };
	const struct nft_packet v6 = { .family = NFPROTO_IPV6, .in = n->bridge };

	if (network_has(n, AF_INET))
		walk_packet(s, n, SENT, &v4, NF_INET_FORWARD, true);
	if (network_has(n, AF_INET6))
		walk_packet(s, n, SENT, &v6, NF_INET_FORWARD, !network_has(n, AF_INET));
}

/* A guest's first question: for an address, or else for a name. */
static void walk_questions(struct search *s, const struct network *n)
{
	struct nft_packet p = { .family = NFPROTO_IPV4, .in = n->bridge, .protocol = IPPROTO_UDP };

	if (!network_has(n, AF_INET))
		return;
	if (obj_has(n, "dhcp") && n->dhcp.range.n) {
		p.sport = 68;
		p.dport = 67;
		p.to = XT_ADDRTYPE_BROADCAST;
		walk_packet(s, n, "what guests of %s ask of the host (DHCP)", &p, NF_INET_LOCAL_IN,
			true);
	}
	if (obj_has(n, "dns") || (obj_has(n, "dhcp") && n->dhcp.range.n)) {
		p.sport = 40000;
		p.dport = 53;
		p.to = XT_ADDRTYPE_LOCAL;
		walk_packet(s, n, "what guests of %s ask of the host (DNS)", &p, NF_INET_LOCAL_IN,
			true);
	}
}

/* Rules in nftables, a policy in iptables: with `auto` ours would stand there too, and first. */
static void look_at_iptables(
	struct search *s, const struct network *n, const struct fw_view *views, int backend)
{
	if (backend == FW_IPTABLES || !views[FW_IPTABLES].drops)
		return;
	*ARENA_PUSH(s->arena, s->v, s->n) = (struct fw_foreign){
		.network = n->obj.name,
		.what = arena_printf(s->arena, SENT, n->obj.name),
		.where = "the policy of the chain FORWARD of the iptables table filter",
		.cure = "write host: {firewall: {backend: auto}}: ours then stand there, and first",
	};
}

int fw_foreign(
	struct host *h, const struct wants *w, struct fw_foreign **v, size_t *n, struct error *e)
{
	struct search s = { 0 };
	const struct fw_view *views;
	int r, backend;

	*v = NULL;
	*n = 0;
	/* An outcome has taken what was observed. */
	if (!h->pass) {
		host_forget(h);
		h->pass = arena_new();
	}
	s.arena = s.their.arena = h->pass;
	r = fw_views_get(h, &views, e);
	if (r >= 0)
		r = nft_their_read(h, OUR_TABLE, &s.their, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < w->n; i++) {
		const struct network *net = w->v[i]->want;
		const struct resource *filter = wants_find(w, "firewall", "ip-filter");

		if (w->v[i]->kind != &network_kind)
			continue;
		walk_questions(&s, net);
		if (net->mode == NETWORK_ISOLATED)
			continue;
		backend = fw_choose(views, filter ? filter->want : NULL, NULL);
		walk_network(&s, net);
		look_at_iptables(&s, net, views, backend);
	}
	*v = s.v;
	*n = s.n;
	return 0;
}
