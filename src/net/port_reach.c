/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the gateways of a port's routes are reached in a bridge that has other addresses than the
 * port: the kernel would refuse the routes in the middle of the takeover.
 */
#include "base/strbuf.h"
#include "net/port.h"
#include "net/ported.h"
#include "net/route_message.h"
#include "reconcile/record.h"
#include <netlink/msg.h>

struct reach {
	struct host *h;
	const struct resource *r;
	const struct ported *want;
	const struct route *routes;
	size_t n;
	int index; /* by which they lead: the port's, or what it was as they were taken */
	const struct cidr *kept; /* that the bridge has and keeps beside those of the document */
	size_t n_kept;
};

static bool is_link_local(const struct ip *ip)
{
	return ip->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&ip->v6);
}

/* A route without a gateway that goes along: what the kernel made for an address does not. */
static bool lead_to(const struct route *v, size_t n, const struct ip *ip)
{
	for (size_t i = 0; i < n; i++) {
		const struct rtmsg *head = nlmsg_data(v[i].message);
		struct cidr to = { .ip.family = head->rtm_family, .prefix = head->rtm_dst_len };

		if (v[i].via || v[i].kernel || head->rtm_family != ip->family)
			continue;
		route_ip(&v[i], RTA_DST, &to.ip);
		if (cidr_contains(&to, ip))
			return true;
	}
	return false;
}

static bool reaches(const struct reach *x, const struct ip *ip)
{
	for (size_t i = 0; i < x->want->addressing.n; i++)
		if (cidr_contains(&LIST_AT(&x->want->addressing, struct cidr, i), ip))
			return true;
	for (size_t i = 0; i < x->n_kept; i++)
		if (cidr_contains(&x->kept[i], ip))
			return true;
	return lead_to(x->routes, x->n, ip);
}

/* What the other ports bring leads there. */
static bool others_reach(
	const struct reach *x, const struct links *ls, struct nl *nl, const struct ip *ip)
{
	struct error unreadable = { 0 };
	bool found = false;

	for (size_t i = 0; !found && i < x->want->ports.n; i++) {
		const char *name = LIST_AT(&x->want->ports, const char *, i);
		const struct link *l = links_name(ls, name);
		struct taken taken = { 0 };
		struct route *live = NULL;
		size_t n = 0;

		if (taken_read(x->h, x->r->id, name, &taken))
			found = lead_to(taken.routes, taken.n_routes, ip);
		if (!found && l &&
			routes_read(nl, x->h->pass, l->index, &live, &n, &unreadable) >= 0)
			found = lead_to(live, n, ip);
	}
	error_clear(&unreadable);
	return found;
}

static int refuse(
	const struct reach *x, const struct route *r, const struct ip *ip, struct error *e)
{
	_cleanup_strbuf_ struct strbuf text = { 0 };

	ip_format(ip, &text);
	error_set(e, -ENETUNREACH,
		"the route %s cannot go along: of the addresses of %s none reaches %s", r->text,
		x->r->name, sb_str(&text));
	return error_cure(e, "list one that does, write addressing: inherit, or delete the route");
}

static bool out_of_reach(const struct reach *x, const struct links *ls, struct nl *nl,
	unsigned int flags, const struct ip *ip)
{
	return !(flags & RTNH_F_ONLINK) && !is_link_local(ip) && !reaches(x, ip) &&
	       !others_reach(x, ls, nl, ip);
}

/* IPv4's with several gateways: of those by the port. The kernel takes the route whole or not. */
static bool missed_hop(const struct reach *x, const struct links *ls, struct nl *nl,
	const struct route *r, struct ip *ip)
{
	struct nlattr *ways = route_attr(r->message, RTA_MULTIPATH);

	for (const struct rtnexthop *hop = ways ? route_hop(ways, NULL) : NULL; hop;
		hop = route_hop(ways, hop))
		if (hop->rtnh_ifindex == x->index && route_hop_gateway(r, hop, ip) &&
			out_of_reach(x, ls, nl, hop->rtnh_flags, ip))
			return true;
	return false;
}

static int check(const struct reach *x, const struct links *ls, struct nl *nl, struct error *e)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct route *r = &x->routes[i];
		const struct rtmsg *head = nlmsg_data(r->message);
		struct ip ip;

		if ((route_ip(r, RTA_GATEWAY, &ip) &&
			    out_of_reach(x, ls, nl, head->rtm_flags, &ip)) ||
			missed_hop(x, ls, nl, r, &ip))
			return refuse(x, r, &ip, e);
	}
	return 0;
}

static bool listed(const struct ported *want, const struct cidr *c)
{
	for (size_t i = 0; i < want->addressing.n; i++)
		if (address_equal(&LIST_AT(&want->addressing, struct cidr, i), c))
			return true;
	return false;
}

/*
 * Of a bridge that was there before us others' addresses stay; of ours only those that have an end.
 * Returns whether the bridge has all that is listed and loses nothing: its routes are left as they
 * are then.
 */
static bool find_kept(
	struct reach *x, const struct link *bridge, const struct address *all, size_t n)
{
	bool made = x->h->record && record_made(x->h, x->r->id);
	const struct address *a = NULL;
	struct cidr *v = NULL;
	size_t there = 0, gone = 0;

	while ((a = address_next(all, n, bridge->index, a))) {
		if (listed(x->want, &a->cidr))
			there++;
		else if (!a->dynamic && (made || given_has(x->h, x->r->id, &a->cidr)))
			gone++;
		else
			*ARENA_PUSH(x->h->pass, v, x->n_kept) = a->cidr;
	}
	x->kept = v;
	return there == x->want->addressing.n && !gone;
}

int port_reach(struct host *h, const struct resource *r, const struct links *ls,
	const struct link *bridge, const struct link *port, struct error *e)
{
	struct reach x = { .h = h, .r = r, .want = r->want };
	bool in = bridge && port->master == bridge->index, settled = false;
	const struct address *all;
	struct route *live = NULL;
	struct taken taken;
	struct nl *nl;
	size_t n;
	int ret;

	/* An undo leads to what has been. */
	if (addressing_of(x.want) != ADDRESSING_LIST || !r->mark.source)
		return 0;
	ret = addresses_get(h, &all, &n, e);
	if (ret >= 0 && bridge)
		settled = find_kept(&x, bridge, all, n);
	if (ret >= 0)
		ret = netlink_get(h, &nl, e);
	if (ret < 0 || (in && settled))
		return ret < 0 ? ret : 0;
	if (in) {
		/* What it had is on the bridge, and would be put there again. */
		if (!taken_read(h, r->id, port->name, &taken))
			return 0;
		x.routes = taken.routes;
		x.n = taken.n_routes;
		x.index = taken.index;
	} else {
		ret = routes_read(nl, h->pass, port->index, &live, &x.n, e);
		if (ret < 0)
			return ret;
		x.routes = live;
		x.index = port->index;
	}
	return check(&x, ls, nl, e);
}
