/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All kinds, in the order in which steps that do not depend on each other run. */
#include "reconcile/kind.h"

extern const struct kind cmdline_kind, iommu_kind, device_kind, sysctl_kind, module_kind;
extern const struct kind cpu_kind, memory_kind, hugetlbfs_kind;
extern const struct kind sriov_kind;
extern const struct kind vhost_net_kind;
extern const struct kind dummy_kind, veth_kind, bond_kind;
extern const struct kind vlan_kind, bridge_kind, network_kind, firewall_kind, tap_kind;
extern const struct kind macvtap_kind;
extern const struct kind dnsmasq_kind, manager_kind, dhcp_kind;
extern const struct kind uplinks_kind, resolved_kind, firewalld_kind, docker_kind, localnet_kind;
extern const struct kind zone_kind;
extern const struct kind disk_kind, seed_kind, tree_kind, assign_kind, guest_kind;

const struct kind *const kinds[] = {
	&cmdline_kind,
	&iommu_kind,
	&module_kind,
	&vhost_net_kind,
	&uplinks_kind,
	&sysctl_kind,
	&cpu_kind,
	&memory_kind,
	&hugetlbfs_kind,
	&sriov_kind,
	&dummy_kind,
	&veth_kind,
	&device_kind,
	&zone_kind,
	&bond_kind,
	&vlan_kind,
	&bridge_kind,
	&network_kind,
	&firewall_kind,
	&localnet_kind,
	&docker_kind,
	&firewalld_kind,
	&tap_kind,
	&macvtap_kind,
	&manager_kind,
	&dhcp_kind,
	&disk_kind,
	&seed_kind,
	&tree_kind,
	&dnsmasq_kind,
	&resolved_kind,
	&assign_kind,
	&guest_kind,
};
const size_t n_kinds = ARRAY_SIZE(kinds);
