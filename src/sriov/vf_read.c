/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the kernel's message about a link to what its VFs are like. */
#include "sriov/vf_links.h"
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

/* Not reported: not set. The kernel fills in -1 for what the driver leaves alone. */
static void take_bool(struct vf *v, enum vf_row row, bool *member, uint32_t setting)
{
	if (setting == UINT32_MAX)
		return;
	*member = setting != 0;
	v->obj.set |= VF_BIT(row);
}

/* Behind the common head of all: the VF's number and the value. */
static bool setting(struct nlattr *a, uint32_t *out)
{
	const struct ifla_vf_trust *s = a ? nla_data(a) : NULL;

	if (!s || nla_len(a) < (int)sizeof(*s))
		return false;
	*out = s->setting;
	return true;
}

static void take_vlan(struct vf *v, struct nlattr *plain, struct nlattr *list)
{
	const struct ifla_vf_vlan *one = plain ? nla_data(plain) : NULL;
	const struct ifla_vf_vlan_info *info = NULL;
	struct nlattr *a;
	int left;

	if (list)
		nla_for_each_nested(a, list, left) if (!info && nla_len(a) >= (int)sizeof(*info))
			info = nla_data(a);
	if (!one && !info)
		return;
	v->vlan = info ? info->vlan : one->vlan;
	v->qos = info ? info->qos : one->qos;
	v->protocol = info && info->vlan_proto == htons(ETH_P_8021AD);
	v->obj.set |= VF_BIT(VF_VLAN) | VF_BIT(VF_QOS) | VF_BIT(VF_PROTOCOL);
}

static void take_rates(struct vf *v, struct nlattr *a)
{
	const struct ifla_vf_rate *rate = a ? nla_data(a) : NULL;

	if (!rate)
		return;
	v->min_rate = (uint64_t)rate->min_tx_rate * VF_RATE_UNIT;
	v->max_rate = (uint64_t)rate->max_tx_rate * VF_RATE_UNIT;
	v->obj.set |= VF_BIT(VF_MIN_RATE) | VF_BIT(VF_MAX_RATE);
}

static void add_vf(struct vf_link *l, struct nlattr *info)
{
	static const uint8_t none[sizeof(struct mac)];
	struct nlattr *tb[IFLA_VF_MAX + 1];
	const struct ifla_vf_mac *mac;
	struct vf *v;
	uint32_t s;

	if (nla_parse_nested(tb, IFLA_VF_MAX, info, NULL) < 0 || !tb[IFLA_VF_MAC])
		return;
	mac = nla_data(tb[IFLA_VF_MAC]);
	if (mac->vf >= l->vfs.n)
		return;
	v = &LIST_AT(&l->vfs, struct vf, mac->vf);
	/* All zeros: its driver is to make one up. */
	if (memcmp(mac->mac, none, sizeof(v->mac)) != 0) {
		memcpy(&v->mac, mac->mac, sizeof(v->mac));
		v->obj.set |= VF_BIT(VF_MAC);
	}
	take_vlan(v, tb[IFLA_VF_VLAN], tb[IFLA_VF_VLAN_LIST]);
	take_rates(v, tb[IFLA_VF_RATE]);
	if (setting(tb[IFLA_VF_SPOOFCHK], &s))
		take_bool(v, VF_SPOOF_CHECK, &v->spoof_check, s);
	if (setting(tb[IFLA_VF_TRUST], &s))
		take_bool(v, VF_TRUST, &v->trust, s);
	if (setting(tb[IFLA_VF_LINK_STATE], &s) && s <= IFLA_VF_LINK_STATE_DISABLE) {
		v->link_state = (int)s;
		v->obj.set |= VF_BIT(VF_LINK_STATE);
	}
}

/*
 * The end of the list. It is one attribute, whose length has 16 bits, and the
 * kernel lets that wrap where the VFs are too many (more than 221 to 334, by
 * what it tells of each). The lengths of the VFs themselves are right, and
 * nothing that follows has their type.
 */
static struct nlattr *skip_vfs(struct nlattr *list, int *left)
{
	struct nlattr *a = nla_data(list);

	*left -= NLA_HDRLEN;
	while (nla_ok(a, *left) && nla_type(a) == IFLA_VF_INFO)
		a = nla_next(a, left);
	return a;
}

/* As nlmsg_parse() does, and past a list of any length. Returns the list's end. */
static struct nlattr *parse(const struct nlmsghdr *m, struct nlattr **tb)
{
	struct nlattr *a = nlmsg_attrdata(m, sizeof(struct ifinfomsg)), *end = NULL;
	int left = nlmsg_attrlen(m, sizeof(struct ifinfomsg));

	memset(tb, 0, (IFLA_MAX + 1) * sizeof(*tb));
	while (left >= NLA_HDRLEN) {
		int type = nla_type(a);

		if (type == IFLA_VFINFO_LIST)
			end = skip_vfs(a, &left);
		else if (!nla_ok(a, left))
			break;
		if (type <= IFLA_MAX)
			tb[type] = a;
		a = type == IFLA_VFINFO_LIST ? end : nla_next(a, &left);
	}
	return end;
}

static void add_vfs(struct vf_link *l, uint32_t n, struct nlattr *list, const struct nlattr *end,
	struct arena *arena)
{
	struct nlattr *info = nla_data(list);
	int left = 0;

	l->vfs = (struct list){ arena_alloc(arena, n * sizeof(struct vf)), n };
	for (uint32_t i = 0; i < n; i++)
		obj_init(&LIST_AT(&l->vfs, struct vf, i), &vf_table, arena_printf(arena, "%u", i));
	for (; info < end; info = nla_next(info, &left))
		add_vf(l, info);
}

static void take_mac(struct mac *to, struct nlattr *a)
{
	if (a && nla_len(a) == sizeof(*to))
		memcpy(to, nla_data(a), sizeof(*to));
}

struct vf_link *vf_link_read(const struct nlmsghdr *m, struct arena *arena)
{
	const struct ifinfomsg *head = nlmsg_data(m);
	struct nlattr *tb[IFLA_MAX + 1], *end;
	struct vf_link *l;
	uint32_t n;

	if (m->nlmsg_type != RTM_NEWLINK || nlmsg_datalen(m) < (int)sizeof(*head))
		return NULL;
	end = parse(m, tb);
	if (!tb[IFLA_IFNAME] || tb[IFLA_LINKINFO])
		return NULL;
	l = arena_alloc(arena, sizeof(*l));
	l->name = arena_strdup(arena, nla_get_string(tb[IFLA_IFNAME]));
	l->index = head->ifi_index;
	l->up = head->ifi_flags & IFF_UP;
	l->carrier = tb[IFLA_CARRIER] && nla_get_u8(tb[IFLA_CARRIER]);
	take_mac(&l->mac, tb[IFLA_ADDRESS]);
	take_mac(&l->permanent, tb[IFLA_PERM_ADDRESS]);
	n = tb[IFLA_NUM_VF] ? nla_get_u32(tb[IFLA_NUM_VF]) : 0;
	if (n && end)
		add_vfs(l, n, tb[IFLA_VFINFO_LIST], end, arena);
	return l;
}
