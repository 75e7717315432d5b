/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/links.h"
#include "net/attributes.h"
#include "net/nl.h"
#include <net/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>

static uint32_t get_u32(struct nlattr *a, uint32_t otherwise)
{
	return a ? nla_get_u32(a) : otherwise;
}

static bool get_flag(struct nlattr *a)
{
	return a && nla_get_u8(a);
}

static const char *get_text(struct arena *a, struct nlattr *at)
{
	return at ? arena_strdup(a, nla_get_string(at)) : NULL;
}

static void parse_bridge(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_BR_MAX + 1];

	attributes_nested(data, tb, IFLA_BR_MAX);
	l->stp = get_u32(tb[IFLA_BR_STP_STATE], 0) != 0;
	l->forward_delay = get_u32(tb[IFLA_BR_FORWARD_DELAY], 0);
	l->vlan_filtering = get_flag(tb[IFLA_BR_VLAN_FILTERING]);
}

static uint8_t get_u8(struct nlattr *a)
{
	return a ? nla_get_u8(a) : 0;
}

static void parse_bond(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_BOND_MAX + 1];

	attributes_nested(data, tb, IFLA_BOND_MAX);
	l->bond = (struct link_bond){
		.mode = get_u8(tb[IFLA_BOND_MODE]),
		.lacp_rate = get_u8(tb[IFLA_BOND_AD_LACP_RATE]),
		.xmit_hash_policy = get_u8(tb[IFLA_BOND_XMIT_HASH_POLICY]),
		.miimon = get_u32(tb[IFLA_BOND_MIIMON], 0),
		.updelay = get_u32(tb[IFLA_BOND_UPDELAY], 0),
		.downdelay = get_u32(tb[IFLA_BOND_DOWNDELAY], 0),
		.primary = (int)get_u32(tb[IFLA_BOND_PRIMARY], 0),
	};
}

static void parse_macvtap(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_MACVLAN_MAX + 1];

	attributes_nested(data, tb, IFLA_MACVLAN_MAX);
	l->macvlan_mode = get_u32(tb[IFLA_MACVLAN_MODE], 0);
}

/* What a bond keeps of its port. */
static void parse_bond_port(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_BOND_SLAVE_MAX + 1], *mac;

	attributes_nested(data, tb, IFLA_BOND_SLAVE_MAX);
	mac = tb[IFLA_BOND_SLAVE_PERM_HWADDR];
	if (mac && nla_len(mac) == sizeof(l->own_mac))
		memcpy(&l->own_mac, nla_data(mac), sizeof(l->own_mac));
}

static void parse_vlan(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_VLAN_MAX + 1];

	attributes_nested(data, tb, IFLA_VLAN_MAX);
	l->vlan_id = tb[IFLA_VLAN_ID] ? nla_get_u16(tb[IFLA_VLAN_ID]) : 0;
	l->vlan_protocol = tb[IFLA_VLAN_PROTOCOL] ? ntohs(nla_get_u16(tb[IFLA_VLAN_PROTOCOL])) : 0;
}

static void parse_tun(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_TUN_MAX + 1];

	attributes_nested(data, tb, IFLA_TUN_MAX);
	/* IFF_TAP of linux/if_tun.h, whose other names clash with net/if.h */
	l->tap = tb[IFLA_TUN_TYPE] && nla_get_u8(tb[IFLA_TUN_TYPE]) == 2;
	l->multi_queue = get_flag(tb[IFLA_TUN_MULTI_QUEUE]);
	l->vnet_hdr = get_flag(tb[IFLA_TUN_VNET_HDR]);
	l->owner = tb[IFLA_TUN_OWNER] ? (int64_t)nla_get_u32(tb[IFLA_TUN_OWNER]) : -1;
}

/* Link types are few: equal ones share one text. */
static const char *intern_type(struct links *ls, const char *type)
{
	if (ls->n > 1 && ls->v[ls->n - 2].type && streq(ls->v[ls->n - 2].type, type))
		return ls->v[ls->n - 2].type;
	return arena_strdup(ls->arena, type);
}

static void parse_info(struct links *ls, struct link *l, struct nlattr *info)
{
	struct nlattr *tb[IFLA_INFO_MAX + 1];

	if (!info)
		return;
	attributes_nested(info, tb, IFLA_INFO_MAX);
	if (tb[IFLA_INFO_SLAVE_KIND] && tb[IFLA_INFO_SLAVE_DATA] &&
		streq(nla_get_string(tb[IFLA_INFO_SLAVE_KIND]), "bond"))
		parse_bond_port(l, tb[IFLA_INFO_SLAVE_DATA]);
	if (!tb[IFLA_INFO_KIND])
		return;
	l->type = intern_type(ls, nla_get_string(tb[IFLA_INFO_KIND]));
	if (!tb[IFLA_INFO_DATA])
		return;
	if (streq(l->type, "bridge"))
		parse_bridge(l, tb[IFLA_INFO_DATA]);
	else if (streq(l->type, "tun"))
		parse_tun(l, tb[IFLA_INFO_DATA]);
	else if (streq(l->type, "vlan"))
		parse_vlan(l, tb[IFLA_INFO_DATA]);
	else if (streq(l->type, "macvtap"))
		parse_macvtap(l, tb[IFLA_INFO_DATA]);
	else if (streq(l->type, "bond"))
		parse_bond(l, tb[IFLA_INFO_DATA]);
}

/* A family's settings, as many as its table of attributes has at `attribute`; NULL: fewer. */
static const int32_t *settings(
	struct nlattr *af_spec, int family, int attribute, int max, size_t at_least)
{
	struct nlattr *nest =
		af_spec ? nla_find(nla_data(af_spec), nla_len(af_spec), family) : NULL;
	struct nlattr *tb[MAX_OF(IFLA_INET_MAX, IFLA_INET6_MAX) + 1];

	if (!nest)
		return NULL;
	attributes_nested(nest, tb, max);
	if (!tb[attribute] || (size_t)nla_len(tb[attribute]) < at_least * sizeof(int32_t))
		return NULL;
	return nla_data(tb[attribute]);
}

/* In the order of DEVCONF_*, and of IPV4_DEVCONF_*, which begins at 1. */
static void parse_settings(struct link *l, struct nlattr *af_spec)
{
	const int32_t *v4 = settings(
		af_spec, AF_INET, IFLA_INET_CONF, IFLA_INET_MAX, IPV4_DEVCONF_ROUTE_LOCALNET);
	const int32_t *v6 = settings(
		af_spec, AF_INET6, IFLA_INET6_CONF, IFLA_INET6_MAX, DEVCONF_DISABLE_IPV6 + 1);

	l->route_localnet = v4 && v4[IPV4_DEVCONF_ROUTE_LOCALNET - 1];
	l->accept_ra = v6 ? v6[DEVCONF_ACCEPT_RA] : -1;
	l->ipv6_off = v6 && v6[DEVCONF_DISABLE_IPV6];
}

static const char *const *parse_others(struct arena *a, struct nlattr *list)
{
	const char **v = NULL;
	struct nlattr *at;
	size_t n = 0;
	int left;

	if (!list)
		return NULL;
	nla_for_each_nested(at, list, left)
	{
		if (nla_type(at) == IFLA_ALT_IFNAME)
			*ARENA_PUSH(a, v, n) = arena_strdup(a, nla_get_string(at));
	}
	*ARENA_PUSH(a, v, n) = NULL;
	return v;
}

static void add_link(const struct nlmsghdr *m, void *arg)
{
	const struct ifinfomsg *head = nlmsg_data(m);
	struct nlattr *tb[IFLA_MAX + 1];
	struct links *ls = arg;
	struct link *l;

	if (m->nlmsg_type != RTM_NEWLINK)
		return;
	attributes_of(m, sizeof(*head), tb, IFLA_MAX);
	if (!tb[IFLA_IFNAME])
		return;
	l = ARENA_PUSH(ls->arena, ls->v, ls->n);
	l->index = head->ifi_index;
	l->flags = head->ifi_flags;
	l->carrier = tb[IFLA_CARRIER] && nla_get_u8(tb[IFLA_CARRIER]);
	l->name = get_text(ls->arena, tb[IFLA_IFNAME]);
	l->others = parse_others(ls->arena, tb[IFLA_PROP_LIST]);
	l->alias = get_text(ls->arena, tb[IFLA_IFALIAS]);
	l->master = (int)get_u32(tb[IFLA_MASTER], 0);
	/* In another namespace (a container's veth) the number means nothing here. */
	l->parent = tb[IFLA_LINK_NETNSID] ? 0 : (int)get_u32(tb[IFLA_LINK], 0);
	l->mtu = get_u32(tb[IFLA_MTU], 0);
	l->group = get_u32(tb[IFLA_GROUP], 0);
	l->owner = -1;
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == sizeof(l->mac))
		memcpy(&l->mac, nla_data(tb[IFLA_ADDRESS]), sizeof(l->mac));
	l->own_mac = l->mac;
	parse_info(ls, l, tb[IFLA_LINKINFO]);
	parse_settings(l, tb[IFLA_AF_SPEC]);
}

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
		r = netlink_dump(nl, link_request(), add_link, ls, e);
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

static const struct handle links_handle = {
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
