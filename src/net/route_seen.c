/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/route_seen.h"
#include "net/nl.h"
#include <linux/rtnetlink.h>

static uint32_t number(struct nlattr *at)
{
	return at && nla_len(at) >= 4 ? nla_get_u32(at) : 0;
}

static struct route_seen read_key(const struct nlmsghdr *m)
{
	const struct rtmsg *head = nlmsg_data(m);
	struct nlattr *tb[RTA_MAX + 1] = { NULL };
	struct route_seen s = { .table = head->rtm_table };

	if (nlmsg_parse((struct nlmsghdr *)(uintptr_t)m, sizeof(*head), tb, RTA_MAX, NULL) < 0)
		return s;
	s.to.ip.family = head->rtm_family;
	s.to.prefix = head->rtm_dst_len;
	if (tb[RTA_DST])
		memcpy(s.to.ip.b, nla_data(tb[RTA_DST]),
			MIN_OF((size_t)nla_len(tb[RTA_DST]), sizeof(s.to.ip.b)));
	if (tb[RTA_TABLE])
		s.table = number(tb[RTA_TABLE]);
	s.metric = number(tb[RTA_PRIORITY]);
	s.index = (int)number(tb[RTA_OIF]);
	return s;
}

struct route_seen route_key(const struct route *r)
{
	return read_key(r->message);
}

bool route_same_way(const struct route_seen *a, const struct route_seen *b)
{
	return a->table == b->table && a->to.prefix == b->to.prefix &&
	       a->to.ip.family == b->to.ip.family &&
	       !memcmp(a->to.ip.b, b->to.ip.b, sizeof(a->to.ip.b));
}

static void add(const struct nlmsghdr *m, void *arg)
{
	struct links *ls = arg;
	struct route_seen *v = ls->routes, seen;
	const struct link *l;
	struct route r;

	if (!route_counts(m))
		return;
	seen = read_key(m);
	l = seen.index ? links_index(ls, seen.index) : NULL;
	if (l && l->master && route_read(ls->arena, m, &r))
		seen.text = r.text;
	*ARENA_PUSH(ls->arena, v, ls->n_routes) = seen;
	ls->routes = v;
}

static int load_family(struct nl *nl, struct links *ls, int family, struct error *e)
{
	struct rtmsg head = { .rtm_family = (uint8_t)family };
	struct route_seen *before = ls->routes;
	size_t n = ls->n_routes;
	int r = 1;

	for (int try = 0; r > 0 && try < NL_DUMP_TRIES; try++) {
		ls->routes = before;
		ls->n_routes = n;
		r = netlink_dump(
			nl, netlink_request(RTM_GETROUTE, 0, &head, sizeof(head)), add, ls, e);
	}
	return r;
}

int routes_get(struct host *h, const struct route_seen **v, size_t *n, struct error *e)
{
	const struct links *ls;
	struct links *own;
	struct nl *nl;
	int r = links_get(h, &ls, e);

	if (r >= 0 && !ls->routes_read) {
		/* The snapshot is the host's, and grows by what is asked of it. */
		own = (struct links *)(uintptr_t)ls;
		r = netlink_get(h, &nl, e);
		if (r >= 0)
			r = load_family(nl, own, AF_INET, e);
		if (r == 0)
			r = load_family(nl, own, AF_INET6, e);
		if (r > 0) {
			own->routes = NULL;
			own->n_routes = 0;
		}
		own->routes_read = r >= 0;
	}
	if (r < 0)
		return r;
	*v = ls->routes;
	*n = ls->n_routes;
	return 0;
}
