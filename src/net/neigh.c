/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/neigh.h"
#include "base/strbuf.h"
#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

static struct nlattr *attr(const struct nlmsghdr *m, int type)
{
	return nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)m, sizeof(struct ndmsg), type);
}

static const char *describe(struct arena *a, const struct nlmsghdr *m)
{
	const struct ndmsg *head = nlmsg_data(m);
	struct nlattr *dst = attr(m, NDA_DST), *mac = attr(m, NDA_LLADDR);
	_cleanup_strbuf_ struct strbuf out = { 0 };
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(head->ndm_family, nla_data(dst), text, sizeof(text)))
		sb_add(&out, text);
	for (int i = 0; mac && i < nla_len(mac); i++)
		sb_addf(&out, "%s%02x", i ? ":" : " lladdr ", ((uint8_t *)nla_data(mac))[i]);
	if (head->ndm_flags & NTF_PROXY)
		sb_add(&out, " proxy");
	return arena_strdup(a, sb_str(&out));
}

bool neigh_read(struct arena *a, const struct nlmsghdr *m, struct neigh *out)
{
	const struct ndmsg *head = nlmsg_data(m);
	struct nlattr *dst;

	if (m->nlmsg_type != RTM_NEWNEIGH || nlmsg_datalen(m) < (int)sizeof(*head) ||
		(head->ndm_family != AF_INET && head->ndm_family != AF_INET6))
		return false;
	dst = attr(m, NDA_DST);
	if (!dst || nla_len(dst) < (head->ndm_family == AF_INET ? 4 : 16))
		return false;
	*out = (struct neigh){ describe(a, m), m };
	return true;
}

int neigh_family(const struct neigh *n)
{
	const struct ndmsg *head = nlmsg_data(n->message);

	return head->ndm_family;
}

struct reader {
	struct arena *arena;
	int index, states;
	bool proxies;
	struct neigh *v;
	size_t n;
};

static void add(const struct nlmsghdr *m, void *arg)
{
	const struct ndmsg *head = nlmsg_data(m);
	struct reader *rd = arg;
	struct neigh one;

	/* The kernel dumps all links' where it does not know to look at one alone. */
	if (m->nlmsg_type != RTM_NEWNEIGH || head->ndm_ifindex != rd->index ||
		!(head->ndm_flags & NTF_PROXY) == rd->proxies ||
		(!rd->proxies && !(head->ndm_state & rd->states)))
		return;
	if (neigh_read(rd->arena, netlink_keep(rd->arena, m), &one))
		*ARENA_PUSH(rd->arena, rd->v, rd->n) = one;
}

int neighs_read(struct nl *nl, struct arena *a, int index, enum neighs which, struct neigh **v,
	size_t *n, struct error *e)
{
	static const int states[] = { [NEIGHS_PERMANENT] = NUD_PERMANENT,
		[NEIGHS_FOUND] = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE,
		[NEIGHS_PROXY] = 0 };
	struct reader rd = { .arena = a,
		.index = index,
		.states = states[which],
		.proxies = which == NEIGHS_PROXY,
		.v = *v,
		.n = *n };
	/* The kernel has these apart, and shows either. */
	struct ndmsg head = { .ndm_family = AF_UNSPEC, .ndm_flags = rd.proxies ? NTF_PROXY : 0 };
	struct nl_msg *m = netlink_request(RTM_GETNEIGH, 0, &head, sizeof(head));
	int r;

	netlink_put_u32(m, NDA_IFINDEX, (uint32_t)index);
	r = netlink_dump_whole(nl, m, add, &rd, &rd.n, "neighbours", e);
	if (r < 0)
		return r;
	*v = rd.v;
	*n = rd.n;
	return 0;
}

static struct nl_msg *request(const struct neigh *n, int type, int flags, int index, int state)
{
	struct ndmsg head = *(struct ndmsg *)nlmsg_data(n->message);
	static const int kept[] = { NDA_DST, NDA_LLADDR };
	struct nl_msg *m;

	head.ndm_ifindex = index;
	if (state)
		head.ndm_state = (uint16_t)state;
	m = netlink_request(type, flags, &head, sizeof(head));
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		struct nlattr *at = attr(n->message, kept[i]);

		if (at)
			netlink_put(m, kept[i], nla_data(at), (size_t)nla_len(at));
	}
	return m;
}

struct nl_msg *neigh_add(const struct neigh *n, int index)
{
	return request(n, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, index, 0);
}

struct nl_msg *neigh_hint(const struct neigh *n, int index)
{
	return request(n, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, index, NUD_STALE);
}

struct nl_msg *neigh_delete(const struct neigh *n, int index)
{
	return request(n, RTM_DELNEIGH, 0, index, 0);
}
