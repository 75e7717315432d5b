# SPDX-License-Identifier: GPL-2.0-or-later
"""What others have bound to a card by its name is told before a bridge speaks for the card, and after."""
import json

import pytest
from documents import EMPTY, put, settle
from harness import wait_until

INHERIT = "version: 1\nbridges:\n  br0: {ports: [eth0]}\n"
V6 = "2001:db8:1::"
# Firewalls that let in port 22 by the card alone, and their rule for the bridge.
SHUT = {
    "iptables-legacy": (
        "for t in iptables-legacy ip6tables-legacy; do $t -A INPUT -i lo -j ACCEPT; "
        "$t -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; $t -A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT; done; "
        "iptables-legacy -A INPUT -p icmp -j ACCEPT; ip6tables-legacy -A INPUT -p ipv6-icmp -j ACCEPT; "
        "iptables-legacy -P INPUT DROP; ip6tables-legacy -P INPUT DROP",
        "for t in iptables-legacy ip6tables-legacy; do $t -A INPUT -i br0 -p tcp -m tcp --dport 22 -m comment --comment mine -j ACCEPT; done",
        ["chain INPUT of the iptables table filter", "chain INPUT of the ip6tables table filter"]),
    "iptables-nft": (
        "for t in iptables-nft ip6tables-nft; do $t -N ssh; $t -A ssh -p tcp -m tcp --dport 22 -j ACCEPT; $t -A INPUT -i lo -j ACCEPT; "
        "$t -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; $t -A INPUT -i eth+ -j ssh; done; "
        "iptables-nft -A INPUT -p icmp -j ACCEPT; ip6tables-nft -A INPUT -p ipv6-icmp -j ACCEPT; "
        "iptables-nft -A INPUT -j REJECT; ip6tables-nft -P INPUT DROP",
        "for t in iptables-nft ip6tables-nft; do $t -I INPUT -i br0 -j ssh; done",
        ["chain INPUT of the nftables table ip filter", "chain INPUT of the nftables table ip6 filter"]),
    "nft": (
        "nft -f - <<'EOF'\ntable inet mine {\n set cards { type ifname; elements = { \"lo\", \"eth0\" }; }\n"
        " chain input {\n  type filter hook input priority 0; policy drop;\n  ct state established,related accept\n  iif lo accept\n"
        "  meta l4proto { icmp, ipv6-icmp } accept\n  iif eth0 tcp dport { 22, 80 } counter accept\n  iifname @cards udp dport 53 accept\n }\n}\nEOF",
        "nft add rule inet mine input iifname br0 tcp dport 22 accept; nft add element inet mine cards '{ br0 }'",
        ["chain input of the nftables table inet mine"]),
}


@pytest.fixture
def host(another):
    made = another("x", kvmhost=True)
    made.run("for i in all default; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done")
    made.world = made.uplink()
    made.run(f"ip addr add {V6}2/64 dev eth0")
    made.world.run(f"echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip addr add {V6}1/64 dev eth0")
    for family in "4", "6":
        made.run(["systemd-run", "--quiet", "--collect", f"--unit=ssh{family}", "socat",
                  f"TCP{family}-LISTEN:22,reuseaddr,fork" + (",ipv6only=1" if family == "6" else ""), "SYSTEM:echo reached; timeout 5 cat >/dev/null"])
    wait_until(lambda: made.run("ss -ltn").stdout.count(":22 ") == 2, 30, "listeners")
    return made


def reached(host):
    """From outside, by both families."""
    return [host.world.ask(address, 22, timeout=3) for address in ("203.0.113.2", f"{V6}2")]


def told(host):
    return json.loads(host.ctl("--json", "status", check=False).stdout)["bound_to_cards"]


@pytest.mark.parametrize("firewall", SHUT)
def test_a_way_in_by_the_cards_name(host, firewall):
    """What would shut it is refused, before anything is done; with the same rules for the bridge it is taken."""
    shut, cure, chains = SHUT[firewall]
    assert reached(host) == ["reached"] * 2
    host.run("set -e\n" + shut)
    assert reached(host) == ["reached"] * 2
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 1 and "TCP port 22 of the host" in plan.stdout and chains[0] in plan.stdout and "for br0" in plan.stdout
    assert [f"warning: {chain} has" in plan.stderr for chain in chains] == [True] * len(chains), plan.stderr
    assert host.ctl("apply", check=False).rc == 1
    assert host.run("ip link show br0", check=False).rc and reached(host) == ["reached"] * 2
    host.run(cure)
    settle(host, INHERIT)
    assert "master br0" in host.run("ip link show eth0").stdout and reached(host) == ["reached"] * 2
    plan = host.ctl("plan", check=False)
    assert plan.rc == 0 and not plan.stderr
    if firewall == "nft":  # another set of ports than the card's, by another word
        assert [one["what"].split(" has ")[0] for one in told(host)] == chains
    else:
        assert not told(host)
    settle(host, EMPTY, "--allow-mass-removal")
    assert reached(host) == ["reached"] * 2


def test_a_map_with_a_word_for_all_others(host):
    """What the bridge's name is not in, a map may let in all the same."""
    host.run("nft -f - <<'EOF'\ntable inet mine {\n chain input {\n  type filter hook input priority 0; policy drop;\n"
             "  iifname vmap { \"eth0\" : accept, \"eth7\" : drop, * : accept }\n }\n}\nEOF")
    settle(host, INHERIT)
    assert reached(host) == ["reached"] * 2
    settle(host, EMPTY, "--allow-mass-removal")


WARNED = {
    "a rule of each kind, in nftables": (
        "nft -f - <<'EOF'\ntable ip out {\n chain post {\n  type nat hook postrouting priority 100;\n  oifname \"eth0\" masquerade\n }\n"
        " chain pre {\n  type filter hook prerouting priority 0;\n  iifname vmap { \"eth0\" : accept, \"lo\" : accept }\n"
        "  iifname . tcp dport { \"eth0\" . 8080 } drop\n  iifname != \"eth*\" tcp dport 9 drop\n }\n}\n"
        "table netdev early {\n chain in {\n  type filter hook ingress device \"eth0\" priority 0;\n  iif eth0 accept\n }\n}\nEOF",
        {"chain post of the nftables table ip out": 1, "chain pre of the nftables table ip out": 3}),
    "nat and raw, in iptables": (
        "iptables-legacy -t nat -A POSTROUTING -o eth0 -j MASQUERADE; iptables-legacy -t nat -N mine; "
        "iptables-legacy -t nat -A mine -p tcp -j RETURN; iptables-legacy -t nat -A mine -i eth0 -p tcp -j DNAT --to 10.0.0.1; "
        "iptables-legacy -t raw -A PREROUTING ! -i eth0 -p udp --dport 9 -j DROP; ip6tables-legacy -A OUTPUT -o eth+ -p udp -j DROP; "
        "iptables-legacy -A FORWARD -m physdev --physdev-in eth0 -j ACCEPT; iptables-legacy -A FORWARD -i other -j ACCEPT; "
        "iptables-legacy -A FORWARD -i e+ -j ACCEPT",
        {"chain POSTROUTING of the iptables table nat": 1, "chain mine of the iptables table nat": 1,
         "chain PREROUTING of the iptables table raw": 1, "chain OUTPUT of the ip6tables table filter": 1,
         "chain FORWARD of the iptables table filter": 1}),
}


@pytest.mark.parametrize("rules", WARNED)
def test_rules_by_the_cards_name(host, rules):
    """They are told with the plan, and by status as long as there is none like them for the bridge; a plan without a card to
    come looks at nothing."""
    made, expected = WARNED[rules]
    host.run("set -e\n" + made)
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2
    for chain, n in expected.items():
        assert f"warning: {chain} has {n} rule{'s' if n > 1 else ''} for eth0" in plan.stderr, plan.stderr
    assert plan.stderr.count("warning:") == len(expected), plan.stderr
    applied = host.ctl("apply")
    assert applied.stderr.count("warning:") == len(expected), applied.stderr
    assert {one["what"].split(" has ")[0] for one in told(host)} == set(expected)
    text = host.ctl("status", check=False).stdout
    assert all(chain in text for chain in expected)
    assert not host.ctl("plan").stderr and not host.ctl("apply").stderr
    # by the cure's own command the rule is found
    shown = {one["what"].split(" has ")[0]: one["cure"].split(": ")[1].split(" shows")[0] for one in told(host)}
    for chain, command in shown.items():
        assert "eth" in host.run(command).stdout or "e+" in host.run(command).stdout, chain


def test_sockets_bound_to_the_card(host):
    """A server that is bound to it hears no more: told with its name, by what it hears; one for all goes on."""
    for unit, what in (("tftp", "UDP4-RECVFROM:69,fork"), ("web", "TCP6-LISTEN:80,fork")):
        host.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "socat", "-u", f"{what},so-bindtodevice=eth0", "SYSTEM:cat >/dev/null"])
    wait_until(lambda: host.run("ss -ltunH | grep -c %eth0", check=False).stdout.strip() == "2", 30, "sockets bound to eth0")
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and plan.stderr.count("warning: socat") == 2, plan.stderr
    for said in ("tftp.service) has UDP port 69 bound to eth0", "web.service) has TCP port 80"):
        assert said in plan.stderr, plan.stderr
    settle(host, INHERIT)
    assert len(told(host)) == 2 and reached(host) == ["reached"] * 2
    host.run("systemctl stop tftp web")
    assert not told(host)
    settle(host, EMPTY, "--allow-mass-removal")


def test_a_tunnel_on_the_card(host):
    """What goes to all goes out by the card, where there is no way any more: told; made anew on the bridge it goes on. One of another link is not."""
    for run, peer, own in ((host.run, "203.0.113.1", 1), (host.world.run, "203.0.113.2", 2)):
        run(f"ip link add vx0 type vxlan id 42 remote {peer} dstport 4789 dev eth0 && ip addr add 10.42.0.{own}/24 dev vx0 && ip link set vx0 up")
    host.run("ip link add vx1 type vxlan id 43 remote 203.0.113.1 dstport 4790; ip link add vx2 type vxlan id 44 remote 10.0.0.1 dstport 4791 dev lo")
    reach = "ping -c 1 -W 2 10.42.0.2"
    host.run(reach)
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and plan.stderr.count("warning: ") == 1, plan.stderr
    assert "warning: vx0, a vxlan device, sends by eth0, where nothing goes out when br0 speaks for it as its port" in plan.stderr, plan.stderr
    settle(host, INHERIT)
    host.run("ip neigh flush all; bridge fdb show dev vx0 | grep -v ^00:00:00:00:00:00 | while read mac rest; do bridge fdb del $mac dev vx0; done")
    assert host.run(reach, check=False).rc and len(told(host)) == 1
    host.run(told(host)[0]["cure"].split("(")[1][:-1] + " && ip link add vx0 type vxlan id 42 remote 203.0.113.1 dstport 4789 dev br0 && "
             "ip addr add 10.42.0.1/24 dev vx0 && ip link set vx0 up")
    host.run(reach)
    assert not told(host)
    settle(host, EMPTY, "--allow-mass-removal")


def test_what_is_heard_below_addresses(host):
    """Frames of a type of their own, and groups that somebody joined on the card. What any program may see of all is not told."""
    index = int(host.read("/sys/class/net/eth0/ifindex")).to_bytes(4, "little").hex()
    for unit, listen in (
            ("ptp", f"SOCKET-RECV:17:3:63368:x88f7{index}000000000000000000000000"),
            ("lldp", f"SOCKET-RECV:17:3:52360:x88cc{index}000000000000000000000000"),
            ("tap", "INTERFACE:eth0"),
            ("group", "UDP4-RECV:5000,ip-add-membership=239.1.2.3:eth0"),
            ("mdns", "UDP4-RECV:5353,ip-add-membership=224.0.0.251:eth0"),
            ("group6", "UDP6-RECV:5001,ipv6-join-group=[ff15\\:\\:7]:eth0")):
        host.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "socat", "-u", listen, "SYSTEM:cat >/dev/null"])
    wait_until(lambda: len(host.run("cat /proc/net/packet").stdout.splitlines()) >= 4 and "ff15" in host.read("/proc/net/igmp6"), 30, "listeners")
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and plan.stderr.count("warning: ") == 3, plan.stderr
    for said in ("ptp.service) has frames of type 0x88f7 bound to eth0", "somebody on eth0 has joined the group 239.1.2.3 ", "somebody on eth0 has joined the group ff15::7 "):
        assert said in plan.stderr, plan.stderr
    settle(host, INHERIT)
    assert len(told(host)) == 3
    host.run("systemctl stop ptp group group6")
    assert not told(host)
    settle(host, EMPTY, "--allow-mass-removal")


MULTICAST = """
import signal, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
s.setsockopt(socket.IPPROTO_IP, 200, 1)  # MRT_INIT
s.setsockopt(socket.IPPROTO_IP, 202, struct.pack("=HBBIiI", 0, 8, 1, 0, socket.if_nametoindex("eth0"), 0))  # MRT_ADD_VIF
signal.pause()
"""


def test_a_multicast_router(host):
    """As mrouted, pimd, smcroute or igmpproxy: the kernel has the card among those between which it forwards."""
    host.run(["systemd-run", "--quiet", "--collect", "--unit=router", "python3", "-c", MULTICAST])
    wait_until(lambda: "eth0" in host.read("/proc/net/ip_mr_vif"), 30, "a multicast router")
    put(host, INHERIT)
    plan = host.ctl("plan", check=False)
    said = "a multicast router forwards between eth0 and other links"
    assert said in plan.stdout + plan.stderr and "name br0 instead of eth0" in plan.stdout + plan.stderr, plan
    host.run("systemctl stop router")
    plan = host.ctl("plan", check=False)
    assert said not in plan.stdout + plan.stderr, plan


def test_a_network_within_the_cards(host):
    """One of the same addresses as what the host stands in is told; one of others, and a routed one, which may be meant so, are not."""
    net = "version: 1\nnetworks:\n  lab: {{mode: {}, bridge: virbr0, addresses: [{}]}}\n"
    for mode, address, n in (("nat", "203.0.113.129/25", 1), ("isolated", f"{V6}1:1/112", 1), ("nat", "203.0.114.1/24", 0),
                             ("routed", "203.0.113.129/25", 0)):
        put(host, net.format(mode, address))
        plan = host.ctl("plan", check=False)
        assert plan.rc == 2 and plan.stderr.count("warning: the network lab is to have") == n, plan.stderr
    settle(host, net.format("nat", "203.0.113.129/25"))
    assert not host.ctl("plan").stderr and [one["card"] for one in told(host)] == ["eth0"]
    settle(host, net.format("nat", "203.0.114.1/24"))
    assert not told(host)
    settle(host, EMPTY, "--allow-mass-removal")


def test_a_network_that_the_host_has_elsewhere(host):
    """Refused before anything is touched, as libvirt does, where it is the same to the bit; what is within another, or has it in it, is told."""
    net = "version: 1\nnetworks:\n  lab: {{mode: {}, bridge: virbr0, addresses: [{}]}}\n"
    host.run("ip link add wg0 type veth peer name wg1; ip link set wg1 up; ip addr add 10.9.0.1/32 dev wg0; ip link set wg0 up; ip -6 route add fd00:7::/64 dev wg0; "
             "for to in 10.9.8.0/24 10.8.0.0/16; do ip route add $to dev wg0; done; ip route add 10.7.0.0/24 dev wg0 table 7")
    for mode, address, said in (
            ("nat", "203.0.113.129/24", "virbr0 cannot have 203.0.113.129/24: eth0 has 203.0.113.2/24 (a veth device)"),
            ("routed", "10.9.8.1/24", "virbr0 cannot have 10.9.8.1/24: the route 10.9.8.0/24 leads through wg0 (a veth device)"),
            ("isolated", "fd00:7::1/64", "virbr0 cannot have fd00:7::1/64: the route fd00:7::/64 leads through wg0 (a veth device)")):
        put(host, net.format(mode, address))
        plan = host.ctl("plan", check=False)
        assert plan.rc == 1 and said in plan.stdout + plan.stderr and "give lab other addresses" in plan.stdout + plan.stderr, plan
        assert "warning: the network" not in plan.stderr
        assert host.ctl("apply", check=False).rc == 1
        assert not host.exists("/sys/class/net/virbr0") and host.world.pings("203.0.113.2")
    for address, n in ("10.8.1.1/24", 1), ("10.9.0.1/16", 2), ("10.7.0.1/24", 0):
        put(host, net.format("nat", address))
        plan = host.ctl("plan", check=False)
        assert plan.rc == 2 and plan.stderr.count("warning: the network lab is to have") == n, plan.stderr
    settle(host, net.format("nat", "10.8.1.1/24"))
    assert not told(host)
    # what others do later is told, and is no reason to refuse what works
    host.run("ip route add 10.8.1.0/24 dev wg0 metric 50")
    assert host.ctl("plan").rc == 0 and [one["card"] for one in told(host)] == ["wg0"]
    # nor is what another network of ours gives away in the same apply
    settle(host, "version: 1\nnetworks:\n  old: {bridge: virbr1, addresses: [10.7.0.1/24]}\n")
    settle(host, "version: 1\nnetworks:\n  new: {bridge: virbr2, addresses: [10.7.0.1/24]}\n", "--allow-mass-removal")
    assert "10.7.0.1/24" in host.run("ip addr show virbr2").stdout and not host.exists("/sys/class/net/virbr1")
    settle(host, EMPTY, "--allow-mass-removal")
