/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One link of the kernel's dump. */
#include "net/links.h"
#include "net/attributes.h"
#include <net/if.h>
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
		.fail_over_mac = get_u8(tb[IFLA_BOND_FAIL_OVER_MAC]),
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

/* The card that it sends by is no IFLA_LINK. */
static void parse_vxlan(struct link *l, struct nlattr *data)
{
	struct nlattr *tb[IFLA_VXLAN_MAX + 1];

	attributes_nested(data, tb, IFLA_VXLAN_MAX);
	l->parent = (int)get_u32(tb[IFLA_VXLAN_LINK], 0);
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
	else if (streq(l->type, "vxlan"))
		parse_vxlan(l, tb[IFLA_INFO_DATA]);
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
	l->ipv6_forwards = v6 && v6[DEVCONF_FORWARDING];
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

void links_add(const struct nlmsghdr *m, void *arg)
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
	l->hardware = head->ifi_type;
	l->carrier = tb[IFLA_CARRIER] && nla_get_u8(tb[IFLA_CARRIER]);
	l->name = get_text(ls->arena, tb[IFLA_IFNAME]);
	l->others = parse_others(ls->arena, tb[IFLA_PROP_LIST]);
	l->alias = get_text(ls->arena, tb[IFLA_IFALIAS]);
	l->master = (int)get_u32(tb[IFLA_MASTER], 0);
	l->parent = (int)get_u32(tb[IFLA_LINK], 0);
	l->mtu = get_u32(tb[IFLA_MTU], 0);
	l->group = get_u32(tb[IFLA_GROUP], 0);
	l->owner = -1;
	if (tb[IFLA_ADDRESS] && nla_len(tb[IFLA_ADDRESS]) == sizeof(l->mac))
		memcpy(&l->mac, nla_data(tb[IFLA_ADDRESS]), sizeof(l->mac));
	l->own_mac = l->mac;
	parse_info(ls, l, tb[IFLA_LINKINFO]);
	/* In another namespace (a container's veth) the number means nothing here. */
	if (tb[IFLA_LINK_NETNSID])
		l->parent = 0;
	parse_settings(l, tb[IFLA_AF_SPEC]);
}
