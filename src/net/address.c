/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/address.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#define FOREVER UINT32_MAX
/* What the kernel says of an address rather than what it was told. */
#define STATE_FLAGS \
	(IFA_F_SECONDARY | IFA_F_OPTIMISTIC | IFA_F_DADFAILED | IFA_F_DEPRECATED | \
		IFA_F_TENTATIVE | IFA_F_PERMANENT | IFA_F_STABLE_PRIVACY)

static struct nlattr *attr(const struct nlmsghdr *m, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(struct ifaddrmsg), type);
}

static uint32_t flags_of(const struct nlmsghdr *m)
{
	const struct ifaddrmsg *head = nlmsg_data(m);
	struct nlattr *at = attr(m, IFA_FLAGS);

	return at ? nla_get_u32(at) : head->ifa_flags;
}

static struct ifa_cacheinfo lifetimes(const struct nlmsghdr *m)
{
	struct ifa_cacheinfo times = { .ifa_prefered = FOREVER, .ifa_valid = FOREVER };
	struct nlattr *at = attr(m, IFA_CACHEINFO);

	if (at && nla_len(at) >= (int)sizeof(times))
		memcpy(&times, nla_data(at), sizeof(times));
	return times;
}

bool address_read(const struct nlmsghdr *m, struct address *out)
{
	const struct ifaddrmsg *head = nlmsg_data(m);
	struct nlattr *at;
	int len;

	if (m->nlmsg_type != RTM_NEWADDR || nlmsg_datalen(m) < (int)sizeof(*head))
		return false;
	len = head->ifa_family == AF_INET ? 4 : head->ifa_family == AF_INET6 ? 16 : -1;
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	at = attr(m, IFA_LOCAL);
	at = at ? at : attr(m, IFA_ADDRESS);
	if (!at || nla_len(at) != len)
		return false;
	*out = (struct address){ .index = (int)head->ifa_index, .message = m };
	out->cidr.prefix = head->ifa_prefixlen;
	out->cidr.ip.family = head->ifa_family;
	memcpy(out->cidr.ip.b, nla_data(at), (size_t)len);
	out->dynamic = lifetimes(m).ifa_valid != FOREVER;
	return true;
}

static bool link_local(const struct ip *ip)
{
	return ip->family == AF_INET6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

static void add(const struct nlmsghdr *m, void *arg)
{
	struct links *ls = arg;
	struct address a, *v;

	if (!address_read(m, &a) || link_local(&a.cidr.ip))
		return;
	a.message = netlink_keep(ls->arena, m);
	v = ls->all;
	*ARENA_PUSH(ls->arena, v, ls->n_all) = a;
	ls->all = v;
}

static int load(struct nl *nl, struct links *ls, struct error *e)
{
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };
	int r;

	ls->n_all = 0;
	r = netlink_dump_whole(nl, netlink_request(RTM_GETADDR, 0, &head, sizeof(head)), add, ls,
		&ls->n_all, "addresses", e);
	ls->all_read = r == 0;
	return r;
}

int addresses_get(struct host *h, const struct address **v, size_t *n, struct error *e)
{
	const struct links *ls;
	struct nl *nl;
	int r = links_get(h, &ls, e);

	if (r >= 0 && !ls->all_read) {
		r = netlink_get(h, &nl, e);
		/* The snapshot is the host's, and grows by what is asked of it. */
		if (r >= 0)
			r = load(nl, (struct links *)(uintptr_t)ls, e);
	}
	if (r < 0)
		return r;
	*v = ls->all;
	*n = ls->n_all;
	return 0;
}

const struct address *address_next(
	const struct address *v, size_t n, int index, const struct address *from)
{
	for (size_t i = from ? (size_t)(from - v) + 1 : 0; i < n; i++)
		if (v[i].index == index)
			return &v[i];
	return NULL;
}

bool address_equal(const struct cidr *a, const struct cidr *b)
{
	return a->prefix == b->prefix && a->ip.family == b->ip.family &&
	       !memcmp(a->ip.b, b->ip.b, a->ip.family == AF_INET ? 4 : 16);
}

const struct address *address_find(
	const struct address *v, size_t n, int index, const struct cidr *c)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].index == index && address_equal(&v[i].cidr, c))
			return &v[i];
	return NULL;
}

struct address address_plain(struct arena *a, const struct cidr *c)
{
	struct ifaddrmsg head = { .ifa_family = (uint8_t)c->ip.family, .ifa_prefixlen = c->prefix };
	size_t len = c->ip.family == AF_INET ? 4 : 16;
	struct nl_msg *m = netlink_request(RTM_NEWADDR, 0, &head, sizeof(head));
	struct address out = { 0 };
	uint32_t broadcast;

	netlink_put(m, IFA_LOCAL, c->ip.b, len);
	netlink_put(m, IFA_ADDRESS, c->ip.b, len);
	if (c->ip.family == AF_INET && c->prefix < 31) {
		broadcast =
			c->ip.v4.s_addr | htonl(c->prefix ? UINT32_MAX >> c->prefix : UINT32_MAX);
		netlink_put(m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
	}
	address_read(netlink_keep(a, nlmsg_hdr(m)), &out);
	nlmsg_free(m);
	return out;
}

/* "eth0" and "eth0:web" become "br0" and "br0:web". */
static void put_label(struct nl_msg *m, const char *label, const struct address_place *to)
{
	const char *rest = to->from ? startswith(label, to->from) : NULL;
	char text[16]; /* IFNAMSIZ */

	if (!rest || (*rest && *rest != ':') ||
		(size_t)snprintf(text, sizeof(text), "%s%s", to->name, rest) >= sizeof(text))
		netlink_put_text(m, IFA_LABEL, to->name);
	else
		netlink_put_text(m, IFA_LABEL, text);
}

static uint32_t aged(uint32_t seconds, uint32_t age)
{
	return seconds == FOREVER ? FOREVER : seconds > age ? seconds - age : 0;
}

struct nl_msg *address_add(const struct address *a, const struct address_place *to)
{
	struct ifa_cacheinfo times = lifetimes(a->message);
	struct ifaddrmsg head = *(struct ifaddrmsg *)nlmsg_data(a->message);
	uint32_t flags = flags_of(a->message) & ~(uint32_t)STATE_FLAGS;
	struct nl_msg *m;
	struct nlattr *at;
	int left;

	/* The kernel tells no time of an address that has no end, though it is not to be used. */
	if (flags_of(a->message) & IFA_F_DEPRECATED)
		times.ifa_prefered = 0;
	times.ifa_valid = aged(times.ifa_valid, to->age);
	times.ifa_prefered = aged(times.ifa_prefered, to->age);
	if (!times.ifa_valid)
		return NULL;
	if (to->at_once && head.ifa_family == AF_INET6)
		flags |= IFA_F_NODAD;
	head.ifa_index = (unsigned)to->index;
	head.ifa_flags = (uint8_t)flags;
	m = netlink_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
	nlmsg_for_each_attr(at, (struct nlmsghdr *)(uintptr_t)a->message, sizeof(head), left)
	{
		int type = nla_type(at);

		if (type == IFA_LABEL)
			put_label(m, nla_get_string(at), to);
		else if (type != IFA_FLAGS && type != IFA_CACHEINFO && type != IFA_TARGET_NETNSID)
			netlink_put(m, type, nla_data(at), (size_t)nla_len(at));
	}
	netlink_put_u32(m, IFA_FLAGS, flags);
	if (times.ifa_valid != FOREVER || times.ifa_prefered != FOREVER)
		netlink_put(m, IFA_CACHEINFO, &times, sizeof(times));
	return m;
}

struct nl_msg *address_delete(const struct address *a, int index)
{
	struct ifaddrmsg head = *(struct ifaddrmsg *)nlmsg_data(a->message);
	struct nl_msg *m;

	head.ifa_index = (unsigned)index;
	head.ifa_flags = 0;
	m = netlink_request(RTM_DELADDR, 0, &head, sizeof(head));
	for (int type = IFA_ADDRESS; type <= IFA_LOCAL; type++) {
		struct nlattr *at = attr(a->message, type);

		if (at)
			netlink_put(m, type, nla_data(at), (size_t)nla_len(at));
	}
	return m;
}
