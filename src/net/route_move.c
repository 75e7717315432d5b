/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A route as the kernel is to have it by another link. */
#include "net/route_message.h"

/* The same ways, with one link in place of another and without what is only their state. */
static void put_multipath(struct nl_msg *m, struct nlattr *at, int from, int to)
{
	_cleanup_free_ char *copy = xmalloc((size_t)nla_len(at));
	struct rtnexthop *hop;

	memcpy(copy, nla_data(at), (size_t)nla_len(at));
	for (const struct rtnexthop *h = route_hop(at, NULL); h; h = route_hop(at, h)) {
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
	uint32_t left = route_left(r->message);
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
	/* By another link it may speak from another address. */
	struct nl_msg *plain = from != to ? route_copy_without(r->message, RTA_PREFSRC) : NULL;
	const struct route any = { .dynamic = r->dynamic,
		.message = plain ? nlmsg_hdr(plain) : r->message };
	struct nl_msg *m = request(&any, RTM_DELROUTE, 0, from, to, from != to && announced(r));

	nlmsg_free(plain);
	return m;
}

struct nl_msg *route_copy_without(const struct nlmsghdr *m, int type)
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

struct route route_without_source(struct arena *a, const struct route *r)
{
	struct nl_msg *m = route_copy_without(r->message, RTA_PREFSRC);
	struct route out = *r;

	out.message = netlink_keep(a, nlmsg_hdr(m));
	nlmsg_free(m);
	return out;
}
