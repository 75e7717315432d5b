# SPDX-License-Identifier: GPL-2.0-or-later
"""A NAT network, with traffic, beside a firewall that others use."""
import json

from documents import EMPTY, FOREIGN, NAT, everything, foreign_state, put, settle


def test_nat_with_traffic(capsule):
    world = capsule.uplink()
    world.serve(80)
    settle(capsule, NAT)
    client = capsule.client("client", "virbr0", "192.168.122.10/24", "192.168.122.1")
    assert client.pings("192.168.122.1")
    assert client.pings(world.address)
    assert client.ask(world.address, 80) == "203.0.113.2", "not masqueraded"
    # nobody outside opens a connection to the inside
    world.run("ip route add 192.168.122.0/24 via 203.0.113.2")
    client.serve(8000)
    assert world.ask("192.168.122.10", 8000, timeout=1) == ""
    capsule.run("ip netns del client")


def test_drift_is_planned_and_repaired(capsule):
    settle(capsule, NAT)
    capsule.run("ip addr del 192.168.122.1/24 dev virbr0")
    capsule.run("iptables-legacy -t nat -F")
    plan = json.loads(capsule.ctl("--json", "plan", check=False).stdout)
    assert {s["resource"] for s in plan["steps"]} == {"network/default", "firewall/ip-nat"}
    capsule.ctl("apply")
    assert "192.168.122.1/24" in capsule.run("ip -4 addr show virbr0").stdout
    assert "MASQUERADE" in capsule.run("iptables-legacy-save -t nat").stdout
    assert capsule.ctl("plan").rc == 0


def test_a_deleted_bridge_comes_back(capsule):
    settle(capsule, NAT)
    capsule.run("ip link del virbr0")
    capsule.ctl("apply")
    assert "192.168.122.1/24" in capsule.run("ip -4 addr show virbr0").stdout


def test_unchanged_rules_are_left_alone(capsule):
    """An apply that changes one network leaves the other's rules and their counters in place."""
    settle(capsule, NAT)
    client = capsule.client("counted", "virbr0", "192.168.122.11/24", "192.168.122.1")
    assert client.pings("203.0.113.1")
    before = capsule.run("iptables-legacy-save -c").stdout
    settle(capsule, NAT + "  more: {mode: isolated, bridge: vbm, addresses: [10.3.0.1/24]}\n")
    after = capsule.run("iptables-legacy-save -c").stdout
    counted = [line for line in before.splitlines() if "network/default" in line]
    assert any(not line.startswith("[0:0]") for line in counted)
    assert counted == [line for line in after.splitlines() if "network/default" in line]
    capsule.run("ip netns del counted")


def test_foreign_things_survive(another):
    capsule = another("foreign", kvmhost=True)
    capsule.run(FOREIGN)
    before, all_before = foreign_state(capsule), everything(capsule)
    settle(capsule, NAT)
    assert foreign_state(capsule) == before
    settle(capsule, NAT.replace("192.168.122", "192.168.123"))
    assert foreign_state(capsule) == before
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert foreign_state(capsule) == before
    assert everything(capsule) == all_before


def test_a_link_that_is_no_bridge_is_refused(capsule):
    settle(capsule, EMPTY, "--allow-mass-removal")
    capsule.run("ip link add virbr0 type veth peer name other0")
    put(capsule, NAT)
    r = capsule.ctl("apply", check=False)
    assert r.rc == 1
    assert "virbr0" in r.stdout + r.stderr and "veth" in r.stdout + r.stderr
    assert "veth" in capsule.run("ip -d link show virbr0").stdout
    capsule.run("ip link del virbr0")
    settle(capsule, NAT)
    settle(capsule, EMPTY, "--allow-mass-removal")


def test_ip_forward_returns_to_what_it_was(capsule):
    capsule.run("echo 0 >/proc/sys/net/ipv4/ip_forward")
    settle(capsule, NAT)
    assert capsule.read("/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert "net.ipv4.ip_forward" in capsule.read("/etc/sysctl.d/90-kvmhost.conf")
    settle(capsule, EMPTY, "--allow-mass-removal")
    assert capsule.read("/proc/sys/net/ipv4/ip_forward") == "0\n"
    assert not capsule.exists("/etc/sysctl.d/90-kvmhost.conf")


def test_an_adopted_bridge_is_given_back(capsule):
    capsule.run("ip link add br9 type bridge forward_delay 700 && ip link set br9 up mtu 1400")
    before = capsule.run("ip -d -o link show br9 | sed 's/state [A-Z]*//'").stdout
    settle(capsule, "version: 1\nbridges:\n  br9: {forward_delay: 0s, mtu: 1500}\n")
    assert "forward_delay 0" in capsule.run("ip -d link show br9").stdout
    settle(capsule, EMPTY, "--allow-mass-removal")
    after = capsule.run("ip -d -o link show br9 | sed 's/state [A-Z]*//'").stdout
    assert "forward_delay 700" in after and "mtu 1400" in after
    assert "alias" not in after and before.split("mtu")[1].split()[0] == after.split("mtu")[1].split()[0]
    capsule.run("ip link del br9")
