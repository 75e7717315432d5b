/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nftables backend on a real kernel, beside tables of others, and the way from one to the
 * other. */
#include "fixture.h"
#include "net/firewall.h"

#define A "  a: {bridge: b0, addresses: [10.0.0.1/24]}\n"
#define B \
	"  b:\n    bridge: b1\n    addresses: [10.0.1.1/24, 10.0.2.1/24]\n    forwards:\n" \
	"      - {protocol: tcp, host_port: 8080, to: \"10.0.1.10:80\"}\n" \
	"      - {protocol: tcp, host_port: 8081, to: \"10.0.1.10:80\"}\n" \
	"      - {protocol: udp, host_port: 53, to: \"10.0.1.10:53\"}\n"
#define C "  c: {bridge: b2, addresses: [10.0.3.1/24], mode: isolated}\n"
#define D "  d: {bridge: b3, addresses: [10.0.4.1/24], mode: routed}\n"
/* Elements have no order. */
#define SORTED "nft list ruleset | sed 's/elements = {//; s/[,}]//g; s/^[\t ]*//; s/ *$//' | sort"
#define NETS "networks:\n"

#define FOREIGN \
	"nft -f - <<'E'\n" \
	"table inet theirs {\n set ports { type inet_service; elements = { 22, 80 } }\n" \
	" chain forward { type filter hook forward priority filter; policy drop;\n" \
	"  ct state established accept\n  iifname \"docker0\" tcp dport @ports accept\n }\n}\n" \
	"table ip kvmhosts { chain forward {\ncounter accept\n }\n}\nE\n"

static int nftables(void **state)
{
	net_backend = "nftables";
	return fixture_reset(state);
}

static void table_as_nft_shows_it(void **state _unused_)
{
	const char *text;

	net_converge(NETS A B C D);
	text = sh("nft list table ip kvmhost");
	has(text, "type filter hook forward priority filter; policy accept;");
	has(text, "iifname . oifname @within accept");
	has(text, "ct state established,related ip daddr . oifname @answers accept");
	has(text, "oifname @closed-in reject");
	has(text, "fib daddr type local dnat ip to meta l4proto . th dport map @ports");
	has(text, "ip saddr . ip daddr @unchanged return");
	has(text, "meta l4proto tcp ip saddr . ip daddr @hidden-tcp masquerade to :1024-65535");
	has(text, "10.0.0.0/24 . \"b0\" comment \"network/a\"");
	has(text, "tcp . 8080 comment \"network/b\" : 10.0.1.10 . 80");
	hasnt(text, "unknown");
	/* What nft shows is a table that nft takes. */
	sh("set -e; nft list table ip kvmhost >shown.nft; nft -c -f shown.nft; rm shown.nft");
	assert_string_equal(sh("iptables-legacy-save | grep -c KVMHOST || :"), "0\n");
}

static void foreign_tables_survive(void **state _unused_)
{
	_cleanup_free_ char *before = NULL, *ours = NULL;

	sh(FOREIGN);
	before = xstrdup(sh("nft list ruleset"));
	net_converge(NETS A B C D);
	ours = xstrdup(sh(SORTED));
	net_converge(NETS A C);
	net_converge(NETS A B C D);
	same(sh(SORTED), ours);
	net_converge("networks: {}");
	assert_string_equal(sh("nft list ruleset"), before);
}

/* Only what differs is in the transaction. */
static void unchanged_elements_are_left_alone(void **state _unused_)
{
	const char *seen;

	net_converge(NETS A B C);
	/* It listens as soon as it has told of something, and has told of all once it tells of the
	 * end. */
	sh("(timeout 60 nft monitor >monitor & echo $! >monitor.pid); for i in $(seq 300); do "
	   "grep -qs begin monitor && break; nft 'add table ip begin; delete table ip begin'; "
	   "sleep 0.1; done; grep -q begin monitor");
	net_converge(NETS A B);
	seen = sh("nft 'add table ip end; delete table ip end'; for i in $(seq 300); do "
		  "grep -q 'table ip end' monitor && break; sleep 0.1; done; "
		  "kill $(cat monitor.pid); cat monitor; rm monitor monitor.pid");
	has(seen, "delete element ip kvmhost isolated { \"b2\"");
	hasnt(seen, "b0");
	hasnt(seen, "b1");
	hasnt(seen, "delete rule");
}

static void drift_is_repaired(void **state _unused_)
{
	static const char *const damage[] = {
		"flush set ip kvmhost answers",
		"delete element ip kvmhost leaving { 10.0.0.0/24 . \"b0\" }",
		"add element ip kvmhost reachable { 10.0.0.0/24 . \"b0\" }",
		"flush chain ip kvmhost forward",
		"add rule ip kvmhost forward accept",
		"insert rule ip kvmhost postrouting accept",
		"add chain ip kvmhost more",
		"add set ip kvmhost more { type ipv4_addr; }",
		"chain ip kvmhost forward { policy drop; }",
		"add table ip kvmhost { flags dormant; }",
		"flush table ip kvmhost",
		"delete table ip kvmhost",
		"flush ruleset",
	};
	_cleanup_free_ char *before = NULL;

	net_converge(NETS A B C D);
	before = xstrdup(sh(SORTED));
	for (size_t i = 0; i < ARRAY_SIZE(damage); i++) {
		sh("nft '%s'", damage[i]);
		if (!*net_plan(NETS A B C D))
			fail_msg("not seen: %s", damage[i]);
		net_converge(NETS A B C D);
		same(sh(SORTED), before);
	}
}

static void a_part_comes_and_goes(void **state _unused_)
{
	net_converge(NETS C);
	hasnt(sh("nft list ruleset"), "type nat");
	net_converge(NETS A C);
	has(sh("nft list ruleset"), "type nat hook postrouting");
	net_converge(NETS C);
	hasnt(sh("nft list ruleset"), "type nat");
	net_converge("networks: {}");
	assert_string_equal(sh("nft list ruleset"), "");
}

static void backends_take_turns(void **state _unused_)
{
	_cleanup_free_ char *ours = NULL, *table = NULL;

	net_converge(NETS A B C D);
	table = xstrdup(sh("nft list ruleset"));
	net_backend = "iptables";
	has(net_plan(NETS A B C D), "nftables -> iptables");
	net_converge(NETS A B C D);
	assert_string_equal(sh("nft list ruleset | grep -c kvmhost || :"), "0\n");
	ours = xstrdup(sh("iptables-legacy-save | grep KVMHOST"));
	has(ours, "KVMHOST-INTO");
	net_backend = "nftables";
	net_converge(NETS A B C D);
	assert_string_equal(sh("iptables-legacy-save | grep -c KVMHOST || :"), "0\n");
	assert_string_equal(sh("nft list table ip kvmhost"), table);
	/* What both hold is released from both. */
	net_backend = "iptables";
	sh("nft list table ip kvmhost >kept.nft");
	net_converge(NETS A B C D);
	sh("set -e; nft -f kept.nft; rm kept.nft");
	net_converge("networks: {}");
	assert_string_equal(sh("iptables-legacy-save | grep -c KVMHOST || :"), "0\n");
	assert_string_equal(sh("nft list ruleset | grep -c kvmhost || :"), "0\n");
}

static void auto_speaks_what_the_host_speaks(void **state _unused_)
{
	net_backend = "auto";
	net_converge(NETS A);
	has(sh("nft list ruleset"), "table ip kvmhost");
	sh("iptables-legacy -A FORWARD -i docker0 -j ACCEPT");
	net_converge(NETS A);
	hasnt(sh("nft list ruleset"), "table ip kvmhost");
	has(sh("iptables-legacy-save"), "KVMHOST-FORWARD");
	/* Our own rules are no reason to stay. */
	sh("iptables-legacy -D FORWARD -i docker0 -j ACCEPT");
	net_converge(NETS A);
	has(sh("nft list ruleset"), "table ip kvmhost");
	sh("iptables-legacy -P FORWARD DROP");
	net_converge(NETS A);
	has(sh("iptables-legacy-save"), "KVMHOST-FORWARD");
	sh("iptables-legacy -P FORWARD ACCEPT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(table_as_nft_shows_it, nftables),
		cmocka_unit_test_setup(foreign_tables_survive, nftables),
		cmocka_unit_test_setup(unchanged_elements_are_left_alone, nftables),
		cmocka_unit_test_setup(drift_is_repaired, nftables),
		cmocka_unit_test_setup(a_part_comes_and_goes, nftables),
		cmocka_unit_test_setup(backends_take_turns, nftables),
		cmocka_unit_test_setup(auto_speaks_what_the_host_speaks, nftables),
	};

	return FIXTURE_RUN(tests);
}
