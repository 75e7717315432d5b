/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this folder gives to the list of kinds and the schema. */
#ifndef KVMHOST_NET_H
#define KVMHOST_NET_H

#include "reconcile/kind.h"

extern const struct kind vlan_kind, bridge_kind, network_kind, tap_kind, firewall_kind;
extern const struct kind dnsmasq_kind, manager_kind, dhcp_kind;
extern const struct kind dummy_kind, veth_kind, bond_kind, macvtap_kind;
extern const struct table dummy_table, veth_table, bond_table;
extern const struct table vlan_table, bridge_table, network_table;
extern const struct table firewall_settings_table;
extern const struct kind uplinks_kind, docker_kind, firewalld_kind, localnet_kind, zone_kind;

#endif
