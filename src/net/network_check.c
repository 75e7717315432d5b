/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with networks, each by itself and against each other. */
#include "net/network.h"
#include <arpa/inet.h>

/* Is an address that a host can have: not 0/8, loopback, multicast or reserved. */
static bool unicast(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 127 && a >> 28 < 0xe;
}

static void check_ipv6(const struct cidr *c, struct mark m, struct diags *d)
{
	const struct cidr net = cidr_network(*c);
	const struct in6_addr *a = &c->ip.v6;

	if (c->prefix < 8 || c->prefix > 126)
		diag_error(d, m, "write a prefix of 8 to 126, such as /64",
			"%s: no network of guests has this size", cidr_text(d->arena, c));
	else if (IN6_IS_ADDR_MULTICAST(a) || IN6_IS_ADDR_LINKLOCAL(a) || IN6_IS_ADDR_V4MAPPED(a) ||
		 IN6_IS_ADDR_LOOPBACK(a) || IN6_IS_ADDR_UNSPECIFIED(a))
		diag_error(d, m, "take one from fd00::/8, or of a network of your own",
			"%s: a host cannot have this address", cidr_text(d->arena, c));
	else if (!memcmp(net.ip.b, c->ip.b, sizeof(c->ip.b)))
		diag_error(d, m, "write the host's own address in the network, such as the first",
			"%s is the address of every router of its network", cidr_text(d->arena, c));
}

static void check_address(const struct network *n, size_t i, struct diags *d)
{
	const struct cidr *c = &LIST_AT(&n->addresses, struct cidr, i);
	struct mark m = obj_mark_item(n, "addresses", i);
	uint32_t a, host;

	if (c->ip.family == AF_INET6) {
		check_ipv6(c, m, d);
		return;
	}
	a = ntohl(c->ip.v4.s_addr);
	if (c->prefix < 1 || c->prefix > 30) {
		diag_error(d, m, "write a prefix of 1 to 30, such as /24",
			"%s: a network of this size has no room for the host and a guest",
			cidr_text(d->arena, c));
		return;
	}
	host = a & (UINT32_MAX >> c->prefix);
	if (!unicast(a))
		diag_error(d, m, "take one from 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
			"%s: a host cannot have this address", cidr_text(d->arena, c));
	else if (host == 0 || host == UINT32_MAX >> c->prefix)
		diag_error(d, m, "write the host's own address in the network, such as the first",
			"%s is the %s address of its network", cidr_text(d->arena, c),
			host ? "broadcast" : "first");
}

void network_check_values(const void *obj, struct diags *d)
{
	const struct network *n = obj;

	if (!n->addresses.n && n->mode != NETWORK_ISOLATED)
		diag_error(d, obj_mark(n, "addresses"),
			"write addresses: [192.168.122.1/24], or mode: "
			"isolated",
			"%s: a network in mode %s needs an address", n->obj.name,
			n->mode == NETWORK_NAT ? "nat" : "routed");
	for (size_t i = 0; i < n->addresses.n; i++)
		check_address(n, i, d);
	network_check_ipv6(n, d);
	network_check_service(n, d);
	network_check_forwards(n, d);
}

/* One address of one network, to be sorted. */
struct claim {
	const struct network *owner;
	size_t item;
	struct cidr net;
};

/* By first address, larger networks first: an overlap is then between neighbours in the walk. */
static int by_start(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = x->net.ip.family - y->net.ip.family;

	if (!order)
		order = memcmp(x->net.ip.b, y->net.ip.b, x->net.ip.family == AF_INET ? 4 : 16);
	return order ? order : x->net.prefix - y->net.prefix;
}

static void report(const struct claim *a, const struct claim *b, struct diags *d)
{
	struct mark ma = obj_mark_item(a->owner, "addresses", a->item);
	struct mark mb = obj_mark_item(b->owner, "addresses", b->item);
	/* The one that comes later in the document is at fault. */
	bool swap = ma.source == mb.source &&
		    (ma.line > mb.line || (ma.line == mb.line && ma.column > mb.column));
	const struct claim *first = swap ? b : a, *later = swap ? a : b;

	diag_relate(diag_error(d, swap ? ma : mb, "give each network addresses of its own",
			    "%s of %s overlaps %s of %s",
			    cidr_text(d->arena,
				    &LIST_AT(&later->owner->addresses, struct cidr, later->item)),
			    later->owner->obj.name,
			    cidr_text(d->arena,
				    &LIST_AT(&first->owner->addresses, struct cidr, first->item)),
			    first->owner->obj.name),
		swap ? mb : ma, "first used here");
}

static void add_claims(const struct network *n, struct arena *a, struct claim **v, size_t *n_v)
{
	for (size_t i = 0; i < n->addresses.n; i++) {
		struct claim *c = ARENA_PUSH(a, *v, *n_v);

		c->owner = n;
		c->item = i;
		c->net = cidr_network(LIST_AT(&n->addresses, struct cidr, i));
	}
}

/* Networks nest or are apart, so the largest one still open is all that must be remembered. */
static void check_overlaps(struct claim *v, size_t n, struct diags *d)
{
	const struct claim *open = NULL;

	if (n)
		qsort(v, n, sizeof(*v), by_start);
	for (size_t i = 0; i < n; i++) {
		if (open && cidr_overlap(&open->net, &v[i].net))
			report(open, &v[i], d);
		else
			open = &v[i];
	}
}

/* Called for each network; the first one does it for all, so that the cost is one sort. */
void network_check(const struct resource *r, const struct wants *w, struct diags *d)
{
	struct claim *v = NULL;
	size_t i = 0, n = 0;

	while (i < w->n && w->v[i]->kind != &network_kind)
		i++;
	if (i == w->n || w->v[i] != r)
		return;
	for (; i < w->n; i++)
		if (w->v[i]->kind == &network_kind && w->v[i]->want) {
			add_claims(w->v[i]->want, d->arena, &v, &n);
			network_check_hosts(w->v[i]->want, w, d);
		}
	check_overlaps(v, n, d);
	network_check_ports(w, d);
}
