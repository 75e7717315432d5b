/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/route.h"
#include "base/strbuf.h"
#include <arpa/inet.h>
#include <linux/rtnetlink.h>

/* rta_expires counts in hundredths of a second (USER_HZ). */
#define TICKS_PER_SEC 100

static struct nlattr *attr(const struct nlmsghdr *m, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(struct rtmsg), type);
}

static uint32_t number(const struct nlmsghdr *m, int type)
{
	struct nlattr *at = attr(m, type);

	return at && nla_len(at) >= 4 ? nla_get_u32(at) : 0;
}

static void add_ip(struct strbuf *out, int family, struct nlattr *at)
{
	char text[INET6_ADDRSTRLEN];

	if (at && inet_ntop(family, nla_data(at), text, sizeof(text)))
		sb_add(out, text);
}

uint32_t route_table(const struct route *r)
{
	const struct rtmsg *head = nlmsg_data(r->message);
	uint32_t table = number(r->message, RTA_TABLE);

	return table ? table : head->rtm_table;
}

static const struct rtnexthop *hop_next(struct nlattr *multipath, const struct rtnexthop *hop)
{
	const char *end = (char *)nla_data(multipath) + nla_len(multipath);
	const char *at = hop ? (const char *)hop + RTNH_ALIGN(hop->rtnh_len) : nla_data(multipath);

	hop = (const void *)at;
	if (end - at < (long)sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
		end - at < hop->rtnh_len)
		return NULL;
	return hop;
}

static void add_ways(struct strbuf *out, const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *ways = attr(m, RTA_MULTIPATH);

	if (attr(m, RTA_GATEWAY)) {
		sb_add(out, " via ");
		add_ip(out, head->rtm_family, attr(m, RTA_GATEWAY));
	}
	for (const struct rtnexthop *hop = ways ? hop_next(ways, NULL) : NULL; hop;
		hop = hop_next(ways, hop)) {
		sb_add(out, " via ");
		add_ip(out, head->rtm_family,
			nla_find((void *)(uintptr_t)(hop + 1), (int)(hop->rtnh_len - sizeof(*hop)),
				RTA_GATEWAY));
	}
}

static const char *describe(struct arena *a, const struct nlmsghdr *m)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const struct rtmsg *head = nlmsg_data(m);
	uint32_t table = number(m, RTA_TABLE);

	if (attr(m, RTA_DST)) {
		add_ip(&out, head->rtm_family, attr(m, RTA_DST));
		sb_addf(&out, "/%u", head->rtm_dst_len);
	} else {
		sb_add(&out, "default");
	}
	add_ways(&out, m);
	if (table && table != RT_TABLE_MAIN)
		sb_addf(&out, " table %u", table);
	if (number(m, RTA_PRIORITY))
		sb_addf(&out, " metric %u", number(m, RTA_PRIORITY));
	return arena_strdup(a, sb_str(&out));
}

static uint32_t expires(const struct nlmsghdr *m)
{
	struct rta_cacheinfo times = { 0 };
	struct nlattr *at = attr(m, RTA_CACHEINFO);

	if (at && nla_len(at) >= (int)sizeof(times))
		memcpy(&times, nla_data(at), sizeof(times));
	return times.rta_expires > 0 ? (uint32_t)times.rta_expires / TICKS_PER_SEC + 1 : 0;
}

static bool leads_through(const struct nlmsghdr *m, int index)
{
	struct nlattr *multipath = attr(m, RTA_MULTIPATH);

	if (!multipath)
		return (int)number(m, RTA_OIF) == index;
	for (const struct rtnexthop *hop = hop_next(multipath, NULL); hop;
		hop = hop_next(multipath, hop))
		if (hop->rtnh_ifindex == index)
			return true;
	return false;
}

/* fe80::/10 and ff00::/8: every link has its own. */
static bool own_of_link(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *dst = attr(m, RTA_DST);
	const uint8_t *b = dst ? nla_data(dst) : NULL;

	if (head->rtm_family != AF_INET6 || !b || nla_len(dst) != 16)
		return false;
	return head->rtm_protocol == RTPROT_KERNEL &&
	       (b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80));
}

/* Somebody's `local`, `multicast` and the like: the kernel makes its own with each address. */
static bool set_up(const struct rtmsg *head)
{
	return head->rtm_protocol != RTPROT_KERNEL &&
	       (head->rtm_type == RTN_LOCAL || head->rtm_type == RTN_BROADCAST ||
		       head->rtm_type == RTN_ANYCAST || head->rtm_type == RTN_MULTICAST);
}

bool route_counts(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);

	return m->nlmsg_type == RTM_NEWROUTE && nlmsg_datalen(m) >= (int)sizeof(*head) &&
	       (head->rtm_type == RTN_UNICAST || set_up(head)) &&
	       !(head->rtm_flags & RTM_F_CLONED) && !own_of_link(m);
}

bool route_read(struct arena *a, const struct nlmsghdr *m, struct route *out)
{
	const struct rtmsg *head = nlmsg_data(m);

	if (m->nlmsg_type != RTM_NEWROUTE || nlmsg_datalen(m) < (int)sizeof(*head))
		return false;
	*out = (struct route){
		.message = m,
		.dynamic = expires(m) > 0,
		.via = attr(m, RTA_GATEWAY) || attr(m, RTA_VIA) || attr(m, RTA_MULTIPATH),
		.kernel = head->rtm_protocol == RTPROT_KERNEL,
		.text = describe(a, m),
	};
	return true;
}

struct reader {
	struct arena *arena;
	int index;
	struct route *v;
	size_t n;
	const char *by_object; /* a route that names a nexthop object */
	bool blind; /* ... and the kernel does not say where that leads */
};

static void keep(struct reader *rd, const struct nlmsghdr *m)
{
	struct route r;

	if (!route_read(rd->arena, netlink_keep(rd->arena, m), &r))
		return;
	if (attr(m, RTA_NH_ID))
		rd->by_object = r.text;
	*ARENA_PUSH(rd->arena, rd->v, rd->n) = r;
}

static struct nl_msg *copy_without(const struct nlmsghdr *m, int type)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nl_msg *copy = netlink_request(RTM_NEWROUTE, 0, head, sizeof(*head));
	struct nlattr *at;
	int left;

	nlmsg_for_each_attr(
		at, (struct nlmsghdr *)(uintptr_t)m, sizeof(*head), left) if (nla_type(at) != type)
		netlink_put(copy, nla_type(at), nla_data(at), (size_t)nla_len(at));
	return copy;
}

/*
 * systemd-networkd, from 257 on, makes an object for each router that it hears of, for that one
 * route, and removes it when it leaves the link alone. The kernel shows what is in it, too.
 */
static bool of_routers_object(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);

	return attr(m, RTA_NH_ID) && head->rtm_family == AF_INET6 &&
	       head->rtm_protocol == RTPROT_RA && !attr(m, RTA_MULTIPATH);
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
	struct nl_msg *one = copy_without(m, RTA_MULTIPATH);

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
	if (attr(m, RTA_NH_ID) && !attr(m, RTA_OIF) && !attr(m, RTA_MULTIPATH)) {
		rd->by_object = describe(rd->arena, m);
		rd->blind = true;
	}
	if (!leads_through(m, rd->index))
		return;
	if (of_routers_object(m)) {
		plain = copy_without(m, RTA_NH_ID);
		keep(rd, nlmsg_hdr(plain));
		nlmsg_free(plain);
		return;
	}
	multipath = head->rtm_family == AF_INET6 ? attr(m, RTA_MULTIPATH) : NULL;
	if (!multipath)
		return keep(rd, m);
	for (const struct rtnexthop *hop = hop_next(multipath, NULL); hop;
		hop = hop_next(multipath, hop))
		if (hop->rtnh_ifindex == rd->index)
			keep_way(rd, m, hop);
}

static int read_family(struct nl *nl, struct reader *rd, int family, struct error *e)
{
	struct rtmsg head = { .rtm_family = (uint8_t)family };

	return netlink_dump_whole(nl, netlink_request(RTM_GETROUTE, 0, &head, sizeof(head)), add,
		rd, &rd->n, "routes", e);
}

int routes_read(
	struct nl *nl, struct arena *a, int index, struct route **v, size_t *n, struct error *e)
{
	struct reader rd = { .arena = a, .index = index };
	int r = read_family(nl, &rd, AF_INET, e);

	if (r >= 0)
		r = read_family(nl, &rd, AF_INET6, e);
	if (r < 0)
		return r;
	if (rd.by_object) {
		error_set(e, -EOPNOTSUPP,
			"the route %s is made of a nexthop object (ip nexthop), "
			"which kvmhost does not move",
			rd.by_object);
		return error_cure(e, rd.blind ? "the kernel does not say by which link it leads: "
						"sysctl net.ipv4.nexthop_compat_mode=1"
					      : "write the route with `via` and `dev` instead");
	}
	*v = rd.v;
	*n = rd.n;
	return 0;
}

/* The same ways, with one link in place of another and without what is only their state. */
static void put_multipath(struct nl_msg *m, struct nlattr *at, int from, int to)
{
	_cleanup_free_ char *copy = xmalloc((size_t)nla_len(at));
	struct rtnexthop *hop;

	memcpy(copy, nla_data(at), (size_t)nla_len(at));
	for (const struct rtnexthop *h = hop_next(at, NULL); h; h = hop_next(at, h)) {
		hop = (void *)(copy + ((const char *)h - (const char *)nla_data(at)));
		if (hop->rtnh_ifindex == from)
			hop->rtnh_ifindex = to;
		hop->rtnh_flags &= RTNH_F_ONLINK;
	}
	netlink_put(m, RTA_MULTIPATH, copy, (size_t)nla_len(at));
}

/*
 * A way out that the kernel has from a router's advertisement. Where it is moved it stands behind
 * the one that the kernel makes there: beside an equal one the kernel could not make its own, and
 * would leave the rest of each advertisement unread, so that addresses came to their end.
 */
static bool announced(const struct route *r)
{
	const struct rtmsg *head = nlmsg_data(r->message);

	return head->rtm_family == AF_INET6 && head->rtm_protocol == RTPROT_RA &&
	       !head->rtm_dst_len && r->dynamic;
}

static struct nl_msg *request(
	const struct route *r, int type, int flags, int from, int to, bool behind)
{
	struct rtmsg head = *(struct rtmsg *)nlmsg_data(r->message);
	struct nl_msg *m;
	struct nlattr *at;
	int left;

	head.rtm_flags &= RTNH_F_ONLINK;
	m = netlink_request(type, flags, &head, sizeof(head));
	nlmsg_for_each_attr(at, (struct nlmsghdr *)(uintptr_t)r->message, sizeof(head), left)
	{
		int t = nla_type(at);

		if (t == RTA_OIF)
			netlink_put_u32(m, RTA_OIF, (uint32_t)to);
		else if (t == RTA_MULTIPATH)
			put_multipath(m, at, from, to);
		else if (t == RTA_PRIORITY && behind)
			netlink_put_u32(m, RTA_PRIORITY, nla_get_u32(at) + 1);
		else if (t != RTA_CACHEINFO)
			netlink_put(m, t, nla_data(at), (size_t)nla_len(at));
	}
	return m;
}

struct nl_msg *route_add(const struct route *r, int from, int to, uint32_t age)
{
	const struct rtmsg *head = nlmsg_data(r->message);
	uint32_t left = expires(r->message);
	/* IPv4: behind an equal one that leads elsewhere. IPv6 knows no such order. */
	int flags = NLM_F_CREATE | (head->rtm_family == AF_INET ? NLM_F_APPEND : 0);
	struct nl_msg *m;

	if (left && left <= age)
		return NULL;
	m = request(r, RTM_NEWROUTE, flags, from, to, announced(r));
	if (left && head->rtm_family == AF_INET6)
		netlink_put_u32(m, RTA_EXPIRES, left - age);
	return m;
}

struct nl_msg *route_delete(const struct route *r, int from, int to)
{
	return request(r, RTM_DELROUTE, 0, from, to, from != to && announced(r));
}
