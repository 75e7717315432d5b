/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bridges and networks as links and addresses, on a real kernel. */
#include "fixture.h"
#include "base/strbuf.h"
#include "net/nl.h"
#include "net/port_vlans.h"
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#define DEFAULT "networks:\n  default: {bridge: virbr0, addresses: [192.168.122.1/24]}\n"

static void bridge_made_and_removed(void **state _unused_)
{
	const char *text;

	net_converge("bridges: {br0: {mtu: 1400}, br1: {stp: true, forward_delay: 4s}}");
	text = sh("ip -d link show br0");
	has(text, "mtu 1400");
	has(text, "UP");
	has(text, "forward_delay 0 ");
	has(text, "stp_state 0");
	has(text, "alias kvmhost:bridge/br0");
	assert_string_equal(sh("cat /sys/class/net/br0/addr_assign_type"), "3\n");
	text = sh("ip -d link show br1");
	has(text, "forward_delay 400 ");
	has(text, "stp_state 1");
	net_converge("bridges: {br1: {stp: true, forward_delay: 4s}}");
	hasnt(sh("ip link"), "br0:");
	net_converge("bridges: {}");
	hasnt(sh("ip link"), "br1:");
}

static void bridge_changed_in_place(void **state _unused_)
{
	char before[64], mac[64];

	net_converge("bridges: {br0: {}}");
	strcpy(before, sh("cat /sys/class/net/br0/ifindex"));
	strcpy(mac, sh("cat /sys/class/net/br0/address"));
	net_converge("bridges: {br0: {stp: true, forward_delay: 2s, mtu: 9000}}");
	net_converge("bridges: {br0: {stp: true, forward_delay: 30s, mtu: 9000}}");
	net_converge("bridges: {br0: {stp: false, forward_delay: 0s, mtu: 1300}}");
	assert_string_equal(sh("cat /sys/class/net/br0/ifindex"), before);
	assert_string_equal(sh("cat /sys/class/net/br0/address"), mac);
	net_converge("bridges: {br0: {mac: \"52:54:00:00:00:07\"}}");
	has(sh("ip link show br0"), "52:54:00:00:00:07");
	assert_string_equal(sh("cat /sys/class/net/br0/ifindex"), before);
}

static void mac_is_stable(void **state _unused_)
{
	char mac[64];

	net_converge("bridges: {br0: {}}");
	strcpy(mac, sh("cat /sys/class/net/br0/address"));
	assert_memory_equal(mac, "52:", 3);
	net_converge("bridges: {}");
	net_converge("bridges: {br0: {}, br1: {}}");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), mac);
	assert_string_not_equal(sh("cat /sys/class/net/br1/address"), mac);
	sh("ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 && ip link set v0 "
	   "master br0");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), mac);
}

/* A port with a smaller MTU does not take the bridge's down with it. */
static void mtu_is_pinned(void **state _unused_)
{
	net_converge("bridges: {br0: {mtu: 1500}}");
	sh("ip link add v0 mtu 1280 type veth peer name v1 && ip link set v0 master br0");
	assert_string_equal(sh("cat /sys/class/net/br0/mtu"), "1500\n");
	assert_string_equal(net_plan("bridges: {br0: {mtu: 1500}}"), "");
}

static void drift_is_repaired(void **state _unused_)
{
	static const char doc[] = "bridges: {br0: {mtu: 1400}}\n" DEFAULT;

	net_converge(doc);
	sh("ip link set br0 down; ip link set br0 mtu 1000");
	has(net_plan(doc), "1400");
	net_converge(doc);
	has(sh("ip link show br0"), "mtu 1400");
	has(sh("ip link show br0"), ",UP");
	sh("ip link set br0 alias ''");
	has(net_plan(doc), "mark");
	net_converge(doc);
	has(sh("ip link show br0"), "alias kvmhost:bridge/br0");
	sh("ip link delete br0; ip address flush dev virbr0");
	net_converge(doc);
	has(sh("ip address show virbr0"), "192.168.122.1/24");
	sh("ip address add 10.9.9.9/24 dev virbr0");
	has(net_plan(doc), "10.9.9.9/24");
	net_converge(doc);
	hasnt(sh("ip address show virbr0"), "10.9.9.9");
}

static void adopted_and_given_back(void **state _unused_)
{
	char before[64], mac[64];

	sh("ip link add br0 mtu 1234 type bridge forward_delay 1500 && ip link set br0 up");
	strcpy(before, sh("cat /sys/class/net/br0/ifindex"));
	strcpy(mac, sh("cat /sys/class/net/br0/address"));
	net_converge("bridges: {br0: {mtu: 1400}}");
	has(sh("ip -d link show br0"), "forward_delay 0 ");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), mac);
	net_converge("bridges: {}");
	has(sh("ip -d link show br0"), "forward_delay 1500 ");
	has(sh("ip link show br0"), "mtu 1234");
	hasnt(sh("ip link show br0"), "alias");
	assert_string_equal(sh("cat /sys/class/net/br0/ifindex"), before);
}

static void adopted_as_it_is(void **state _unused_)
{
	sh("ip link add br0 type bridge forward_delay 0 && ip link set br0 up");
	has(net_plan("bridges: {br0: {}}"), "adopt");
	net_converge("bridges: {br0: {}}");
	has(sh("ip link show br0"), "alias kvmhost:bridge/br0");
	net_converge("bridges: {}");
	hasnt(sh("ip link show br0"), "alias");
}

static void network_on_a_bridge_that_was_there(void **state _unused_)
{
	sh("ip link add virbr0 type bridge && ip link set virbr0 up && ip address add 10.7.7.7/24 "
	   "dev virbr0");
	net_converge(DEFAULT);
	has(sh("ip address show virbr0"), "10.7.7.7/24");
	has(sh("ip address show virbr0"), "192.168.122.1/24");
	net_converge("networks: {}");
	has(sh("ip address show virbr0"), "10.7.7.7/24");
	hasnt(sh("ip address show virbr0"), "192.168.122.1/24");
	hasnt(sh("ip address show virbr0"), "alias");
}

static void not_a_bridge(void **state _unused_)
{
	sh("ip link add br0 type veth peer name v1");
	assert_int_not_equal(net_apply("bridges: {br0: {}}"), 0);
	has(net_failure(), "the link br0 is there already and is a veth device, not a bridge");
	has(net_failure(), "ip link delete br0");
	hasnt(sh("ip link show br0"), "alias");
	assert_int_not_equal(net_apply("networks: {a: {bridge: br0, mode: isolated}}"), 0);
	has(net_failure(), "not a bridge");
}

static void foreign_ports_are_not_lost(void **state _unused_)
{
	net_converge("bridges: {br0: {}, br1: {}, br2: {}}");
	sh("ip link add eth7 type veth peer name v1 && ip link set eth7 master br1");
	assert_int_not_equal(net_apply("bridges: {br0: {}}"), 0);
	has(net_failure(), "br1 still holds the port eth7, which is not kvmhost's");
	has(net_failure(), "ip link set eth7 nomaster");
	has(sh("ip link show br1"), "br1");
	sh("ip link set eth7 nomaster");
	net_converge("bridges: {br0: {}}");
	hasnt(sh("ip link"), "br1");
	hasnt(sh("ip link"), "br2");
	has(sh("ip link"), "eth7");
}

static void addresses_change_in_place(void **state _unused_)
{
	char before[64];

	net_converge(DEFAULT);
	strcpy(before, sh("cat /sys/class/net/virbr0/ifindex"));
	has(sh("ip address show virbr0"), "brd 192.168.122.255");
	net_converge("networks:\n  default: {bridge: virbr0, addresses: [192.168.122.9/24]}\n");
	hasnt(sh("ip address show virbr0"), "192.168.122.1/24");
	has(sh("ip address show virbr0"), "192.168.122.9/24");
	net_converge(
		"networks:\n  default: {bridge: virbr0, addresses: [10.1.0.1/24, 10.2.0.1/16]}\n");
	net_converge(
		"networks:\n  default: {bridge: virbr0, addresses: [10.2.0.1/16, 10.1.0.1/24]}\n");
	assert_string_equal(sh("cat /sys/class/net/virbr0/ifindex"), before);
	hasnt(sh("ip address show virbr0"), "inet6");
}

static void network_is_renamed_in_place(void **state _unused_)
{
	char before[64];

	net_converge(DEFAULT);
	strcpy(before, sh("cat /sys/class/net/virbr0/ifindex"));
	net_converge("networks:\n  default: {bridge: virbr7, addresses: [192.168.122.1/24]}\n");
	assert_string_equal(sh("cat /sys/class/net/virbr7/ifindex"), before);
	hasnt(sh("ip link"), "virbr0");
	sh("ip link add virbr8 type dummy 2>/dev/null || ip link add virbr8 type veth peer name "
	   "v8");
	assert_int_not_equal(
		net_apply(
			"networks:\n  default: {bridge: virbr8, addresses: [192.168.122.1/24]}\n"),
		0);
	has(net_failure(), "cannot rename virbr7 to virbr8");
}

static void from_network_to_bridge(void **state _unused_)
{
	net_converge("networks: {a: {bridge: br0, mode: isolated}}");
	net_converge("bridges: {br0: {}}");
	has(sh("ip link show br0"), "alias kvmhost:bridge/br0");
	net_converge("networks: {a: {bridge: br0, mode: isolated}}");
	has(sh("ip link show br0"), "alias kvmhost:network/a");
	net_converge("bridges: {}");
	hasnt(sh("ip link"), "br0");
}

static void marked_without_record(void **state _unused_)
{
	net_converge(DEFAULT);
	/* The mark still proves whose it is. */
	fixture_lose_record();
	has(net_plan("networks: {}"), "network/default");
	net_converge("networks: {}");
	hasnt(sh("ip link"), "virbr0");
	assert_string_equal(sh("iptables-legacy-save | grep -c KVMHOST || :"), "0\n");
}

static void many_at_once(void **state _unused_)
{
	_cleanup_strbuf_ struct strbuf doc = { 0 };

	sh("ip link add keep type bridge && ip link set keep group 1802923368");
	sb_add(&doc, "networks:\n");
	for (int i = 0; i < 60; i++)
		sb_addf(&doc, "  n%d: {bridge: nb%d, mode: isolated, addresses: [10.3.%d.1/24]}\n",
			i, i, i);
	net_converge(sb_str(&doc));
	assert_string_equal(sh("ip -br address | grep -c '10.3.'"), "60\n");
	net_converge("networks: {}");
	assert_string_equal(sh("ls /sys/class/net | grep -c ^nb || :"), "0\n");
	/* In the very group that is ours by choice, and not touched. */
	has(sh("ip link"), "keep");
}

/* The kernel's own words reach the user. */
static void kernel_says_why(void **state _unused_)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct error e[4] = { 0 };
	struct nl_msg *m;
	struct nl *nl;

	assert_int_equal(netlink_get(&host, &nl, NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct nlattr *info;

		m = netlink_request(RTM_NEWLINK, NLM_F_CREATE, &head, sizeof(head));
		info = netlink_nest(m, IFLA_LINKINFO);
		netlink_put_text(m, IFLA_INFO_KIND, i == 1 ? "nonsense" : "bridge");
		netlink_nest_end(m, info);
		netlink_queue(nl, m, (struct netlink_call){ "make", "x", 0, &e[i] });
	}
	head.ifi_index = 4711;
	m = netlink_request(RTM_DELLINK, 0, &head, sizeof(head));
	netlink_queue(nl, m, (struct netlink_call){ "remove", "y", 0, &e[3] });
	netlink_flush(nl);
	assert_int_equal(e[0].code, 0);
	assert_int_equal(e[1].code, -EOPNOTSUPP);
	has(e[1].text, "cannot make x: Unknown device type");
	assert_int_equal(e[2].code, 0);
	has(e[3].text, "cannot remove y: No such device");
	for (int i = 0; i < 4; i++)
		error_clear(&e[i]);
}

/* Every second one, the most attributes that there can be: more than a page of them. */
static void vlans_that_fill_a_request(void **state _unused_)
{
	struct vlan_range ranges[VLAN_IDS / 2 - 1];
	struct list vlans = { ranges, ARRAY_SIZE(ranges) };
	_cleanup_error_ struct error e = { 0 };
	struct port_vlans had = { .pvid = 1 };
	struct port_vlans_change c = { .index = 4711, .name = "x", .have = &had, .vlans = &vlans };
	struct nl *nl;

	for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++)
		ranges[i] = (struct vlan_range){ (uint16_t)(2 * i + 3), (uint16_t)(2 * i + 3) };
	vlan_set_add(&had.tagged, &vlans);
	assert_int_equal(netlink_get(&host, &nl, NULL), 0);
	port_vlans_put(nl, &c, &e);
	vlans.n = 0;
	port_vlans_put(nl, &c, &e);
	netlink_flush(nl);
	has(e.text, "cannot set the VLANs of x: ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bridge_made_and_removed, fixture_reset),
		cmocka_unit_test_setup(bridge_changed_in_place, fixture_reset),
		cmocka_unit_test_setup(mac_is_stable, fixture_reset),
		cmocka_unit_test_setup(mtu_is_pinned, fixture_reset),
		cmocka_unit_test_setup(drift_is_repaired, fixture_reset),
		cmocka_unit_test_setup(adopted_and_given_back, fixture_reset),
		cmocka_unit_test_setup(adopted_as_it_is, fixture_reset),
		cmocka_unit_test_setup(network_on_a_bridge_that_was_there, fixture_reset),
		cmocka_unit_test_setup(not_a_bridge, fixture_reset),
		cmocka_unit_test_setup(foreign_ports_are_not_lost, fixture_reset),
		cmocka_unit_test_setup(addresses_change_in_place, fixture_reset),
		cmocka_unit_test_setup(network_is_renamed_in_place, fixture_reset),
		cmocka_unit_test_setup(from_network_to_bridge, fixture_reset),
		cmocka_unit_test_setup(marked_without_record, fixture_reset),
		cmocka_unit_test_setup(many_at_once, fixture_reset),
		cmocka_unit_test_setup(kernel_says_why, fixture_reset),
		cmocka_unit_test_setup(vlans_that_fill_a_request, fixture_reset),
	};

	return FIXTURE_RUN(tests);
}
