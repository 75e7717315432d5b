/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a network needs besides its bridge: forwarding, and rules by its mode.
 *
 *	            within   into                        out of            source
 *	nat         accept   answers only, rest refused  its own addresses masqueraded
 *	routed      accept   its addresses               its own addresses as it is
 *	isolated    accept   refused                     refused
 *
 * What leaves an isolated network is refused before any network may let it in.
 */
#include "net/firewall.h"
#include "net/manager.h"
#include "net/network.h"
#include <arpa/inet.h>

static struct cidr ipv4(uint32_t address, uint8_t prefix)
{
	return (struct cidr){
		.ip = { .family = AF_INET, .v4.s_addr = htonl(address) },
		.prefix = prefix,
	};
}

static void add_within(struct wants *w, const struct resource *r, const char *bridge)
{
	firewall_add(w, r, "ip-filter",
		(struct fw_rule){ .chain = FW_FORWARD_WITHIN,
			.in = bridge,
			.out = bridge,
			.target = FW_ACCEPT });
}

static void add_into_out_of(struct wants *w, const struct resource *r, struct cidr net)
{
	const struct network *n = r->want;

	firewall_add(w, r, "ip-filter",
		(struct fw_rule){ .chain = FW_FORWARD_INTO,
			.dst = net,
			.out = n->bridge,
			.state = n->mode == NETWORK_NAT ? FW_ESTABLISHED : FW_ANY_STATE,
			.target = FW_ACCEPT });
	firewall_add(w, r, "ip-filter",
		(struct fw_rule){ .chain = FW_FORWARD_OUT_OF,
			.src = net,
			.in = n->bridge,
			.target = FW_ACCEPT });
}

static void add_reject(struct wants *w, const struct resource *r, const char *bridge)
{
	firewall_add(w, r, "ip-filter",
		(struct fw_rule){ .chain = FW_FORWARD_INTO, .out = bridge, .target = FW_REJECT });
	firewall_add(w, r, "ip-filter",
		(struct fw_rule){ .chain = FW_FORWARD_OUT_OF, .in = bridge, .target = FW_REJECT });
}

static void add_return(struct wants *w, const struct resource *r, struct cidr net, struct cidr dst)
{
	firewall_add(w, r, "ip-nat",
		(struct fw_rule){
			.chain = FW_POSTROUTING, .src = net, .dst = dst, .target = FW_RETURN });
}

/* What stays on the link keeps its source: neighbours, multicast and broadcast. */
static void add_masquerade(struct wants *w, const struct resource *r, struct cidr net)
{
	struct fw_rule m = { .chain = FW_POSTROUTING, .src = net, .target = FW_MASQUERADE };
	/* A privileged source port would be trusted by old services: none is given out. */
	const struct fw_ports unprivileged = { 1024, 65535 };
	static const uint8_t with_ports[] = { IPPROTO_TCP, IPPROTO_UDP };

	add_return(w, r, net, net);
	add_return(w, r, net, ipv4(0xe0000000, 24));
	add_return(w, r, net, ipv4(0xffffffff, 32));
	for (size_t i = 0; i < ARRAY_SIZE(with_ports); i++) {
		struct fw_rule p = m;

		p.protocol = with_ports[i];
		p.to_ports = unprivileged;
		firewall_add(w, r, "ip-nat", p);
	}
	firewall_add(w, r, "ip-nat", m);
}

/* Between two address ranges of the same network nothing is hidden either. */
static void add_siblings(struct wants *w, const struct resource *r, size_t self, struct cidr net)
{
	const struct network *n = r->want;

	for (size_t i = 0; i < n->addresses.n; i++)
		if (i != self)
			add_return(w, r, net, cidr_network(LIST_AT(&n->addresses, struct cidr, i)));
}

void network_derive(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;

	if (n->mode != NETWORK_ISOLATED) {
		struct resource *forward = want_derive(w, r, "sysctl", "net.ipv4.ip_forward", true);

		want_set(w, forward, "value", "1");
	}
	add_within(w, r, n->bridge);
	if (n->mode == NETWORK_ISOLATED)
		firewall_add(w, r, "ip-filter",
			(struct fw_rule){
				.chain = FW_FORWARD_WITHIN, .in = n->bridge, .target = FW_REJECT });
	network_derive_forwards(r, w);
	manager_imply(r, w);
	for (size_t i = 0; i < n->addresses.n && n->mode != NETWORK_ISOLATED; i++) {
		struct cidr net = cidr_network(LIST_AT(&n->addresses, struct cidr, i));

		add_into_out_of(w, r, net);
		if (n->mode != NETWORK_NAT)
			continue;
		add_siblings(w, r, i, net);
		add_masquerade(w, r, net);
	}
	network_admit_forwards(r, w);
	add_reject(w, r, n->bridge);
	if (network_serves(n))
		network_derive_service(r, w);
}
