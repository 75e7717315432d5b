/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks of both families on a real kernel. */
#include "fixture.h"
#include "net/firewall.h"

#define NETS "networks:\n"
#define V4 "  four: {bridge: b4, ra: none, addresses: [10.4.0.1/24]}\n"
#define V6 "  six: {bridge: b6, ra: none, addresses: [\"fd00:6::1/64\"]}\n"
#define BOTH \
	"  both:\n    bridge: b8\n    ra: none\n    nat66: true\n" \
	"    addresses: [10.8.0.1/24, \"fd00:8::1/64\"]\n    forwards:\n" \
	"      - {host_port: 8080, to: \"10.8.0.10:80\"}\n" \
	"      - {host_port: 8080, to: \"[fd00:8::10]:80\"}\n"
#define OPEN "  open: {bridge: b9, ra: none, mode: routed, addresses: [\"fd00:9::1/64\"]}\n"

static int iptables(void **state)
{
	net_backend = "iptables";
	return fixture_reset(state);
}

static int nftables(void **state)
{
	net_backend = "nftables";
	return fixture_reset(state);
}

static const char *setting(const char *link, const char *name)
{
	return sh("cat /proc/sys/net/ipv6/conf/%s/%s", link, name);
}

static void addresses_and_settings(void **state _unused_)
{
	net_converge(NETS V4 V6);
	assert_string_equal(setting("b4", "disable_ipv6"), "1\n");
	assert_string_equal(setting("b6", "disable_ipv6"), "0\n");
	assert_string_equal(setting("b6", "accept_ra"), "0\n");
	/* Usable at once, though no port has a carrier. */
	hasnt(sh("ip -6 addr show dev b6 scope global"), "tentative");
	has(sh("ip -6 addr show dev b6 scope global"), "fd00:6::1/64");
	assert_string_equal(sh("cat /proc/sys/net/ipv6/conf/all/forwarding"), "1\n");
	sh("ip addr del fd00:6::1/64 dev b6; ip addr add fd00:7::1/64 dev b6 nodad");
	has(net_plan(NETS V4 V6), "fd00:6::1/64");
	net_converge(NETS V4 V6);
	hasnt(sh("ip -6 addr show dev b6"), "fd00:7::1");
	sh("echo 0 >/proc/sys/net/ipv6/conf/b4/disable_ipv6");
	has(net_plan(NETS V4 V6), "IPv6  on -> off");
	net_converge(NETS V4 V6);
	/* It comes and goes with the address, on a bridge that stays. */
	net_converge(NETS
		"  four: {bridge: b4, ra: none, addresses: [10.4.0.1/24, \"fd00:4::1/64\"]}\n" V6);
	assert_string_equal(setting("b4", "disable_ipv6"), "0\n");
	net_converge(NETS V4 V6);
	assert_string_equal(setting("b4", "disable_ipv6"), "1\n");
	net_converge("networks: {}");
	assert_string_equal(sh("cat /proc/sys/net/ipv6/conf/all/forwarding"), "0\n");
}

static void rules_of_both_families(void **state _unused_)
{
	bool nft = !strcmp(net_backend, "nftables");
	const char *text;

	net_converge(NETS V4 V6 BOTH OPEN);
	text = nft ? sh("nft list table ip6 kvmhost") : sh("ip6tables-legacy-save");
	if (nft) {
		has(text, "fd00:8::/64 . ::/0 comment \"network/both\"");
		has(text, "tcp . 8080 comment \"network/both\" : fd00:8::10 . 80");
		has(text, "dnat ip6 to meta l4proto . th dport map @ports");
		sh("set -e; nft list table ip6 kvmhost >shown.nft; nft -c -f shown.nft; rm "
		   "shown.nft");
	} else {
		has(text, "-A KVMHOST-POSTROUTING -s fd00:8::/64 -m comment --comment "
			  "\"kvmhost:network/both\" -j MASQUERADE");
		has(text, "--to-destination [fd00:8::10]:80");
		has(text, "-A KVMHOST-INTO -o b6 -m comment --comment \"kvmhost:network/six\" -j "
			  "REJECT "
			  "--reject-with icmp6-port-unreachable");
		sh("ip6tables-legacy-save | ip6tables-legacy-restore --test");
	}
	hasnt(text, "b4");
	hasnt(text, "fd00:6::/64 . ::/0");
	net_converge("networks: {}");
	assert_string_equal(sh("nft list ruleset; ip6tables-legacy-save | grep KVMHOST || :"), "");
}

static void damage_is_seen(void **state _unused_)
{
	net_converge(NETS V6 BOTH);
	if (!strcmp(net_backend, "nftables"))
		sh("nft flush chain ip6 kvmhost forward");
	else
		sh("ip6tables-legacy -F KVMHOST-INTO; ip6tables-legacy -t nat -D "
		   "KVMHOST-PREROUTING 1");
	has(net_plan(NETS V6 BOTH), "firewall/ip6-filter");
	hasnt(net_plan(NETS V6 BOTH), "firewall/ip-filter");
	net_converge(NETS V6 BOTH);
}

/* A default route that a router announced stays, and all is as before at the end. */
static void the_hosts_own_way_out_stays(void **state _unused_)
{
	sh("ip link add up0 type veth peer name r0; ip link set up0 up; ip link set r0 up");
	assert_string_equal(setting("up0", "accept_ra"), "1\n");
	net_converge(NETS V6);
	assert_string_equal(setting("up0", "accept_ra"), "2\n");
	/* One that comes later too. */
	sh("ip link add up1 type veth peer name r1");
	has(net_plan(NETS V6), "net.ipv6.conf.up1.accept_ra  1 -> 2");
	net_converge(NETS V6);
	net_converge("networks: {}");
	assert_string_equal(setting("up0", "accept_ra"), "1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(addresses_and_settings, nftables),
		cmocka_unit_test_setup(rules_of_both_families, nftables),
		cmocka_unit_test_setup(rules_of_both_families, iptables),
		cmocka_unit_test_setup(damage_is_seen, nftables),
		cmocka_unit_test_setup(damage_is_seen, iptables),
		cmocka_unit_test_setup(the_hosts_own_way_out_stays, nftables),
	};

	return FIXTURE_RUN(tests);
}
