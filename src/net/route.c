/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel says of a route. */
#include "net/route.h"
#include "base/strbuf.h"
#include "net/route_message.h"
#include <arpa/inet.h>

/* rta_expires counts in hundredths of a second (USER_HZ). */
#define TICKS_PER_SEC 100

struct nlattr *route_attr(const struct nlmsghdr *m, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(struct rtmsg), type);
}

uint32_t route_number(const struct nlmsghdr *m, int type)
{
	struct nlattr *at = route_attr(m, type);

	return at && nla_len(at) >= 4 ? nla_get_u32(at) : 0;
}

const struct rtnexthop *route_hop(struct nlattr *multipath, const struct rtnexthop *hop)
{
	const char *end = (char *)nla_data(multipath) + nla_len(multipath);
	const char *at = hop ? (const char *)hop + RTNH_ALIGN(hop->rtnh_len) : nla_data(multipath);

	hop = (const void *)at;
	if (end - at < (long)sizeof(*hop) || hop->rtnh_len < sizeof(*hop) ||
		end - at < hop->rtnh_len)
		return NULL;
	return hop;
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
	uint32_t table = route_number(r->message, RTA_TABLE);

	return table ? table : head->rtm_table;
}

static struct nlattr *hop_attr(const struct rtnexthop *hop, int type)
{
	return nla_find((void *)(uintptr_t)(hop + 1), (int)(hop->rtnh_len - sizeof(*hop)), type);
}

static void add_ways(struct strbuf *out, const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *ways = route_attr(m, RTA_MULTIPATH);

	if (route_attr(m, RTA_GATEWAY)) {
		sb_add(out, " via ");
		add_ip(out, head->rtm_family, route_attr(m, RTA_GATEWAY));
	}
	for (const struct rtnexthop *hop = ways ? route_hop(ways, NULL) : NULL; hop;
		hop = route_hop(ways, hop)) {
		sb_add(out, " via ");
		add_ip(out, head->rtm_family, hop_attr(hop, RTA_GATEWAY));
	}
}

const char *route_words(struct arena *a, const struct nlmsghdr *m)
{
	_cleanup_strbuf_ struct strbuf out = { 0 };
	const struct rtmsg *head = nlmsg_data(m);
	uint32_t table = route_number(m, RTA_TABLE);

	if (route_attr(m, RTA_DST)) {
		add_ip(&out, head->rtm_family, route_attr(m, RTA_DST));
		sb_addf(&out, "/%u", head->rtm_dst_len);
	} else {
		sb_add(&out, "default");
	}
	add_ways(&out, m);
	if (table && table != RT_TABLE_MAIN)
		sb_addf(&out, " table %u", table);
	if (route_number(m, RTA_PRIORITY))
		sb_addf(&out, " metric %u", route_number(m, RTA_PRIORITY));
	return arena_strdup(a, sb_str(&out));
}

uint32_t route_left(const struct nlmsghdr *m)
{
	struct rta_cacheinfo times = { 0 };
	struct nlattr *at = route_attr(m, RTA_CACHEINFO);

	if (at && nla_len(at) >= (int)sizeof(times))
		memcpy(&times, nla_data(at), sizeof(times));
	return times.rta_expires > 0 ? (uint32_t)times.rta_expires / TICKS_PER_SEC + 1 : 0;
}

/* fe80::/10 and ff00::/8: every link has its own. */
static bool own_of_link(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *dst = route_attr(m, RTA_DST);
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
		.dynamic = route_left(m) > 0,
		.via = route_attr(m, RTA_GATEWAY) || route_attr(m, RTA_VIA) ||
		       route_attr(m, RTA_MULTIPATH),
		.kernel = head->rtm_protocol == RTPROT_KERNEL,
		.text = route_words(a, m),
	};
	return true;
}

static bool read_ip(const struct route *r, struct nlattr *at, struct ip *out)
{
	const struct rtmsg *head = nlmsg_data(r->message);
	size_t len = head->rtm_family == AF_INET ? 4 : 16;

	if (!at || (size_t)nla_len(at) < len)
		return false;
	*out = (struct ip){ .family = head->rtm_family };
	memcpy(out->b, nla_data(at), len);
	return true;
}

bool route_ip(const struct route *r, int type, struct ip *out)
{
	return read_ip(r, route_attr(r->message, type), out);
}

bool route_hop_gateway(const struct route *r, const struct rtnexthop *hop, struct ip *out)
{
	return read_ip(r, hop_attr(hop, RTA_GATEWAY), out);
}
