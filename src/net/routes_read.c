/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which routes lead through a link. */
#include "net/route_message.h"

static bool leads_through(const struct nlmsghdr *m, int index)
{
	struct nlattr *multipath = route_attr(m, RTA_MULTIPATH);

	if (!multipath)
		return (int)route_number(m, RTA_OIF) == index;
	for (const struct rtnexthop *hop = route_hop(multipath, NULL); hop;
		hop = route_hop(multipath, hop))
		if (hop->rtnh_ifindex == index)
			return true;
	return false;
}

struct reader {
	struct arena *arena;
	int index;
	struct route *v;
	size_t n;
	/* Routes that name a nexthop object: one that leads through the link, and one of which the
	 * kernel does not say by which it leads. */
	const char *by_object, *unknown;
};

static void keep(struct reader *rd, const struct nlmsghdr *m)
{
	struct route r;

	if (!route_read(rd->arena, netlink_keep(rd->arena, m), &r))
		return;
	if (route_attr(m, RTA_NH_ID))
		rd->by_object = r.text;
	*ARENA_PUSH(rd->arena, rd->v, rd->n) = r;
}

/*
 * systemd-networkd, from 257 on, makes an object for each router that it hears of, for that one
 * route, and removes it when it leaves the link alone. The kernel shows what is in it, too.
 */
static bool of_routers_object(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);

	return route_attr(m, RTA_NH_ID) && head->rtm_family == AF_INET6 &&
	       head->rtm_protocol == RTPROT_RA && !route_attr(m, RTA_MULTIPATH);
}

static void put_way(struct nl_msg *m, const struct rtnexthop *hop)
{
	struct nlattr *at;
	int left;

	/* A weight only a way among others can have. */
	if (hop->rtnh_hops) {
		netlink_put(m, RTA_MULTIPATH, hop, hop->rtnh_len);
		return;
	}
	nla_for_each_attr(at, (struct nlattr *)(uintptr_t)(hop + 1),
		(int)(hop->rtnh_len - sizeof(*hop)), left)
		netlink_put(m, nla_type(at), nla_data(at), (size_t)nla_len(at));
	netlink_put_u32(m, RTA_OIF, (uint32_t)hop->rtnh_ifindex);
	((struct rtmsg *)nlmsg_data(nlmsg_hdr(m)))->rtm_flags |= hop->rtnh_flags & RTNH_F_ONLINK;
}

/* IPv6 keeps every way as a route of its own and only shows equal ones together. */
static void keep_way(struct reader *rd, const struct nlmsghdr *m, const struct rtnexthop *hop)
{
	struct nl_msg *one = route_copy_without(m, RTA_MULTIPATH);

	put_way(one, hop);
	keep(rd, nlmsg_hdr(one));
	nlmsg_free(one);
}

static void add(const struct nlmsghdr *m, void *arg)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *multipath;
	struct nl_msg *plain;
	struct reader *rd = arg;

	if (!route_counts(m))
		return;
	/* net.ipv4.nexthop_compat_mode=0 */
	if (route_attr(m, RTA_NH_ID) && !route_attr(m, RTA_OIF) && !route_attr(m, RTA_MULTIPATH))
		rd->unknown = route_words(rd->arena, m);
	if (!leads_through(m, rd->index))
		return;
	if (of_routers_object(m)) {
		plain = route_copy_without(m, RTA_NH_ID);
		keep(rd, nlmsg_hdr(plain));
		nlmsg_free(plain);
		return;
	}
	multipath = head->rtm_family == AF_INET6 ? route_attr(m, RTA_MULTIPATH) : NULL;
	if (!multipath)
		return keep(rd, m);
	for (const struct rtnexthop *hop = route_hop(multipath, NULL); hop;
		hop = route_hop(multipath, hop))
		if (hop->rtnh_ifindex == rd->index)
			keep_way(rd, m, hop);
}

static int read_family(struct nl *nl, struct reader *rd, int family, struct error *e)
{
	struct rtmsg head = { .rtm_family = (uint8_t)family };

	return netlink_dump_whole(nl, netlink_request(RTM_GETROUTE, 0, &head, sizeof(head)), add,
		rd, &rd->n, "routes", e);
}

static int refuse_objects(const struct reader *rd, struct error *e)
{
	const char *text = rd->by_object ? rd->by_object : rd->unknown;

	if (!text)
		return 0;
	error_set(e, -EOPNOTSUPP,
		"the route %s is made of a nexthop object (ip nexthop), which kvmhost does not "
		"move",
		text);
	return error_cure(e, rd->by_object ? "write the route with `via` and `dev` instead"
					   : "the kernel does not say by which link it leads: "
					     "sysctl net.ipv4.nexthop_compat_mode=1");
}

int routes_read(
	struct nl *nl, struct arena *a, int index, struct route **v, size_t *n, struct error *e)
{
	struct reader rd = { .arena = a, .index = index };
	int r = read_family(nl, &rd, AF_INET, e);

	if (r >= 0)
		r = read_family(nl, &rd, AF_INET6, e);
	if (r >= 0)
		r = refuse_objects(&rd, e);
	if (r < 0)
		return r;
	*v = rd.v;
	*n = rd.n;
	return 0;
}
