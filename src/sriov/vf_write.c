/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what a VF is to be like to the kernel's attributes; vf_read.c is the way back. */
#include "sriov/vf_links.h"
#include <linux/if_ether.h>
#include <linux/if_link.h>

static void put_vlan(struct nl_msg *m, unsigned number, const struct vf *v)
{
	struct ifla_vf_vlan plain = { number, (uint32_t)v->vlan, (uint32_t)v->qos };
	struct ifla_vf_vlan_info info = { .vf = number,
		.vlan = (uint32_t)v->vlan,
		.qos = (uint32_t)v->qos,
		.vlan_proto = htons(ETH_P_8021AD) };
	struct nlattr *list;

	if (!v->protocol) {
		netlink_put(m, IFLA_VF_VLAN, &plain, sizeof(plain));
		return;
	}
	list = netlink_nest(m, IFLA_VF_VLAN_LIST);
	netlink_put(m, IFLA_VF_VLAN_INFO, &info, sizeof(info));
	netlink_nest_end(m, list);
}

static void put_setting(struct nl_msg *m, int type, unsigned number, uint32_t setting)
{
	struct ifla_vf_trust s = { number, setting };

	netlink_put(m, type, &s, sizeof(s));
}

void vf_put(struct nl_msg *m, unsigned number, const struct vf *v, uint64_t rows)
{
	struct nlattr *info = netlink_nest(m, IFLA_VF_INFO);
	struct ifla_vf_mac mac = { .vf = number };
	struct ifla_vf_rate rate = { number, 0, (uint32_t)(v->max_rate / VF_RATE_UNIT) };

	memcpy(mac.mac, &v->mac, sizeof(v->mac));
	if (rows & VF_BIT(VF_MIN_RATE))
		rate.min_tx_rate = (uint32_t)(v->min_rate / VF_RATE_UNIT);
	if (rows & VF_BIT(VF_MAC))
		netlink_put(m, IFLA_VF_MAC, &mac, sizeof(mac));
	if (rows & VF_VLANS)
		put_vlan(m, number, v);
	if (rows & VF_RATES)
		netlink_put(m, IFLA_VF_RATE, &rate, sizeof(rate));
	if (rows & VF_BIT(VF_SPOOF_CHECK))
		put_setting(m, IFLA_VF_SPOOFCHK, number, v->spoof_check);
	if (rows & VF_BIT(VF_LINK_STATE))
		put_setting(m, IFLA_VF_LINK_STATE, number, (uint32_t)v->link_state);
	if (rows & VF_BIT(VF_TRUST))
		put_setting(m, IFLA_VF_TRUST, number, v->trust);
	netlink_nest_end(m, info);
}
