/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's links and addresses (no link-local ones): one dump of each per pass, kept in
 * the host until host_forget() or links_forget().
 */
#ifndef KVMHOST_LINKS_H
#define KVMHOST_LINKS_H

#include "base/strmap.h"
#include "config/type.h"
#include "reconcile/host.h"
#include <linux/netlink.h>

/* What stands before the resource in the alias of a link of ours. */
#define LINK_MARK "kvmhost:"
/* "kvmg": the group (IFLA_GROUP) of a link from the request that makes it to the one that marks it.
 */
#define LINK_MAKING 0x6b766d67

/* IFLA_BOND_*: the kernel's numbers, times in milliseconds. */
struct link_bond {
	uint8_t mode, lacp_rate, xmit_hash_policy, fail_over_mac;
	uint32_t miimon, updelay, downdelay;
	int primary; /* index, 0: none */
};

struct link {
	int index;
	int master; /* index, 0: none */
	int parent; /* index of the link below a vlan and the like, 0: none */
	uint16_t hardware; /* ARPHRD_* */
	uint32_t mtu, flags, group;
	bool carrier; /* of a tap: somebody has it open */
	/* Settings of IPv6 (IFLA_INET6_CONF): accept_ra is -1 where the kernel has no IPv6. */
	bool ipv6_off, ipv6_forwards;
	bool route_localnet; /* of IPv4 */
	int accept_ra;
	struct mac mac;
	struct mac own_mac; /* of a bond's port, which has the bond's: that it gets back */
	const char *name;
	const char *const *others; /* names that it has beside (altname), up to NULL; NULL: none */
	const char *alias; /* NULL: none */
	const char *type; /* "bridge", "tun", "veth", ...; NULL: a device with a driver */
	/* IFLA_BR_*: the delay in hundredths of a second. */
	bool stp, vlan_filtering;
	uint32_t forward_delay;
	/* IFLA_VLAN_*; the protocol as the kernel spells it, ETH_P_8021Q */
	uint16_t vlan_id, vlan_protocol;
	uint32_t macvlan_mode; /* IFLA_MACVLAN_MODE, of a macvtap */
	struct link_bond bond;
	/* IFLA_TUN_*; owner -1: none */
	bool tap, multi_queue, vnet_hdr;
	int64_t owner;
};

struct addr {
	int index; /* of its link */
	unsigned order; /* in the kernel's answer */
	struct cidr cidr;
};

struct address;
struct port_vlans;
struct route_seen;

struct links {
	struct arena *arena;
	struct link *v; /* by index */
	size_t n;
	struct strmap by_name, by_mark;
	struct addr *addrs; /* by index of the link, then as the kernel keeps them */
	size_t n_addrs;
	/* Both families, whole; read by addresses_get() alone (net/address.h). */
	struct address *all;
	size_t n_all;
	bool all_read;
	/* Read by routes_get() alone (net/route_seen.h). */
	struct route_seen *routes;
	size_t n_routes;
	bool routes_read;
	/* Of filtering bridges; read by port_vlans_get() alone (net/port_vlans.h). */
	struct port_vlans *vlans;
	size_t n_vlans;
	bool vlans_read;
};

extern const struct handle links_handle;
/* Without live root, or without a netlink socket, an error. The snapshot stays the host's. */
int links_get(struct host *h, const struct links **out, struct error *e);
/* links_read.c: for netlink_dump(), the struct links as arg; what is no link is left out. */
void links_add(const struct nlmsghdr *m, void *arg);
/* After a change: the next links_get() reads anew. */
void links_forget(struct host *h);

/* NULL: there is none. */
const struct link *links_name(const struct links *l, const char *name);
const struct link *links_index(const struct links *l, int index);
/* Whose other name it is, NULL: nobody's. A walk over all. */
const struct link *links_other_name(const struct links *l, const char *name);
/* By its whole alias, "kvmhost:bridge/br0". */
const struct link *links_mark(const struct links *l, const char *mark);
/* The link's addresses; *n may be 0. */
const struct addr *links_addrs(const struct links *l, int index, size_t *n);

/* The link carries a mark of kvmhost. */
static inline bool link_marked(const struct link *l)
{
	return l->alias && startswith(l->alias, LINK_MARK);
}
/* "a veth device", "a bridge", "a hardware device", for messages. */
const char *link_describe(const struct link *l, struct arena *a);

#endif
