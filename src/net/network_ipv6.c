/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What networks have of IPv6 besides addresses: announcements, DHCPv6, and what is wrong with them.
 */
#include "net/dnsmasq.h"
#include "net/network.h"

bool network_has(const struct network *n, int family)
{
	for (size_t i = 0; i < n->addresses.n; i++)
		if (LIST_AT(&n->addresses, struct cidr, i).ip.family == family)
			return true;
	return false;
}

enum network_ra network_ra(const struct network *n)
{
	if (obj_has(n, "ra"))
		return (enum network_ra)n->ra;
	if (obj_has(n, "dhcp") && n->dhcp.range6.n)
		return RA_DHCP;
	for (size_t i = 0; i < n->addresses.n; i++) {
		const struct cidr *c = &LIST_AT(&n->addresses, struct cidr, i);

		if (c->ip.family == AF_INET6 && c->prefix == 64)
			return RA_SLAAC;
	}
	return RA_NONE;
}

/* ---- checks ---- */

static bool has_64(const struct network *n)
{
	for (size_t i = 0; i < n->addresses.n; i++) {
		const struct cidr *c = &LIST_AT(&n->addresses, struct cidr, i);

		if (c->ip.family == AF_INET6 && c->prefix == 64)
			return true;
	}
	return false;
}

static bool inside(const struct ip *ip, const struct ip *first, const struct ip *last)
{
	return memcmp(ip->b, first->b, 16) >= 0 && memcmp(ip->b, last->b, 16) <= 0;
}

static void check_range6(const struct network *n, struct diags *d)
{
	const struct list *range = &n->dhcp.range6;
	const struct ip *first = &LIST_AT(range, struct ip, 0), *last = first + 1;
	const struct cidr *a = network_of(n, first), *b = network_of(n, last);

	for (size_t i = 0; i < 2; i++)
		if (!network_of(n, first + i) || first[i].family != AF_INET6) {
			diag_error(d, obj_mark_item(&n->dhcp, "range6", i),
				"take one of the network's IPv6 addresses",
				"%s is no IPv6 address in the network %s",
				ip_text(d->arena, first + i), n->obj.name);
			return;
		}
	if (a != b)
		diag_error(d, obj_mark_item(&n->dhcp, "range6", 1),
			"end it in the network in which it begins",
			"the range begins in one network and ends in another");
	else if (memcmp(first->b, last->b, 16) > 0)
		diag_error(d, obj_mark_item(&n->dhcp, "range6", 1), "put the smaller address first",
			"the range ends before it begins");
	else if (inside(&a->ip, first, last))
		diag_error(d, obj_mark(&n->dhcp, "range6"),
			"begin the range after it, or end it before it",
			"the range contains %s, the host's own address", ip_text(d->arena, &a->ip));
}

static void check_host6(
	const struct network *n, struct network_host *h, struct strmap *seen, struct diags *d)
{
	const struct cidr *c = network_of(n, &h->address6);
	const char *text = ip_text(d->arena, &h->address6);
	const struct network_host *first = strmap_get(seen, text);
	struct mark m = obj_mark(h, "address6");

	if (!c || c->ip.family != AF_INET6)
		diag_error(d, m, "take one of the network's IPv6 addresses",
			"%s is no IPv6 address in the network %s", text, n->obj.name);
	else if (!memcmp(c->ip.b, h->address6.b, 16))
		diag_error(d, m, "take another one", "%s is the host's own address", text);
	else if (first)
		diag_relate(diag_error(d, m, "give one of the two another one",
				    "%s is the address of %s and of %s", text, first->obj.name,
				    h->obj.name),
			obj_mark(first, "address6"), "first used here");
	else
		strmap_put(seen, text, h);
}

static void check_dhcp6(const struct network *n, struct diags *d)
{
	_cleanup_strmap_ struct strmap seen = { 0 };

	if (n->dhcp.range6.n == 2)
		check_range6(n, d);
	for (size_t i = 0; i < n->dhcp.hosts.n; i++) {
		struct network_host *h = &LIST_AT(&n->dhcp.hosts, struct network_host, i);

		if (!obj_has(h, "address6"))
			continue;
		if (!n->dhcp.range6.n)
			diag_error(d, obj_mark(h, "address6"), "add dhcp.range6: [FIRST, LAST]",
				"%s: fixed IPv6 addresses are given by DHCPv6", n->obj.name);
		else
			check_host6(n, h, &seen, d);
	}
}

static void refuse_ipv4_only(const struct network *n, const char *row, struct diags *d)
{
	diag_error(d, obj_mark(n, row), "add one to its addresses, such as \"fd00:122::1/64\"",
		"%s has no IPv6 address", n->obj.name);
}

void network_check_ipv6(const struct network *n, struct diags *d)
{
	if (!network_has(n, AF_INET6)) {
		if (obj_has(n, "ra") && n->ra != RA_NONE)
			refuse_ipv4_only(n, "ra", d);
		else if (n->nat66)
			refuse_ipv4_only(n, "nat66", d);
	} else if (network_ra(n) == RA_SLAAC && !has_64(n)) {
		diag_error(d, obj_mark(n, "ra"), "make it a /64, or write ra: dhcp",
			"%s: guests make their own addresses in a /64 only", n->obj.name);
	} else if (network_ra(n) == RA_DHCP && !(obj_has(n, "dhcp") && n->dhcp.range6.n)) {
		diag_error(d, obj_mark(n, "ra"), "add dhcp: {range6: [FIRST, LAST]}",
			"%s: there are no addresses to hand out", n->obj.name);
	}
	if (n->nat66 && n->mode != NETWORK_NAT)
		diag_error(d, obj_mark(n, "nat66"), "write mode: nat, or take the line out",
			"%s: nat66 is for networks in mode nat", n->obj.name);
	if (obj_has(n, "dhcp"))
		check_dhcp6(n, d);
}
