/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports of bridges, and the addresses and routes that come and go with them, on a real kernel. */
#include "fixture.h"
#include "net/announce.h"
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

/* No address is being asked for any more; and links have told that they are up. */
#define SETTLED \
	"look() { ip -o link; ip -o address; }; until now=$(look); sleep 0.3; [ \"$now\" = " \
	"\"$(look)\" ]; do :; done; " \
	"while ip -6 address show tentative | grep -q inet6; do sleep 0.1; done; "
/* A card with a peer, and all that a card can have. */
#define CARD \
	"ip link add eth0 address 02:00:00:00:00:10 type veth peer name peer0; " \
	"ip link set peer0 up; ip link set eth0 up; " \
	"until ip link show eth0 | grep -q 'state UP'; do sleep 0.05; done; " \
	"ip address add 203.0.113.2/24 brd + dev eth0; " \
	"ip address add 203.0.113.3/24 dev eth0 label eth0:web; " \
	"ip address add 198.51.100.9/32 dev eth0; " \
	"ip -6 address add 2001:db8:1::2/64 dev eth0 nodad; " \
	"ip -6 address add 2001:db8:1::3/64 dev eth0; " \
	"ip -6 address add 2001:db8:1::4/64 dev eth0 preferred_lft 0; " \
	"ip route add default via 203.0.113.1; " \
	"ip route add default via 203.0.113.254 metric 500; " \
	"ip route add 10.9.0.0/16 via 203.0.113.7 dev eth0 table 77 mtu 1400 src 203.0.113.3; " \
	"ip route add 10.8.0.0/16 dev eth0 scope link; " \
	"ip -6 route add default via 2001:db8:1::1 dev eth0; " \
	"ip -6 route add 2001:db8:9::/48 via 2001:db8:1::9 dev eth0 metric 5; " SETTLED
/* Without what a link has by itself while it is a port: fe80 of another moment. */
#define STATE \
	"ip -o address show | grep -v ' lo ' | sed 's/^[0-9]*: //'; " \
	"ip -4 route show table all; ip -6 route show table all; " \
	"ip -o link | sed 's/^[0-9]*: //; s/qlen [0-9]*//' | sort"
#define INHERIT "bridges: {br0: {ports: [eth0]}}"

static char *state(void)
{
	return xstrdup(sh(STATE));
}

/* The machine's network is as it was then, to the letter. */
static void same_as(const char *before)
{
	same(sh(STATE), before);
}

static void card(void)
{
	sh(CARD);
}

/* Of a link that negotiates anew for a second, as one that comes out of a bond does. */
static bool heard_after_a_second(bool had_carrier)
{
	int fd;
	struct pollfd p;

	sh("ip link set peer0 down; until ip link show eth0 | grep -q NO-CARRIER; do sleep 0.05; "
	   "done; "
	   "(sleep 1; ip link set peer0 up) >/dev/null 2>&1 &");
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));
	assert_true(fd >= 0);
	announce(&host, "eth0", had_carrier);
	p = (struct pollfd){ .fd = fd, .events = POLLIN };
	assert_true(poll(&p, 1, 500) >= 0);
	close(fd);
	return p.revents & POLLIN;
}

static void announced_when_the_carrier_is_back(void **state_ _unused_)
{
	sh("ip link add eth0 type veth peer name peer0; ip link set eth0 up; ip link set peer0 up; "
	   "ip address add 203.0.113.2/24 dev eth0");
	assert_true(heard_after_a_second(true));
	assert_false(heard_after_a_second(false));
}

static void ports_come_and_go(void **state_ _unused_)
{
	sh("ip link add eth0 address 02:00:00:00:00:10 type veth peer name p0; "
	   "ip link add eth1 type veth peer name p1; ip link set eth1 up");
	net_converge("bridges: {br0: {ports: [eth0, eth1]}}");
	has(sh("ip -o link show master br0"), "eth0");
	has(sh("ip -o link show eth0"), ",UP");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), "02:00:00:00:00:10\n");
	/* Somebody else's port stays, and goes along with nothing of ours. */
	sh("ip link add tap9 address 00:00:00:00:00:01 type veth peer name p9 && "
	   "ip link set tap9 master br0");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), "02:00:00:00:00:10\n");
	assert_string_equal(net_plan("bridges: {br0: {ports: [eth0, eth1]}}"), "");
	net_converge("bridges: {br0: {ports: [eth1]}}");
	hasnt(sh("ip -o link show eth0"), "master");
	hasnt(sh("ip -o link show eth0"), ",UP");
	has(sh("ip -o link show tap9"), "master br0");
	/* Two links with one address in one network would be heard as one. */
	assert_string_equal(
		sh("cat /sys/class/net/br0/address"), sh("cat /sys/class/net/eth1/address"));
	sh("ip link set eth1 nomaster");
	has(net_plan("bridges: {br0: {ports: [eth1]}}"), "ports  [] -> [eth1]");
	net_converge("bridges: {br0: {ports: [eth1]}}");
	assert_int_not_equal(net_apply("bridges: {}"), 0);
	has(net_failure(), "br0 still holds the port tap9, which is not kvmhost's");
	has(sh("ip -o link show eth1"), "master br0");
	sh("ip link delete tap9");
	net_converge("bridges: {}");
	hasnt(sh("ip -o link show eth1"), "master");
	has(sh("ip -o link show eth1"), ",UP");
}

static void all_moves_and_comes_back(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL, *on_bridge = NULL;
	const char *text;

	card();
	before = state();
	net_converge(INHERIT);
	text = sh("ip -o address show dev eth0");
	hasnt(text, "203.0.113");
	hasnt(text, "2001:db8");
	text = sh("ip address show dev br0");
	has(text, "inet 203.0.113.2/24 brd 203.0.113.255 scope global br0");
	has(text, "203.0.113.3/24 scope global secondary br0:web");
	has(text, "198.51.100.9/32");
	has(text, "2001:db8:1::2/64 scope global nodad");
	has(text, "2001:db8:1::3/64 scope global \n");
	has(text, "2001:db8:1::4/64 scope global deprecated");
	text = sh("ip route show table all; ip -6 route show table all");
	has(text, "default via 203.0.113.1 dev br0 \n");
	has(text, "default via 203.0.113.254 dev br0 metric 500");
	has(text, "10.9.0.0/16 via 203.0.113.7 dev br0 table 77 src 203.0.113.3 mtu 1400");
	has(text, "10.8.0.0/16 dev br0 scope link");
	has(text, "default via 2001:db8:1::1 dev br0");
	has(text, "2001:db8:9::/48 via 2001:db8:1::9 dev br0 metric 5");
	hasnt(text, "203.0.113.0/24 dev eth0");
	on_bridge = state();
	fixture_restart();
	assert_string_equal(net_plan(INHERIT), "");
	net_converge("bridges: {}");
	same_as(before);
	/* And again, to the letter. */
	net_converge(INHERIT);
	assert_string_equal(sh("ip -o address show br0 | sed 's/^[0-9]*: //' | grep -v fe80; "
			       "ip route show table all dev br0 | grep -v multicast"),
		sh("ip -o address show br0 | sed 's/^[0-9]*: //' | grep -v fe80; "
		   "ip route show table all dev br0 | grep -v multicast"));
	net_converge("bridges: {}");
	same_as(before);
}

static void failure_puts_all_back(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	card();
	before = state();
	/* The bridge's own step works; a later one of the network's does not. */
	sh("ip link add v9 type veth peer name br9 && ip link delete v9");
	assert_int_not_equal(
		net_apply("bridges: {br0: {ports: [eth0]}}\n"
			  "tappers: {t0: {bridge: br0, owner: 7}, t1: {bridge: br77}}"),
		0);
	same_as(before);
	net_converge(INHERIT);
	net_converge("bridges: {}");
	same_as(before);
}

static void neighbours_move_too(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	sh(CARD "ip neigh add 203.0.113.77 lladdr 52:54:00:00:00:77 dev eth0 nud permanent; "
		"ip neigh add 2001:db8:1::77 lladdr 52:54:00:00:00:78 dev eth0 nud permanent; "
		"ip neigh add 203.0.113.78 lladdr 52:54:00:00:00:79 dev eth0 nud reachable");
	before = xstrdup(sh("ip neigh show nud permanent"));
	net_converge(INHERIT);
	has(sh("ip neigh show nud permanent"), "203.0.113.77 dev br0 lladdr 52:54:00:00:00:77");
	has(sh("ip neigh show nud permanent"), "2001:db8:1::77 dev br0 lladdr 52:54:00:00:00:78");
	hasnt(sh("ip neigh show nud permanent"), "eth0");
	/* Whom the kernel found out is a hint: it asks again when it is used. */
	has(sh("ip neigh show"), "203.0.113.78 dev br0 lladdr 52:54:00:00:00:79 STALE");
	net_converge("bridges: {br0: {ports: [eth0], addressing: none}}");
	assert_string_equal(sh("ip neigh show nud permanent"), "");
	fixture_restart();
	net_converge("bridges: {}");
	same(sh("ip neigh show nud permanent"), before);
}

/* By a router's word, say: on the bridge it lives on, and the card gets what is left of it now. */
static void prolonged_meanwhile(void **state_ _unused_)
{
	card();
	sh("ip -6 address add 2001:db8:1::5/64 dev eth0 nodad valid_lft 3 preferred_lft 3");
	net_converge(INHERIT);
	sh("ip -6 address change 2001:db8:1::5/64 dev br0 valid_lft 900 preferred_lft 900; sleep "
	   "3.2");
	net_converge("bridges: {}");
	has(sh("ip -6 address show to 2001:db8:1::5 dev eth0"), "valid_lft 89");
}

static uint64_t a_year_on(void)
{
	return (uint64_t)time(NULL) + 31557600;
}

/*
 * A host without a clock of its own hears the time after its first minute. What nobody deleted is
 * taken from the bridge as it is.
 */
static void clock_set_meanwhile(void **state_ _unused_)
{
	uint64_t (*now)(void) = host.now;

	card();
	sh("ip -6 address add 2001:db8:1::5/64 dev eth0 nodad valid_lft 895 preferred_lft 895");
	net_converge(INHERIT);
	host.now = a_year_on;
	sh("ip link del br0");
	net_converge("bridges: {}");
	host.now = now;
	has(sh("ip -6 address show to 2001:db8:1::5 dev eth0"), "valid_lft 89");
}

static void another_card_has_the_name(void **state_ _unused_)
{
	const char *plan;

	card();
	net_converge(INHERIT);
	sh("ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up; "
	   "ip link add eth0 type veth peer name p1; ip link set eth0 up; ip link set p1 up; "
	   "ip address add 192.0.2.7/24 dev eth0");
	plan = net_plan(INHERIT);
	has(plan, "the one that was taken is called lan0 now; write `lan0`, or: ip link set lan0 "
		  "name eth0");
	assert_int_equal(net_apply(INHERIT), 0);
	hasnt(sh("ip -o link show eth0"), "master");
	has(sh("ip address show eth0"), "192.0.2.7/24");
	has(sh("ip -o link show lan0"), "master br0");
	has(sh("ip address show br0"), "203.0.113.2/24");
	/* Given back to the card, not to the name. */
	net_converge("bridges: {}");
	has(sh("ip address show lan0"), "203.0.113.2/24");
	has(sh("ip route"), "default via 203.0.113.1 dev lan0");
	hasnt(sh("ip -o link show lan0"), "master");
	hasnt(sh("ip address show eth0"), "203.0.113");
}

static void its_new_name_in_the_document(void **state_ _unused_)
{
	card();
	net_converge(INHERIT);
	sh("ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up");
	net_converge("bridges: {br0: {ports: [lan0]}}");
	has(sh("ip -o link show lan0"), "master br0");
	has(sh("ip address show br0"), "203.0.113.2/24");
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	net_converge("bridges: {}");
	has(sh("ip address show lan0"), "203.0.113.2/24");
}

static void one_of_its_other_names(void **state_ _unused_)
{
	card();
	sh("ip link property add dev eth0 altname uplink0 altname enp9s0");
	has(net_plan("bridges: {br0: {ports: [uplink0]}}"), "+ bridge/br0");
	assert_int_equal(net_apply("bridges: {br0: {ports: [uplink0]}}"), 0);
	has(net_plan("bridges: {br0: {ports: [uplink0]}}"),
		"the link uplink0 to appear: that is another name of eth0; write `eth0`");
	hasnt(sh("ip -o link show eth0"), "master");
}

static void moves_between_bridges(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	card();
	before = state();
	net_converge(INHERIT);
	net_converge("bridges: {br0: {}, br1: {ports: [eth0]}}");
	has(sh("ip address show br1"), "203.0.113.2/24");
	hasnt(sh("ip address show br0"), "203.0.113");
	has(sh("ip route"), "default via 203.0.113.1 dev br1");
	/* The tap leaves br1 after br2 is made: the port changes before its bridge lets go. */
	net_converge("bridges: {br1: {ports: [eth0]}}\ntappers: {t0: {bridge: br1}}");
	net_converge("bridges: {br2: {ports: [eth0]}}\ntappers: {t0: {bridge: br2}}");
	has(sh("ip address show br2"), "203.0.113.2/24");
	hasnt(sh("ip link"), "br1");
	net_converge("bridges: {}");
	same_as(before);
}

static void modes(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	card();
	before = state();
	net_converge("bridges: {br0: {ports: [eth0], addressing: none}}");
	hasnt(sh("ip address"), "203.0.113");
	hasnt(sh("ip route"), "default");
	net_converge(INHERIT);
	has(sh("ip address show br0"), "203.0.113.2/24");
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	net_converge("bridges: {br0: {ports: [eth0], addressing: [203.0.113.99/24, "
		     "203.0.113.3/24, \"2001:db8:1::99/64\"]}}");
	hasnt(sh("ip address show br0"), "203.0.113.2/24");
	has(sh("ip address show br0"), "203.0.113.99/24 brd 203.0.113.255");
	has(sh("ip address show br0"), "2001:db8:1::99/64");
	hasnt(sh("ip address show br0"), "2001:db8:1::2/64");
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	sh("ip address add 10.1.1.1/24 dev br0");
	has(net_plan("bridges: {br0: {ports: [eth0], addressing: [203.0.113.99/24, "
		     "203.0.113.3/24, \"2001:db8:1::99/64\"]}}"),
		"10.1.1.1/24");
	net_converge("bridges: {br0: {ports: [eth0], addressing: none}}");
	hasnt(sh("ip address"), "203.0.113");
	hasnt(sh("ip address"), "10.1.1.1");
	net_converge("bridges: {}");
	same_as(before);
	net_converge("bridges: {br0: {addressing: [10.7.0.1/24]}}");
	has(sh("ip address show br0"), "10.7.0.1/24");
	net_converge("bridges: {br0: {addressing: 10.7.0.2/24}}");
	hasnt(sh("ip address show br0"), "10.7.0.1/24");
	net_converge("bridges: {br0: {}}");
	hasnt(sh("ip address show br0"), "10.7.0");
}

static void unreachable_gateway_is_no_takeover(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	card();
	before = state();
	assert_int_not_equal(
		net_apply("bridges: {br0: {ports: [eth0], addressing: [10.7.0.1/24]}}"), 0);
	has(net_failure(), "cannot go along: of the addresses of br0 none reaches 203.0.113.");
	same_as(before);
}

static void drift(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	card();
	before = state();
	net_converge(INHERIT);
	/* A client of somebody's puts the address back on the card. */
	sh("ip address add 203.0.113.2/24 dev eth0");
	has(net_plan(INHERIT), "addressing");
	net_converge(INHERIT);
	hasnt(sh("ip address show eth0"), "203.0.113.2");
	sh("ip address delete 203.0.113.2/24 dev br0");
	has(net_plan(INHERIT), "addressing");
	net_converge(INHERIT);
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	/* One more of the administrator's is none of ours. */
	sh("ip address add 10.5.5.5/24 dev br0");
	assert_string_equal(net_plan(INHERIT), "");
	sh("ip link delete br0");
	net_converge(INHERIT);
	has(sh("ip address show br0"), "203.0.113.2/24");
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	/* Deleted, and no longer wanted: what it took is owed. */
	sh("ip link delete br0");
	net_converge("bridges: {}");
	has(sh("ip address show eth0"), "203.0.113.2/24");
	has(sh("ip route"), "default via 203.0.113.1 dev eth0");
}

/* A port's routes lead past the bridge, where no answer is heard. */
static void route_through_a_port(void **state_ _unused_)
{
	card();
	net_converge(INHERIT);
	sh("ip route add 10.6.0.0/16 dev eth0; "
	   "ip -6 route add 2001:db8:6::/48 dev eth0; ip route add 10.5.0.0/16 dev br0");
	has(net_plan(INHERIT), "route through eth0  10.6.0.0/16 -> (none)");
	net_converge(INHERIT);
	assert_string_equal(
		sh("ip route show dev eth0; ip -6 route show dev eth0 | sed /^fe80/d"), "");
	has(sh("ip route"), "10.6.0.0/16 dev br0");
	has(sh("ip -6 route"), "2001:db8:6::/48 dev br0");
	net_converge("bridges: {br0: {ports: [eth0], addressing: none}}");
	sh("ip route add 10.4.0.0/16 dev eth0");
	net_converge("bridges: {br0: {ports: [eth0], addressing: none}}");
	hasnt(sh("ip route"), "10.4.0.0/16");
	net_converge("bridges: {}");
	has(sh("ip route"), "10.6.0.0/16 dev eth0");
	has(sh("ip route"), "10.4.0.0/16 dev eth0");
	has(sh("ip -6 route"), "2001:db8:6::/48 dev eth0");
}

static void route_that_went(void **state_ _unused_)
{
	static const char routes[] = "ip -4 route show table all; ip -6 route | sed /^fe80/d";
	_cleanup_free_ char *on_bridge = NULL;

	card();
	net_converge(INHERIT);
	on_bridge = xstrdup(sh(routes));
	/* Who sets a link down takes its routes. */
	sh("ip link set br0 down; ip link set br0 up");
	has(net_plan(INHERIT), "route through br0  (none) -> ");
	net_converge(INHERIT);
	same(sh(routes), on_bridge);
	sh("ip route delete default via 203.0.113.1");
	has(net_plan(INHERIT), "route through br0  (none) -> default via 203.0.113.1");
	net_converge(INHERIT);
	has(sh("ip route"), "default via 203.0.113.1 dev br0");
	/* Whoever leads it elsewhere means it: by the same metric, or through the bridge by
	 * another. */
	sh("ip route replace default via 203.0.113.8");
	assert_string_equal(net_plan(INHERIT), "");
	sh("ip route add default via 203.0.113.9 metric 7; ip route delete default via "
	   "203.0.113.8");
	assert_string_equal(net_plan(INHERIT), "");
	net_converge("bridges: {}");
	has(sh("ip route"), "default via 203.0.113.1 dev eth0");
}

static void late_port_is_waited_for(void **state_ _unused_)
{
	static const char doc[] = "bridges: {br0: {ports: [eth0, eth1]}}";

	sh("ip link add eth1 address 02:00:00:00:00:11 type veth peer name p1");
	assert_int_equal(net_apply(doc), 0);
	assert_int_equal(last.waiting, 1);
	has(sh("ip -o link show eth1"), "master br0");
	has(net_plan(doc), "the link eth0 to appear");
	sh("ip link add eth0 address 02:00:00:00:00:10 type veth peer name p0; "
	   "ip address add 203.0.113.2/24 dev eth0");
	net_converge(doc);
	has(sh("ip -o link show eth0"), "master br0");
	has(sh("ip address show br0"), "203.0.113.2/24");
	assert_string_equal(sh("cat /sys/class/net/br0/address"), "02:00:00:00:00:11\n");
	net_converge("bridges: {br1: {ports: []}}");
	sh("ip link delete eth0");
	net_converge("bridges: {br1: {}}");
	assert_int_equal(net_apply("bridges: {br1: {ports: [eth0]}}"), 0);
	sh("ip link add eth0 address 02:00:00:00:00:10 type veth peer name p0");
	net_converge("bridges: {br1: {ports: [eth0]}}");
	/* Made before its first port came. */
	assert_string_equal(sh("cat /sys/class/net/br1/address"), "02:00:00:00:00:10\n");
}

static void refused(void **state_ _unused_)
{
	sh("ip link add docker0 type bridge && ip link add eth0 type veth peer name p0 && "
	   "ip link set eth0 master docker0");
	assert_int_not_equal(net_apply(INHERIT), 0);
	has(net_failure(), "eth0 is a port of docker0 (a bridge) already");
	has(net_failure(), "ip link set eth0 nomaster");
	assert_int_not_equal(net_apply("bridges: {br0: {ports: [docker0]}}"), 0);
	has(net_failure(), "docker0 is a bridge itself");
	hasnt(sh("ip link"), "br0:");
	has(net_check("bridges: {br0: {ports: [br1]}, br1: {}}"), "br1 is a bridge itself");
	has(net_check("bridges: {br0: {ports: [lo]}}"), "is the loopback device");
	has(net_check("bridges: {br0: {ports: [eth0]}, br1: {ports: [eth0]}}"),
		"port `eth0` is claimed by bridge/br0 and by bridge/br1");
	has(net_check("bridges: {br0: {addressing: [inherit, 10.0.0.1/24]}}"), "contradict");
	has(net_check("bridges: {br0: {addressing: []}}"), "says nothing");
}

static void mtu_of_ports(void **state_ _unused_)
{
	sh("ip link add eth0 mtu 1400 type veth peer name p0 mtu 9000");
	net_converge("bridges: {br0: {ports: [eth0], mtu: 1500}}");
	has(sh("ip link show eth0"), "mtu 1500");
	has(sh("ip link show br0"), "mtu 1500");
	sh("ip link set eth0 mtu 1300");
	has(net_plan("bridges: {br0: {ports: [eth0], mtu: 1500}}"), "mtu  1300 -> 1500");
	net_converge("bridges: {br0: {ports: [eth0], mtu: 1500}}");
	net_converge("bridges: {br0: {mtu: 1500}}");
	has(sh("ip link show eth0"), "mtu 1400");
	net_converge("bridges: {br1: {ports: [eth0]}}");
	has(sh("ip link show br1"), "mtu 1400");
}

/* A bridge that another tool made, with the card in it and the host's address on it. */
static void adopted(void **state_ _unused_)
{
	_cleanup_free_ char *before = NULL;

	sh("ip link add br0 type bridge; ip link add eth0 type veth peer name p0; "
	   "ip link add eth1 type veth peer name p1; ip link set eth1 up; ip link set p0 up; "
	   "ip link set p1 up; ip link set eth0 up master br0; ip link set br0 up; "
	   "ip address add 203.0.113.2/24 dev br0; ip route add default via 203.0.113.1; "
	   "ip link set br0 address 02:00:00:00:00:77 type bridge forward_delay 0; "
	   "ip address add 192.0.2.7/24 dev eth1; " SETTLED);
	before = state();
	has(net_plan(INHERIT), "adopt");
	net_converge(INHERIT);
	net_converge("bridges: {br0: {ports: [eth0, eth1], addressing: [192.0.2.9/24]}}");
	has(sh("ip address show br0"), "203.0.113.2/24");
	has(sh("ip address show br0"), "192.0.2.9/24");
	hasnt(sh("ip address show eth1"), "192.0.2.7/24");
	net_converge("bridges: {}");
	same_as(before);
}

/* Where the kernel has no driver for them, the error says so and what to do. */
static void vlan(void **state_ _unused_)
{
	static const char doc[] = "vlans: {eth0.42: {link: eth0, id: 42}}\n"
				  "bridges: {br0: {ports: [eth0.42]}}";

	assert_int_equal(net_apply(doc), 0);
	has(net_plan(doc), "the link eth0 to appear");
	hasnt(sh("ip link"), "br0");
	sh("ip link add eth0 address 02:00:00:00:00:10 type veth peer name p0");
	has(net_check("vlans: {v1: {link: lo, id: 4094}}"), "is the loopback device");
	has(net_check("vlans: {v1: {link: v2, id: 1}, v2: {link: v1, id: 1}}"),
		"these wait for each other");
	if (!system("ip link add eth0.1 link eth0 type vlan id 1 2>/dev/null && "
		    "ip link delete eth0.1")) {
		net_converge(doc);
		has(sh("ip -o link show master br0"), "eth0.42@eth0");
		net_converge("vlans: {eth0.42: {link: eth0, id: 43, protocol: 802.1ad}}\n"
			     "bridges: {br0: {ports: [eth0.42]}}");
		has(sh("ip -d link show eth0.42"), "protocol 802.1ad id 43");
		net_converge("bridges: {}");
		hasnt(sh("ip link"), "eth0.42");
		return;
	}
	assert_int_not_equal(net_apply(doc), 0);
	has(net_failure(), "the kernel's vlan driver, 8021q, is not loaded");
	has(net_failure(), "modprobe 8021q");
	hasnt(sh("ip link"), "br0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(announced_when_the_carrier_is_back, fixture_reset),
		cmocka_unit_test_setup(ports_come_and_go, fixture_reset),
		cmocka_unit_test_setup(all_moves_and_comes_back, fixture_reset),
		cmocka_unit_test_setup(failure_puts_all_back, fixture_reset),
		cmocka_unit_test_setup(neighbours_move_too, fixture_reset),
		cmocka_unit_test_setup(prolonged_meanwhile, fixture_reset),
		cmocka_unit_test_setup(clock_set_meanwhile, fixture_reset),
		cmocka_unit_test_setup(another_card_has_the_name, fixture_reset),
		cmocka_unit_test_setup(its_new_name_in_the_document, fixture_reset),
		cmocka_unit_test_setup(one_of_its_other_names, fixture_reset),
		cmocka_unit_test_setup(moves_between_bridges, fixture_reset),
		cmocka_unit_test_setup(modes, fixture_reset),
		cmocka_unit_test_setup(unreachable_gateway_is_no_takeover, fixture_reset),
		cmocka_unit_test_setup(drift, fixture_reset),
		cmocka_unit_test_setup(route_through_a_port, fixture_reset),
		cmocka_unit_test_setup(route_that_went, fixture_reset),
		cmocka_unit_test_setup(late_port_is_waited_for, fixture_reset),
		cmocka_unit_test_setup(refused, fixture_reset),
		cmocka_unit_test_setup(mtu_of_ports, fixture_reset),
		cmocka_unit_test_setup(adopted, fixture_reset),
		cmocka_unit_test_setup(vlan, fixture_reset),
	};

	return FIXTURE_RUN(tests);
}
