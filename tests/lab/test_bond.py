# SPDX-License-Identifier: GPL-2.0-or-later
"""Two cards become one link that has the addresses of the first; one of them fails; all is given back."""
import pytest
from harness import wait_until
from test_crash import killed, points

EMPTY = "version: 1\n"
BOND = "version: 1\nbonds:\n  bond0: {ports: [leg0, leg1], primary: leg0%s}\n"
PLAIN = BOND % ""
BRIDGED = PLAIN + "bridges:\n  br0: {ports: [bond0]}\n"
STATE = ("for l in leg0 leg1; do ip -o addr show $l | grep -v fe80 | sed 's/^[0-9]*: //'; ip -4 route show table all dev $l; "
         "ip -6 route show table all dev $l | grep -v -e fe80 -e ff00 -e ^anycast; "
         "ip -o link show $l | sed 's/^[0-9]*: //'; done; ip -o link | wc -l")


def settle(host, text, *args):
    host.write("/etc/kvmhost/host.yaml", text)
    host.ctl("apply", *args)
    again = host.ctl("plan", check=False)
    assert again.rc == 0, again


def bonding(host, what, bond="bond0"):
    return host.read(f"/sys/class/net/{bond}/bonding/{what}").strip()


def has(host, link, text):
    return text in host.run(f"ip -o addr show {link}; ip -4 route show dev {link}; ip -o link show {link}", check=False).stdout


@pytest.fixture(scope="module")
def host(lab):
    """leg0, which has the host's addresses, and leg1; both lead to one switch in the namespace `far`."""
    lab.run("ip netns add far && ip -n far link add sw type bridge forward_delay 0 && ip -n far link set lo up && "
            "for i in 0 1; do ip link add leg$i type veth peer name far$i netns far && ip link set leg$i up && "
            "ip -n far link set far$i master sw up; done; ip -n far link set sw up; ip -n far addr add 192.0.2.1/24 dev sw; "
            "ip -n far addr add 2001:db8:1::1/64 dev sw nodad; ip -n far addr add 198.51.100.1/32 dev lo; "
            "ip addr add 192.0.2.2/24 dev leg0; ip addr add 2001:db8:1::2/64 dev leg0 nodad; "
            "ip route add 198.51.100.0/24 via 192.0.2.1 metric 77; ip route add 10.9.0.0/16 via 192.0.2.1 table 78; sleep 3")
    lab.before = lab.run(STATE).stdout
    lab.mac = lab.read("/sys/class/net/leg0/address")
    return lab


def flow(host):
    """From the host's addresses and to them, over what carries them now."""
    host.run("ping -n -q -c 2 -i 0.3 -W 5 198.51.100.1 && ip netns exec far ping -n -q -c 2 -i 0.3 -W 5 192.0.2.2 && "
             "ip netns exec far ping -n -q -c 2 -i 0.3 -W 5 2001:db8:1::2")


def test_one_leg_fails(host):
    assert not host.exists("/sys/module/bonding")
    settle(host, PLAIN)
    assert bonding(host, "mode") == "active-backup 1" and bonding(host, "miimon") == "100"
    assert host.read("/sys/class/net/bond0/address") == host.mac
    assert has(host, "bond0", "192.0.2.2/24") and has(host, "bond0", "198.51.100.0/24 via 192.0.2.1")
    assert not has(host, "leg0", "192.0.2.2") and has(host, "leg0", "master bond0") and has(host, "leg1", "master bond0")
    flow(host)
    assert bonding(host, "active_slave") == "leg0"
    host.run("ip -n far link set far0 down")
    wait_until(lambda: bonding(host, "active_slave") == "leg1", 10, "the other leg")
    flow(host)
    assert host.ctl("plan", check=False).rc == 0, "a failed leg is what a bond is for"
    host.run("ip -n far link set far0 up")
    wait_until(lambda: bonding(host, "active_slave") == "leg0", 10, "the preferred leg")
    flow(host)


def test_changed_while_it_works(host):
    settle(host, BOND % ", miimon: 50ms, updelay: 200ms, downdelay: 100ms, mtu: 1400")
    assert [bonding(host, key) for key in ("miimon", "updelay", "downdelay")] == ["50", "200", "100"]
    assert has(host, "leg1", "mtu 1400")
    flow(host)
    settle(host, (BOND % ", mode: balance-xor, xmit_hash_policy: layer3+4").replace(", primary: leg0", ""))
    assert bonding(host, "mode") == "balance-xor 2" and bonding(host, "xmit_hash_policy") == "layer3+4 1"
    flow(host)
    # what somebody takes out is drift
    host.run("ip link set leg1 nomaster")
    assert host.ctl("plan", check=False).rc == 2
    settle(host, PLAIN)
    assert bonding(host, "mode") == "active-backup 1" and bonding(host, "primary").startswith("leg0")
    flow(host)


def test_a_port_with_another_mac_address(host):
    """It would take over, and drop all that comes for the bond."""
    host.run("ip link set leg1 address 02:00:00:00:00:01")
    assert "mac of leg1" in host.ctl("plan", check=False).stdout
    settle(host, PLAIN)
    host.run("ip -n far link set far0 down")
    wait_until(lambda: bonding(host, "active_slave") == "leg1", 10, "the other leg")
    flow(host)
    host.run("ip -n far link set far0 up")
    wait_until(lambda: bonding(host, "active_slave") == "leg0", 10, "the preferred leg")
    # where each has its own it is nothing to mend
    settle(host, BOND % ", mode: balance-alb")
    assert host.read("/sys/class/net/leg1/address") != host.read("/sys/class/net/leg0/address")
    settle(host, PLAIN)
    flow(host)


def test_routes_that_strayed_and_went(host):
    """One through a leg leads past the bond, and those of the bond go when somebody sets it down and up."""
    host.run("ip route add 203.0.113.0/24 via 192.0.2.1 dev leg1 onlink")
    assert "route through leg1" in host.ctl("plan", check=False).stdout
    settle(host, PLAIN)
    assert has(host, "bond0", "203.0.113.0/24 via 192.0.2.1") and not has(host, "leg1", "203.0.113.0")
    host.run("ip link set bond0 down; ip link set bond0 up")
    assert not has(host, "bond0", "198.51.100.0/24")
    settle(host, PLAIN)
    assert has(host, "bond0", "198.51.100.0/24 via 192.0.2.1") and "10.9.0.0/16" in host.run("ip route show table 78").stdout
    flow(host)
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("ip route del 203.0.113.0/24 dev leg1")
    assert host.run(STATE).stdout == host.before
    settle(host, PLAIN)
    flow(host)


def test_in_a_bridge(host):
    settle(host, BRIDGED)
    assert has(host, "br0", "192.0.2.2/24") and not has(host, "bond0", "192.0.2.2") and has(host, "bond0", "master br0")
    assert has(host, "br0", "198.51.100.0/24 via 192.0.2.1") and host.read("/sys/class/net/br0/address") == host.mac
    flow(host)
    host.run("ip -n far link set far0 down")
    flow(host)
    host.run("ip -n far link set far0 up")
    host.run("ip link del bond0")
    settle(host, BRIDGED)
    flow(host)
    # a leg that leaves has its own again, and nobody else
    settle(host, BRIDGED.replace("[leg0, leg1], primary: leg0", "[leg1]"))
    assert has(host, "leg0", "192.0.2.2/24") and not has(host, "br0", "192.0.2.2") and not has(host, "leg0", "master")
    assert host.read("/sys/class/net/leg0/address") == host.mac != host.read("/sys/class/net/bond0/address")
    settle(host, PLAIN)
    assert has(host, "bond0", "192.0.2.2/24") and "br0" not in host.run("ip -o link").stdout
    flow(host)
    # a card's bridge becomes a bond's
    settle(host, EMPTY, "--allow-mass-removal")
    settle(host, "version: 1\nbridges:\n  br0: {ports: [leg0]}\n")
    settle(host, BRIDGED)
    flow(host)
    settle(host, EMPTY, "--allow-mass-removal")
    assert host.run(STATE).stdout == host.before
    flow(host)


def test_a_leg_that_comes_later(host):
    settle(host, PLAIN.replace("leg1", "leg9"))
    assert "leg9 to appear" in host.ctl("plan").stdout
    host.run("ip link add leg9 type veth peer name far9 netns far")
    assert host.ctl("plan", check=False).rc == 2
    settle(host, PLAIN.replace("leg1", "leg9"))
    assert has(host, "leg9", "master bond0")
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("ip link del leg9")
    assert host.run(STATE).stdout == host.before


def test_lacp(host):
    """With a switch that speaks it."""
    host.run("ip -n far link set far0 nomaster; ip -n far link set far1 nomaster; ip -n far link del sw; "
             "ip -n far link add sw type bond mode 802.3ad miimon 100 lacp_rate fast; "
             "for i in 0 1; do ip -n far link set far$i down; ip -n far link set far$i master sw; done; "
             "ip -n far link set sw up; ip -n far addr add 192.0.2.1/24 dev sw; ip neigh flush all")
    settle(host, "version: 1\nbonds:\n  bond0:\n    ports: [leg0, leg1]\n    mode: 802.3ad\n    lacp_rate: fast\n"
                 "    xmit_hash_policy: layer3+4\n")
    assert bonding(host, "lacp_rate") == "fast 1"
    wait_until(lambda: bonding(host, "ad_num_ports") == "2", 30, "both ports in one aggregator")
    reached = lambda: host.run("ping -n -q -c 1 -W 2 192.0.2.1", check=False).rc == 0  # noqa: E731
    wait_until(reached, 30, "the switch, when it distributes too", 0.5)
    host.run("ip -n far link set far0 down")
    wait_until(reached, 30, "the switch by the other leg", 0.5)
    host.run("ip -n far link set far0 up")
    settle(host, EMPTY, "--allow-mass-removal")
    assert host.run(STATE).stdout == host.before


def test_killed_anywhere(host):
    host.write("/etc/kvmhost/host.yaml", PLAIN)
    where = points(host, 5)
    settle(host, EMPTY, "--allow-mass-removal")
    for point in where:
        host.write("/etc/kvmhost/host.yaml", PLAIN)
        killed(host, point)
        settle(host, PLAIN)
        assert has(host, "bond0", "192.0.2.2/24") and has(host, "bond0", "198.51.100.0/24 via 192.0.2.1")
        host.write("/etc/kvmhost/host.yaml", EMPTY)
        killed(host, point, "--allow-mass-removal")
        settle(host, EMPTY, "--allow-mass-removal")
        assert host.run(STATE).stdout == host.before
