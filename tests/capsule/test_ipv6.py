# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 on networks: announced, leased, hidden, forwarded to and kept in, with traffic; the host keeps its own way out."""
import ipaddress
import re

import pytest
from documents import EMPTY, everything, put, rules, settle
from harness import wait_until
from test_crash import killed, points

BACKENDS = ["iptables", "nftables"]
WEB1_MAC = "52:54:00:1a:b3:4a"
DOCUMENT = """\
version: 1
networks:
  default:
    bridge: virbr0
    addresses: [192.168.122.1/24, "fd00:122::1/64"]
    nat66: true
    dhcp: {range: [192.168.122.100, 192.168.122.200]}
    dns: {domain: guests.internal}
  leased:
    bridge: virbr1
    addresses: ["fd00:123::1/64"]
    nat66: true
    dhcp:
      range6: ["fd00:123::100", "fd00:123::1ff"]
      hosts:
        web1: {address6: "fd00:123::10"}
    dns: {domain: leased.internal}
    forwards:
      - {host_port: 8080, to: "[fd00:123::10]:80"}
  open:
    mode: routed
    bridge: virbr2
    addresses: ["2001:db8:2::1/64"]
  lab:
    mode: isolated
    bridge: virbr3
    addresses: ["fd00:124::1/64"]
  four:
    bridge: virbr4
    addresses: [10.4.0.1/24]
guests:
  web1:
    state: stopped
    memory: {size: 192MiB}
    kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check hostname=web1"}
    interfaces: [{network: leased, mac: "52:54:00:1a:b3:4a"}]
"""


@pytest.fixture(scope="module")
def host(capsule):
    capsule.world = world = capsule.uplink()
    # no kernel autoconfiguration here; who hears router advertisements has a test of its own
    capsule.run("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra")
    capsule.run("ip addr add 2001:db8:1::2/64 dev eth0 nodad; ip -6 route add default via 2001:db8:1::1")
    world.run("ip addr add 2001:db8:1::1/64 dev eth0 nodad; ip -6 route add 2001:db8:2::/64 via 2001:db8:1::2")
    capsule.six = type(world)(capsule, world.name, "2001:db8:1::1")
    capsule.six.serve(80)
    capsule.clean = state(capsule)
    return capsule


def state(capsule):
    # a tap without its guest has an address that the kernel made up
    return re.sub(r"<[^>]*> | state [A-Z]+|link/ether \S+", "", everything(capsule)) + capsule.run(
        "ip -6 route show | grep -v fe80 | sed 's, linkdown,,' | sort; ip6tables-legacy-save | grep KVMHOST; "
        "grep . /proc/sys/net/ipv6/conf/{all/forwarding,eth0/accept_ra}", check=False).stdout


def ask(space, address, port, timeout=5):
    """Who serve() at address:port saw; socat writes addresses out."""
    said = space.ask(address, port, timeout=timeout)
    return str(ipaddress.ip_address(said.strip("[]"))) if said else ""


def address(space, prefix, timeout=30):
    """The address of the namespace's eth0 in that network, once it is usable."""
    def usable():
        said = space.run("ip -6 -o addr show dev eth0 scope global -tentative").stdout
        found = re.findall(rf"inet6 ({prefix}\S*)/", said)
        return found and found[0]
    space.address = wait_until(usable, timeout, f"an address {prefix}...", 0.2)
    return space


def client(host, name, bridge, prefix):
    return address(host.client(name, bridge), prefix)


def test_own_addresses_and_the_world_behind_nat66(host):
    settle(host, DOCUMENT)
    a = client(host, "a", "virbr0", "fd00:122::")
    try:
        assert a.pings("fd00:122::1")
        assert "default via fe80:" in a.run("ip -6 route").stdout
        assert ask(a, "2001:db8:1::1", 80) == "2001:db8:1::2", "hidden behind the host"
        # nobody opens a connection to the inside, whatever route he makes himself
        a.serve(8000)
        host.world.run("ip -6 route add fd00:122::/64 via 2001:db8:1::2")
        assert ask(host.six, a.address, 8000, timeout=1) == ""
        host.world.run("ip -6 route del fd00:122::/64")
    finally:
        host.unplug("a")


def test_without_nat66_addresses_are_kept(host):
    settle(host, DOCUMENT.replace("    nat66: true\n", "", 1))
    a = client(host, "a", "virbr0", "fd00:122::")
    host.world.run("ip -6 route add fd00:122::/64 via 2001:db8:1::2")
    try:
        assert ask(a, "2001:db8:1::1", 80) == a.address
        a.serve(8000)
        assert ask(host.six, a.address, 8000, timeout=1) == "", "answers alone come in"
    finally:
        host.world.run("ip -6 route del fd00:122::/64")
        host.unplug("a")


def test_leases_names_and_forwards(host):
    settle(host, DOCUMENT)
    web = host.client("web", "virbr1")
    try:
        web.run(f"ip link set eth0 down; ip link set eth0 address {WEB1_MAC}; ip link set eth0 up")
        wait_until(lambda: "fe80" in web.run("ip -6 addr show dev eth0 -tentative").stdout, 30, "a link-local address")
        web.run("dhclient -6 -1 -D LL -sf /bin/true -pf /run/web.pid -lf /run/web.leases eth0", timeout=40)
        leased = re.findall(r"iaaddr (\S+) \{", host.read("/run/web.leases"))
        assert leased == ["fd00:123::10"], "the fixed address follows the MAC address"
        web.run("ip addr add fd00:123::10/64 dev eth0 nodad")
        wait_until(lambda: "default" in web.run("ip -6 route").stdout, 30, "the announced way out")
        assert "fd00:123" not in web.run("ip -6 -o addr show dev eth0 dynamic").stdout, "no address of its own making"
        web.address = "fd00:123::10"
        assert ask(web, "2001:db8:1::1", 80) == "2001:db8:1::2"
        web.serve(80)
        assert ask(host.six, "2001:db8:1::2", 8080) == "2001:db8:1::1", "from outside, seen as who it is"
        said = web.run("busybox nslookup -type=aaaa web1.leased.internal fd00:123::1", timeout=20).stdout
        assert "fd00:123::10" in said.split("Name:", 1)[1], said
    finally:
        host.run("kill $(cat /run/web.pid)", check=False)
        host.unplug("web")


def test_routed_and_isolated(host):
    settle(host, DOCUMENT)
    a, b = client(host, "a", "virbr2", "2001:db8:2:"), client(host, "b", "virbr3", "fd00:124::")
    c = host.client("c", "virbr3")
    try:
        address(c, "fd00:124::")
        assert ask(a, "2001:db8:1::1", 80) == a.address
        a.serve(80)
        assert ask(host.six, a.address, 80) == "2001:db8:1::1"
        assert b.pings("fd00:124::1") and b.pings(c.address)
        assert "default" not in b.run("ip -6 route").stdout, "no way out is announced"
        b.run("ip -6 route add default via fd00:124::1")
        assert ask(b, "2001:db8:1::1", 80, timeout=1) == ""
        assert ask(b, a.address, 80, timeout=1) == "", "not even a network that lets everybody in"
    finally:
        host.unplug("a", "b", "c")


def test_a_network_of_ipv4_alone_has_no_ipv6(host):
    """Guests that make themselves addresses and routes get nowhere by way of the host; among themselves they may."""
    settle(host, DOCUMENT)
    a, b = host.client("a", "virbr4"), host.client("b", "virbr4")
    try:
        for space, own in ((a, "fd00:4::a"), (b, "fd00:4::b")):
            space.run(f"ip addr add {own}/64 dev eth0 nodad")
        mac = host.read("/sys/class/net/virbr4/address").strip()
        a.run(f"ip -6 route add default via fe80::1 dev eth0; ip neigh add fe80::1 lladdr {mac} dev eth0")
        host.world.run("ip -6 route add fd00:4::/64 via 2001:db8:1::2")
        host.run("ip -6 route add fd00:4::/64 dev virbr4", check=False)
        assert a.pings("fd00:4::b")
        assert ask(a, "2001:db8:1::1", 80, timeout=1) == ""
        assert not host.run("ip -6 addr show dev virbr4").stdout
        # a guest that plays the router finds no hearer
        assert host.read("/proc/sys/net/ipv6/conf/virbr0/accept_ra") == "0\n"
    finally:
        host.world.run("ip -6 route del fd00:4::/64")
        host.unplug("a", "b")


def test_everything_is_given_back(host):
    settle(host, DOCUMENT)
    assert "fd00:123::" in rules(host)
    settle(host, EMPTY, "--allow-mass-removal")
    assert state(host) == host.clean


def test_killed_in_the_middle(host):
    """With a link that hears routers too: killed anywhere, the next run ends where an unharmed one does."""
    host.run("echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_ra")
    clean = state(host)
    put(host, DOCUMENT)
    where = points(host, 16)
    applied = state(host)
    assert "eth0/accept_ra:2" in applied
    hits = 0
    for n in where:
        put(host, EMPTY)
        hits += killed(host, n, "--allow-mass-removal")
        host.ctl("apply", "--allow-mass-removal")
        assert state(host) == clean, f"releasing, killed at {n}"
        put(host, DOCUMENT)
        hits += killed(host, n)
        host.ctl("apply")
        assert host.ctl("plan").rc == 0
        assert state(host) == applied, f"applying, killed at {n}"
    assert hits >= len(where)
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_ra")


def test_the_host_keeps_the_way_out_that_a_router_announced(another):
    capsule = another("ra", kvmhost=True)
    world = capsule.uplink()
    world.run("ip addr add 2001:db8:1::1/64 dev eth0 nodad; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    capsule.run(["systemd-run", "--quiet", "--unit=router", "ip", "netns", "exec", world.name, "dnsmasq", "-k",
                 "--conf-file=/dev/null", "--port=0", "--enable-ra", "--dhcp-range=2001:db8:1::,ra-only",
                 "--ra-param=eth0,4", "--user=root", "--pid-file=", "--dhcp-leasefile=/run/router.leases"])
    wait_until(lambda: "default" in capsule.run("ip -6 route").stdout, 30, "a route that was announced")
    put(capsule, DOCUMENT)
    plan = capsule.ctl("plan", check=False).stdout
    assert re.search(r"uplinks/host.*\n +net.ipv6.conf.eth0.accept_ra +1 -> 2", plan), plan
    capsule.run("systemd-run --quiet --unit=lost sh -c 'ip -6 monitor route >/run/lost'")
    capsule.run("until grep -qs db8:ffff /run/lost; do ip -6 route add unreachable 2001:db8:ffff::/64; "
                "ip -6 route del unreachable 2001:db8:ffff::/64; sleep 0.1; done")
    settle(capsule, DOCUMENT)
    capsule.run("sleep 6; systemctl stop lost")
    assert "Deleted default" not in capsule.read("/run/lost")
    assert "default" in capsule.run("ip -6 route").stdout
    assert "net.ipv6.conf.eth0.accept_ra = 2" in capsule.read("/etc/sysctl.d/89-kvmhost-uplinks.conf")
    settle(capsule, EMPTY, "--allow-mass-removal")
    assert capsule.read("/proc/sys/net/ipv6/conf/eth0/accept_ra") == "1\n"
    assert capsule.read("/proc/sys/net/ipv6/conf/all/forwarding") == "0\n"
    assert not capsule.exists("/etc/sysctl.d/89-kvmhost-uplinks.conf")


def test_real_guests(host):
    host.add_guest_kernel()
    settle(host, DOCUMENT.replace("    state: stopped\n", "").replace("{network: leased,", "{network: default,")
           .replace('dhcp:\n      range6: ["fd00:123::100", "fd00:123::1ff"]\n      hosts:\n        web1: {address6: "fd00:123::10"}',
                    'dhcp: {range6: ["fd00:123::100", "fd00:123::1ff"]}').replace("hostname=web1", "hostname=web1 ip=dhcp"))
    guest = host.console("/run/kvmhost/guests/web1/console.sock")
    guest.ready(150)
    said = wait_until(lambda: re.search(r"inet6 (fd00:122::\S+)/64 scope global dynamic",
                                        guest.run("ip -6 addr show dev eth0")), 30, "an address of its own", 1)
    guest.run("ping6 -c 1 -W 3 fd00:122::1")
    guest.run("ping6 -c 1 -W 3 2001:db8:1::1")
    assert "0001:0000:0000:0000:0000:0002" in guest.run("nc 2001:db8:1::1 80 </dev/null || true")
    # the host's dnsmasq knows the guest's own address by the name of its IPv4 lease
    own = said[1]
    wait_until(lambda: own in host.run("busybox nslookup -type=aaaa web1.guests.internal 192.168.122.1", check=False,
                                       timeout=20).stdout, 60, "the guest's AAAA", 1)
    guest.close()
    settle(host, EMPTY, "--allow-mass-removal")
