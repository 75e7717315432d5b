/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network needs besides its bridge: forwarding, and rules by its mode.
 *
 *	            within   into                        out of            source
 *	nat         accept   answers only, rest refused  its own addresses masqueraded
 *	routed      accept   its addresses               its own addresses as it is
 *	isolated    accept   refused                     refused
 *
 * IPv6 in mode nat keeps its source, unless nat66 asks for the same.
 *
 * What leaves an isolated network is refused before any network may let it in.
 */
#include "net/firewall.h"
#include "net/manager.h"
#include "net/network.h"

/* Where the rules of one family of one network go. */
struct rules {
	struct wants *w;
	const struct resource *r;
	const struct network *n;
	int family;
	const char *filter, *nat; /* tables */
	struct resource **found; /* the two, once they were asked for */
};

/* Multicast that stays on the link, and IPv4's broadcast; IPv6 has it in the former. */
static const struct cidr not_routed[] = {
	{ .ip = { .family = AF_INET, .b = { 224 } }, .prefix = 24 },
	{ .ip = { .family = AF_INET, .b = { 255, 255, 255, 255 } }, .prefix = 32 },
	{ .ip = { .family = AF_INET6, .b = { 0xff } }, .prefix = 8 },
};

static void add(const struct rules *f, struct fw_rule rule)
{
	bool nat = rule.chain == FW_POSTROUTING;

	if (!f->found[nat])
		f->found[nat] = firewall_table(f->w, f->r, nat ? f->nat : f->filter);
	firewall_put(f->w, f->r, f->found[nat], rule);
}

static void add_within(const struct rules *f)
{
	const char *bridge = f->n->bridge;

	add(f, (struct fw_rule){ .chain = FW_FORWARD_WITHIN,
		       .in = bridge,
		       .out = bridge,
		       .target = FW_ACCEPT });
	if (f->n->mode == NETWORK_ISOLATED)
		add(f, (struct fw_rule){
			       .chain = FW_FORWARD_WITHIN, .in = bridge, .target = FW_REJECT });
}

static void add_into_out_of(const struct rules *f, struct cidr net)
{
	add(f, (struct fw_rule){ .chain = FW_FORWARD_INTO,
		       .dst = net,
		       .out = f->n->bridge,
		       .state = f->n->mode == NETWORK_NAT ? FW_ESTABLISHED : FW_ANY_STATE,
		       .target = FW_ACCEPT });
	add(f, (struct fw_rule){ .chain = FW_FORWARD_OUT_OF,
		       .src = net,
		       .in = f->n->bridge,
		       .target = FW_ACCEPT });
}

static void add_reject(const struct rules *f)
{
	const char *bridge = f->n->bridge;

	add(f, (struct fw_rule){ .chain = FW_FORWARD_INTO, .out = bridge, .target = FW_REJECT });
	add(f, (struct fw_rule){ .chain = FW_FORWARD_OUT_OF, .in = bridge, .target = FW_REJECT });
}

static void add_return(const struct rules *f, struct cidr net, struct cidr dst)
{
	add(f, (struct fw_rule){
		       .chain = FW_POSTROUTING, .src = net, .dst = dst, .target = FW_RETURN });
}

/* What stays on the link keeps its source: neighbours, multicast and broadcast. */
static void add_masquerade(const struct rules *f, struct cidr net)
{
	struct fw_rule m = { .chain = FW_POSTROUTING, .src = net, .target = FW_MASQUERADE };
	/* A privileged source port would be trusted by old services: none is given out. */
	const struct fw_ports unprivileged = { 1024, 65535 };
	static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP };

	add_return(f, net, net);
	for (size_t i = 0; i < ARRAY_SIZE(not_routed); i++)
		if (not_routed[i].ip.family == f->family)
			add_return(f, net, not_routed[i]);
	for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++) {
		struct fw_rule p = m;

		p.protocol = with_ports[i];
		p.to_ports = unprivileged;
		add(f, p);
	}
	add(f, m);
}

/* Between two address ranges of the same network nothing is hidden either. */
static void add_siblings(const struct rules *f, size_t self, struct cidr net)
{
	for (size_t i = 0; i < f->n->addresses.n; i++) {
		struct cidr other = cidr_network(LIST_AT(&f->n->addresses, struct cidr, i));

		if (i != self && other.ip.family == f->family)
			add_return(f, net, other);
	}
}

static void want_forwarding(const struct rules *f)
{
	const char *setting =
		f->family == AF_INET ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding";
	struct resource *s = want_derive(f->w, f->r, "sysctl", setting, true);

	want_set(f->w, s, "value", "1");
	if (f->family == AF_INET6)
		uplinks_derive(f->w, s);
}

static void derive_family(const struct rules *f)
{
	const struct network *n = f->n;
	bool hidden = n->mode == NETWORK_NAT && (f->family == AF_INET || n->nat66);

	if (n->mode != NETWORK_ISOLATED)
		want_forwarding(f);
	add_within(f);
	network_derive_forwards(f->r, f->w, f->family);
	for (size_t i = 0; i < n->addresses.n && n->mode != NETWORK_ISOLATED; i++) {
		struct cidr net = cidr_network(LIST_AT(&n->addresses, struct cidr, i));

		if (net.ip.family != f->family)
			continue;
		add_into_out_of(f, net);
		if (!hidden)
			continue;
		add_siblings(f, i, net);
		add_masquerade(f, net);
	}
	network_admit_forwards(f->r, f->w, f->family);
	add_reject(f);
}

void network_derive(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;
	struct resource *v4[2] = { NULL }, *v6[2] = { NULL };

	/* One without addresses still keeps IPv4 in. */
	if (network_has(n, AF_INET) || !network_has(n, AF_INET6))
		derive_family(&(struct rules){ w, r, n, AF_INET, "ip-filter", "ip-nat", v4 });
	if (network_has(n, AF_INET6))
		derive_family(&(struct rules){ w, r, n, AF_INET6, "ip6-filter", "ip6-nat", v6 });
	manager_imply(r, w);
	firewalld_imply(r, w);
	docker_imply(r, w);
	if (network_serves(n))
		network_derive_service(r, w);
	if (obj_has(n, "dns") && n->dns.domain && n->addresses.n)
		resolved_derive(r, w);
}
