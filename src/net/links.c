/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/links.h"
#include "net/attributes.h"
#include "net/nl.h"
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

static void add_addr(const struct nlmsghdr *m, void *arg)
{
	const struct ifaddrmsg *head = nlmsg_data(m);
	struct nlattr *tb[IFA_MAX + 1];
	struct links *ls = arg;
	struct nlattr *at;
	struct addr *a;
	int len = head->ifa_family == AF_INET ? 4 : 16;

	if (m->nlmsg_type != RTM_NEWADDR ||
		(head->ifa_family != AF_INET &&
			(head->ifa_family != AF_INET6 || head->ifa_scope >= RT_SCOPE_LINK)))
		return;
	attributes_of(m, sizeof(*head), tb, IFA_MAX);
	/* On a point-to-point link IFA_ADDRESS is the peer's. */
	at = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (!at || nla_len(at) != len)
		return;
	a = ARENA_PUSH(ls->arena, ls->addrs, ls->n_addrs);
	a->index = (int)head->ifa_index;
	a->order = (unsigned)ls->n_addrs;
	a->cidr.prefix = head->ifa_prefixlen;
	a->cidr.ip.family = head->ifa_family;
	memcpy(a->cidr.ip.b, nla_data(at), (size_t)len);
}

static struct nl_msg *link_request(void)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct nl_msg *m = netlink_request(RTM_GETLINK, 0, &head, sizeof(head));

	/* The counters are most of what the kernel would copy. */
	netlink_put_u32(m, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return m;
}

static struct nl_msg *addr_request(void)
{
	struct ifaddrmsg head = { .ifa_family = AF_UNSPEC };

	return netlink_request(RTM_GETADDR, 0, &head, sizeof(head));
}

static int by_index(const void *a, const void *b)
{
	const struct link *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Addresses of one link stay in the kernel's order, the first being the primary. */
static int addr_by_index(const void *a, const void *b)
{
	const struct addr *x = a, *y = b;

	if (x->index != y->index)
		return x->index > y->index ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static bool addrs_sorted(const struct links *ls)
{
	for (size_t i = 1; i < ls->n_addrs; i++)
		if (ls->addrs[i - 1].index > ls->addrs[i].index)
			return false;
	return true;
}

static void clear(struct links *ls)
{
	strmap_free(&ls->by_name);
	strmap_free(&ls->by_mark);
	arena_free(ls->arena);
	*ls = (struct links){ 0 };
}

static void sort(struct links *ls)
{
	if (ls->n)
		qsort(ls->v, ls->n, sizeof(*ls->v), by_index);
	if (!addrs_sorted(ls))
		qsort(ls->addrs, ls->n_addrs, sizeof(*ls->addrs), addr_by_index);
	for (size_t i = 0; i < ls->n; i++) {
		struct link *l = &ls->v[i];

		strmap_put(&ls->by_name, l->name, l);
		if (link_marked(l))
			strmap_put(&ls->by_mark, l->alias, l);
	}
}

static int load(struct nl *nl, struct links *ls, struct error *e)
{
	int r = 1;

	for (int try = 0; r > 0 && try < NL_DUMP_TRIES; try++) {
		int again;

		clear(ls);
		ls->arena = arena_new();
		r = netlink_dump(nl, link_request(), links_add, ls, e);
		if (r < 0)
			return r;
		again = netlink_dump(nl, addr_request(), add_addr, ls, e);
		if (again < 0)
			return again;
		r |= again;
	}
	if (r > 0)
		return error_set(e, -EAGAIN,
			"links and addresses change faster than they can be "
			"read (%d tries)",
			NL_DUMP_TRIES);
	sort(ls);
	return 0;
}

static int links_open(struct host *h _unused_, void **data, struct error *e _unused_)
{
	struct links *ls = xmalloc(sizeof(*ls));

	*ls = (struct links){ 0 };
	*data = ls;
	return 0;
}

static void forget(void *data)
{
	clear(data);
}

static void links_close(void *data)
{
	clear(data);
	free(data);
}

const struct handle links_handle = {
	.name = "links",
	.open = links_open,
	.forget = forget,
	.close = links_close,
};

int links_get(struct host *h, const struct links **out, struct error *e)
{
	struct links *ls;
	struct nl *nl;
	void *data;
	int r = host_handle(h, &links_handle, &data, e);

	if (r < 0)
		return r;
	ls = data;
	if (!ls->arena) {
		r = netlink_get(h, &nl, e);
		if (r >= 0)
			r = load(nl, ls, e);
		if (r < 0) {
			clear(ls);
			return r;
		}
	}
	*out = ls;
	return 0;
}

void links_forget(struct host *h)
{
	void *data;

	if (host_handle(h, &links_handle, &data, NULL) >= 0)
		clear(data);
}

const struct link *links_name(const struct links *l, const char *name)
{
	return strmap_get(&l->by_name, name);
}

const struct link *links_other_name(const struct links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		for (const char *const *other = l->v[i].others; other && *other; other++)
			if (streq(*other, name))
				return &l->v[i];
	return NULL;
}

const struct link *links_mark(const struct links *l, const char *mark)
{
	return strmap_get(&l->by_mark, mark);
}

const struct link *links_index(const struct links *l, int index)
{
	struct link key = { .index = index };

	return bsearch(&key, l->v, l->n, sizeof(key), by_index);
}

const struct addr *links_addrs(const struct links *l, int index, size_t *n)
{
	size_t from = 0, to = l->n_addrs;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->addrs[mid].index < index)
			from = mid + 1;
		else
			to = mid;
	}
	for (*n = 0; from + *n < l->n_addrs && l->addrs[from + *n].index == index;)
		++*n;
	return l->addrs + from;
}

const char *link_describe(const struct link *l, struct arena *a)
{
	if (!l->type)
		return l->flags & IFF_LOOPBACK ? "the loopback device" : "a device of a driver";
	if (streq(l->type, "tun"))
		return l->tap ? "a tap device" : "a tun device";
	return arena_printf(a, streq(l->type, "bridge") ? "a %s" : "a %s device", l->type);
}
