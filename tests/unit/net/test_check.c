/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What bridges and networks refuse, and what they imply. No kernel needed. */
#include "fixture.h"
#include "config/document.h"
#include "net/firewall.h"

#define NET(name, bridge, rest) "  " name ": {bridge: " bridge ", " rest "}\n"

static void expect(const char *yaml, const char *words)
{
	const char *text = net_check(yaml);

	if (*words ? !strstr(text, words) : *text)
		fail_msg("expected `%s`, got:\n%s", words, text);
}

static void bridges(void **state _unused_)
{
	expect("bridges: {br0: {}}", "");
	expect("bridges: {br0: {stp: true, forward_delay: 15s, mtu: 9000}}", "");
	expect("bridges: {br0: {stp: true}}",
		"with STP the kernel wants a forward delay of 2s to 30s");
	expect("bridges: {br0: {forward_delay: 31s}}", "test.yaml:1:");
	expect("bridges: {br0: {forward_delay: 15ms}}", "in tenths of a second");
	expect("bridges: {br0: {ports: [lo]}}", "is the loopback device");
	expect("bridges: {br0: {vlans: {br0: {pvid: 5}}}}", "only where the bridge filters");
	expect("bridges: {br0: {mtu: 67}}", "mtu");
	expect("bridges: {a-name-of-sixteen: {}}", "a-name-of-sixteen");
}

static void addresses(void **state _unused_)
{
	static const struct {
		const char *address, *words;
	} all[] = {
		{ "192.168.122.1/24", "" },
		{ "192.168.122.0/24", "is the first address of its network" },
		{ "192.168.122.255/24", "is the broadcast address" },
		{ "192.168.122.1/31", "no room for the host and a guest" },
		{ "192.168.122.1/0", "no room" },
		{ "127.0.0.1/8", "cannot have this address" },
		{ "224.0.0.1/4", "cannot have this address" },
		{ "\"fd00::1/63\"", "" },
		{ "\"fd00::/63\"", "is the address of every router" },
		{ "\"fd00::1/128\"", "no network of guests has this size" },
		{ "\"fe80::1/64\"", "cannot have this address" },
		{ "\"ff02::1/64\"", "cannot have this address" },
		{ "\"::ffff:10.0.0.1/112\"", "cannot have this address" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		char yaml[256];

		snprintf(yaml, sizeof(yaml), "networks:\n" NET("a", "b0", "addresses: [%s]"),
			all[i].address);
		expect(yaml, all[i].words);
	}
	expect("networks: {a: {bridge: b0}}", "in mode nat needs an address");
	expect("networks: {a: {bridge: b0, mode: isolated}}", "");
	expect("networks: {a: {mode: isolated}}", "bridge");
}

static void overlaps(void **state _unused_)
{
	expect("networks:\n" NET("a", "b0", "addresses: [10.0.0.1/24]")
			NET("b", "b1", "addresses: [10.0.1.1/24]"),
		"");
	expect("networks:\n" NET("a", "b0", "addresses: [10.0.0.1/24]")
			NET("b", "b1", "addresses: [10.0.0.9/16]"),
		"test.yaml:3:31: error: 10.0.0.9/16 of b overlaps 10.0.0.1/24 of a");
	expect("networks:\n" NET("a", "b0", "addresses: [10.0.0.1/8]") NET("b", "b1",
		       "addresses: [10.1.0.1/16]") NET("c", "b2", "addresses: [10.200.0.1/16]"),
		"10.200.0.1/16 of c overlaps 10.0.0.1/8 of a");
	expect("networks:\n" NET("a", "b0", "addresses: [10.0.0.1/24, 10.0.0.2/24]"),
		"10.0.0.2/24 of a overlaps 10.0.0.1/24 of a");
}

static void claims(void **state _unused_)
{
	expect("bridges: {br0: {}}\nnetworks: {a: {bridge: br0, mode: isolated}}\n",
		"link `br0` is claimed by bridge/br0 and by network/a");
	expect("networks: {a: {bridge: b0, mode: isolated}, b: {bridge: b0, mode: isolated}}",
		"link `b0` is claimed by network/a and by network/b");
}

/* The wanted rules of a table as text. */
static const char *wanted(const char *yaml, const char *table)
{
	static struct strbuf text;
	struct arena *a = arena_new();
	struct diags d = { .arena = a };
	struct document doc;
	struct wants w;
	struct resource *r;

	sb_free(&text);
	document_load_text(&doc, "test.yaml", yaml, strlen(yaml), &d);
	assert_true(wants_build(&w, doc.root, &d));
	r = wants_find(&w, "firewall", table);
	for (size_t i = 0; r && i < ((const struct firewall *)r->want)->rules.n; i++) {
		const struct firewall *f = r->want;

		fw_rule_format(&LIST_AT(&f->rules, struct fw_rule, i), true, &text);
		sb_addc(&text, '\n');
	}
	wants_free(&w);
	arena_free(a);
	return sb_str(&text);
}

#define JUMPS \
	"FORWARD -j KVMHOST-FORWARD\nKVMHOST-FORWARD -j KVMHOST-WITHIN\n" \
	"KVMHOST-FORWARD -j KVMHOST-INTO\nKVMHOST-FORWARD -j KVMHOST-OUT-OF\n" \
	"KVMHOST-WITHIN -i b0 -o b0 -j ACCEPT\n"
#define REJECTS \
	"KVMHOST-INTO -o b0 -j REJECT --reject-with icmp-port-unreachable\n" \
	"KVMHOST-OUT-OF -i b0 -j REJECT --reject-with icmp-port-unreachable\n"

static void derived(void **state _unused_)
{
	static const char nat[] = "networks: {a: {bridge: b0, addresses: [10.0.0.1/24]}}";
	static const char isolated[] =
		"networks: {a: {bridge: b0, mode: isolated, addresses: [10.0.0.1/24]}}";
	static const char routed[] =
		"networks: {a: {bridge: b0, mode: routed, addresses: [10.0.0.1/24]}}";

	assert_string_equal(wanted(nat, "ip-filter"), JUMPS
		"KVMHOST-INTO -d 10.0.0.0/24 -o b0 -m conntrack --ctstate RELATED,ESTABLISHED "
		"-j ACCEPT\nKVMHOST-OUT-OF -s 10.0.0.0/24 -i b0 -j ACCEPT\n" REJECTS);
	assert_string_equal(wanted(nat, "ip-nat"),
		"POSTROUTING -j KVMHOST-POSTROUTING\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -d 10.0.0.0/24 -j RETURN\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -d 224.0.0.0/24 -j RETURN\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -d 255.255.255.255/32 -j RETURN\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -p tcp -j MASQUERADE "
		"--to-ports "
		"1024-65535\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -p udp -j MASQUERADE "
		"--to-ports "
		"1024-65535\n"
		"KVMHOST-POSTROUTING -s 10.0.0.0/24 -j MASQUERADE\n");
	assert_string_equal(wanted(isolated, "ip-filter"), JUMPS
		"KVMHOST-WITHIN -i b0 -j REJECT --reject-with icmp-port-unreachable\n" REJECTS);
	assert_string_equal(wanted(isolated, "ip-nat"), "");
	assert_string_equal(wanted(routed, "ip-filter"),
		JUMPS "KVMHOST-INTO -d 10.0.0.0/24 -o b0 -j ACCEPT\n"
		      "KVMHOST-OUT-OF -s 10.0.0.0/24 -i b0 -j ACCEPT\n" REJECTS);
	assert_string_equal(wanted(routed, "ip-nat"), "");
	assert_string_equal(wanted(nat, "ip-mangle"), "");
	expect("sysctl: {net.ipv4.ip_forward: 0}\nnetworks: {a: {bridge: b0, addresses: "
	       "[10.0.0.1/24]}}",
		"sysctl/net.ipv4.ip_forward is 0 here, but network/a needs 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bridges),
		cmocka_unit_test(addresses),
		cmocka_unit_test(overlaps),
		cmocka_unit_test(claims),
		cmocka_unit_test(derived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
