/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a network serves its guests, against the network itself and against the guests on it. */
#include "net/network.h"
#include "net/dnsmasq.h"
#include "net/firewall.h"
#include <arpa/inet.h>
#include <jansson.h>

/* ---- one network by itself ---- */

bool network_serves(const struct network *n)
{
	return obj_has(n, "dhcp") || obj_has(n, "dns") || obj_has(n, "tftp") ||
	       network_ra(n) != RA_NONE;
}

const struct cidr *network_of(const struct network *n, const struct ip *ip)
{
	for (size_t i = 0; i < n->addresses.n; i++) {
		const struct cidr *c = &LIST_AT(&n->addresses, struct cidr, i);

		if (c->ip.family == ip->family && cidr_contains(c, ip))
			return c;
	}
	return NULL;
}

const char *ip_text(struct arena *a, const struct ip *ip)
{
	_cleanup_strbuf_ struct strbuf b = { 0 };

	ip_format(ip, &b);
	return arena_strdup(a, sb_str(&b));
}

/* Its network's address if a guest could have it, else NULL after saying why not. */
static const struct cidr *check_address(
	const struct network *n, const struct ip *ip, struct mark m, struct diags *d)
{
	const struct cidr *c = network_of(n, ip);
	const char *text = ip_text(d->arena, ip);
	uint32_t a, host, all;

	if (ip->family != AF_INET) {
		diag_error(d, m, "IPv6 has keys of its own: range6, and address6 for a host",
			"%s is no IPv4 address", text);
		return NULL;
	}
	if (!c) {
		diag_error(d, m, "take one of the network's addresses",
			"%s is not in the network %s", text, n->obj.name);
		return NULL;
	}
	/* An address that is no good has been told of. */
	if (c->ip.family != AF_INET || c->prefix < 1 || c->prefix > 30)
		return NULL;
	a = ntohl(ip->v4.s_addr);
	all = UINT32_MAX >> c->prefix;
	host = a & all;
	if (host != 0 && host != all)
		return c;
	diag_error(d, m, "take one between the two", "%s is the %s address of the network %s", text,
		host ? "broadcast" : "first", n->obj.name);
	return NULL;
}

static const struct ip *own_address(const struct network *n, uint32_t first, uint32_t last)
{
	for (size_t i = 0; i < n->addresses.n; i++) {
		const struct ip *own = &LIST_AT(&n->addresses, struct cidr, i).ip;

		if (own->family == AF_INET && ntohl(own->v4.s_addr) >= first &&
			ntohl(own->v4.s_addr) <= last)
			return own;
	}
	return NULL;
}

static const struct cidr *check_ends(const struct network *n, struct diags *d)
{
	const struct list *range = &n->dhcp.range;
	const struct ip *first = &LIST_AT(range, struct ip, 0),
			*last = &LIST_AT(range, struct ip, 1), *own;
	struct mark m = obj_mark_item(&n->dhcp, "range", 1);
	const struct cidr *a, *b;

	a = check_address(n, first, obj_mark_item(&n->dhcp, "range", 0), d);
	b = check_address(n, last, m, d);
	if (!a || !b)
		return NULL;
	if (a != b)
		diag_error(d, m, "end it in the network in which it begins",
			"the range begins in one network and ends in another");
	else if (ntohl(first->v4.s_addr) > ntohl(last->v4.s_addr))
		diag_error(
			d, m, "put the smaller address first", "the range ends before it begins");
	else if ((own = own_address(n, ntohl(first->v4.s_addr), ntohl(last->v4.s_addr))))
		diag_error(d, obj_mark(&n->dhcp, "range"),
			"begin the range after it, or end it before it",
			"the range contains %s, the host's own address", ip_text(d->arena, own));
	return a == b ? a : NULL;
}

static void check_hosts(const struct network *n, const struct cidr *net, struct diags *d)
{
	_cleanup_strmap_ struct strmap seen = { 0 };

	for (size_t i = 0; i < n->dhcp.hosts.n; i++) {
		struct network_host *h = &LIST_AT(&n->dhcp.hosts, struct network_host, i), *first;
		struct mark m = obj_mark(h, "address");
		const char *text = ip_text(d->arena, &h->address);
		const struct cidr *c =
			obj_has(h, "address") ? check_address(n, &h->address, m, d) : NULL;

		if (!c)
			continue;
		first = strmap_get(&seen, text);
		if (!net)
			diag_error(d, m, "add dhcp.range: [FIRST, LAST]",
				"%s: fixed IPv4 addresses are given by DHCP", n->obj.name);
		else if (c != net)
			diag_error(d, m, "take one of the network that the range is in",
				"%s is not in the network of the range", text);
		else if (c->ip.v4.s_addr == h->address.v4.s_addr)
			diag_error(d, m, "take another one", "%s is the host's own address", text);
		else if (first)
			diag_relate(diag_error(d, m, "give one of the two another one",
					    "%s is the address of %s and of %s", text,
					    first->obj.name, h->obj.name),
				obj_mark(first, "address"), "first used here");
		else
			strmap_put(&seen, text, h);
	}
}

void network_check_service(const struct network *n, struct diags *d)
{
	const struct cidr *net;

	if (!network_serves(n))
		return;
	if (!n->addresses.n) {
		diag_error(d, obj_mark(n, "addresses"), "write addresses: [192.168.122.1/24]",
			"%s: the host needs an address in a network to serve it", n->obj.name);
		return;
	}
	if (!dnsmasq_plain(n->bridge, "._-@+"))
		diag_error(d, obj_mark(n, "bridge"), "use letters, digits and ._-@+",
			"dnsmasq cannot serve an interface named `%s`",
			text_shown(d->arena, n->bridge));
	if (obj_has(n, "tftp") && n->tftp.boot_file && !(obj_has(n, "dhcp") && n->dhcp.range.n))
		diag_error(d, obj_mark(&n->tftp, "boot_file"), "add dhcp: {range: [FIRST, LAST]}",
			"%s: guests are told of a boot file by DHCP", n->obj.name);
	if (!obj_has(n, "dhcp"))
		return;
	net = n->dhcp.range.n == 2 ? check_ends(n, d) : NULL;
	if (net || !n->dhcp.range.n)
		check_hosts(n, net, d);
}

/* ---- guests on networks ---- */

const json_t *guest_interfaces(struct arena *a, const struct resource *guest, json_t **hold)
{
	const char *text = obj_text(guest->want, "interfaces", a);

	*hold = text ? json_loads(text, 0, NULL) : NULL;
	return *hold;
}

static bool is_on(struct arena *a, const struct resource *guest, const char *network)
{
	json_t *hold, *nic;
	bool found = false;
	size_t i;

	guest_interfaces(a, guest, &hold);
	json_array_foreach (hold, i, nic) {
		const char *on = json_string_value(json_object_get(nic, "network"));

		found |= on && streq(on, network);
	}
	json_decref(hold);
	return found;
}

static const char *near_guest(const struct wants *w, const char *name, struct arena *a)
{
	const char **names = arena_alloc(a, (w->n + 1) * sizeof(*names)), *best;
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		if (streq(w->v[i]->kind->name, "guest"))
			names[n++] = w->v[i]->name;
	best = suggest(name, names, n);
	return best ? arena_printf(a, "did you mean `%s`?", best)
		    : "declare it under guests, or take the line out";
}

void network_check_hosts(const struct network *n, const struct wants *w, struct diags *d)
{
	for (size_t i = 0; obj_has(n, "dhcp") && i < n->dhcp.hosts.n; i++) {
		const struct network_host *h = &LIST_AT(&n->dhcp.hosts, struct network_host, i);
		const struct resource *guest = wants_find(w, "guest", h->obj.name);
		struct mark m = obj_mark_key(&n->dhcp, "hosts");
		const struct node *hosts = node_get(n->dhcp.obj.node, "hosts");
		const struct pair *p = hosts ? node_find(hosts, h->obj.name) : NULL;

		m = p ? p->key->mark : m;
		if (!guest &&
			!strmap_get(&w->invalid, arena_printf(d->arena, "guest/%s", h->obj.name)))
			diag_error(d, m, near_guest(w, h->obj.name, d->arena),
				"there is no guest `%s` in this document", h->obj.name);
		else if (guest && !is_on(d->arena, guest, n->obj.name))
			diag_error(d, m,
				arena_printf(d->arena, "add {network: %s} to its interfaces",
					n->obj.name),
				"the guest `%s` has no interface on the network `%s`", h->obj.name,
				n->obj.name);
	}
}

/* ---- rules ---- */

static void admit(const struct resource *r, struct wants *w, const char *table, uint8_t protocol,
	uint16_t port)
{
	const struct network *n = r->want;

	firewall_add(w, r, table,
		(struct fw_rule){ .chain = FW_INPUT,
			.in = n->bridge,
			.protocol = protocol,
			.dport = { port, port },
			.target = FW_ACCEPT });
}

static void admit_names(const struct resource *r, struct wants *w, const char *table)
{
	const struct network *n = r->want;

	admit(r, w, table, IPPROTO_UDP, 53);
	admit(r, w, table, IPPROTO_TCP, 53);
	if (obj_has(n, "tftp"))
		admit(r, w, table, IPPROTO_UDP, 69);
}

/*
 * A host whose own firewall refuses what it does not know would refuse its
 * guests' questions. Old DHCP clients drop packets whose checksum offloading
 * left open.
 */
void network_derive_service(const struct resource *r, struct wants *w)
{
	const struct network *n = r->want;
	const struct fw_rule reply = {
		.out = n->bridge, .protocol = IPPROTO_UDP, .dport = { 68, 68 }
	};
	struct fw_rule rule = reply;

	if (network_has(n, AF_INET))
		admit_names(r, w, "ip-filter");
	if (network_has(n, AF_INET6))
		admit_names(r, w, "ip6-filter");
	if (obj_has(n, "dhcp") && n->dhcp.range6.n)
		admit(r, w, "ip6-filter", IPPROTO_UDP, 547);
	if (obj_has(n, "dhcp") && n->dhcp.range.n) {
		admit(r, w, "ip-filter", IPPROTO_UDP, 67);
		rule.chain = FW_OUTPUT;
		rule.target = FW_ACCEPT;
		firewall_add(w, r, "ip-filter", rule);
		rule.chain = FW_POSTROUTING;
		rule.target = FW_CHECKSUM_FILL;
		firewall_add(w, r, "ip-mangle", rule);
	}
	dnsmasq_derive(r, w);
}
