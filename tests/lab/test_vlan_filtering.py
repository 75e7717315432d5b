# SPDX-License-Identifier: GPL-2.0-or-later
"""A bridge that tells VLANs apart, with tagged traffic through its ports, on a kernel that can."""
import json

import pytest

BRIDGE = """\
version: 1
host: {kernel: {modules: {8021q: {}}}}
bridges:
  br0:
    ports: [v0, v1]
    addressing: [192.0.2.1/24]
    vlan_filtering: true
    vlans:
      v0: {pvid: 7, vlans: [42, 43, 100-120]}
      v1: {pvid: 42}
      br0: {pvid: 43}
"""
GUEST = """\
guests:
  web1:
    state: stopped
    kernel: {image: /boot/vmlinuz}
    interfaces:
      - {bridge: br0%s}
      - {bridge: br0}
"""


@pytest.fixture(scope="module")
def wires(lab):
    """v0, behind which a machine speaks with tags, and v1, behind which one knows of none."""
    lab.run("modprobe 8021q; for i in 0 1; do ip netns add far$i; ip link add v$i type veth peer name far netns far$i; "
            "ip link set v$i up; ip -n far$i link set far up; done; "
            "for id in 42 43; do ip -n far0 link add far.$id link far type vlan id $id; ip -n far0 link set far.$id up; done; "
            "ip -n far0 addr add 192.0.2.3/24 dev far.43; ip -n far0 addr add 198.51.100.3/24 dev far.42; "
            "ip -n far1 addr add 198.51.100.4/24 dev far; ip -n far1 addr add 192.0.2.4/24 dev far")
    return lab


def settle(host, text, *args):
    host.write("/etc/kvmhost/host.yaml", text)
    host.ctl("apply", *args)
    assert host.ctl("plan", check=False).rc == 0


def vlans(host, port):
    """[(number, flags)] as iproute2 sees them."""
    for entry in json.loads(host.run("bridge -j vlan show").stdout):
        if entry["ifname"] == port:
            return [(v["vlan"], v.get("vlanEnd"), sorted(v.get("flags", []))) for v in entry["vlans"]]
    return []


def pings(host, space, address):
    return host.run(f"ip netns exec {space} ping -n -q -c 2 -i 0.3 -W 1 {address}", check=False).rc == 0


OWN = ["Egress Untagged", "PVID"]


def test_traffic(wires):
    settle(wires, BRIDGE)
    assert vlans(wires, "v1") == [(42, None, OWN)]
    assert vlans(wires, "br0") == [(43, None, OWN)]
    assert (7, None, OWN) in vlans(wires, "v0") and len(wires.run("bridge vlan show dev v0").stdout.split("\n")) > 20
    assert pings(wires, "far0", "192.0.2.1"), "tagged 43 reaches the host"
    assert pings(wires, "far0", "198.51.100.4"), "tagged 42 leaves v1 without its tag"
    assert not pings(wires, "far1", "192.0.2.1"), "42 does not reach the host"


def test_changes(wires):
    settle(wires, BRIDGE.replace("[42, 43, 100-120]", "[43, 7-9, 100-110]").replace("pvid: 7", "pvid: 42"))
    assert (42, None, OWN) in vlans(wires, "v0") and (7, None, []) in vlans(wires, "v0")
    assert "111" not in wires.run("bridge vlan show dev v0").stdout
    # what means the same is no change; what somebody changed is drift
    settle(wires, BRIDGE.replace("[42, 43, 100-120]", "[100-110, 7, 8-9, 43]").replace("pvid: 7", "pvid: 42"))
    wires.run("bridge vlan del dev v1 vid 42; bridge vlan add dev v1 vid 9 pvid untagged")
    plan = wires.ctl("plan", check=False)
    assert plan.rc == 2 and "vlans.v1.pvid" in plan.stdout, plan
    settle(wires, BRIDGE)
    assert vlans(wires, "v1") == [(42, None, OWN)]
    # untagged without being the pvid, and the pvid with a tag
    wires.run("bridge vlan add dev v0 vid 43 untagged; bridge vlan add dev v1 vid 42 pvid")
    plan = wires.ctl("plan", check=False)
    assert plan.rc == 2 and "vlans.v0.vlans" in plan.stdout and "vlans.v1.pvid" in plan.stdout, plan
    settle(wires, BRIDGE)
    assert vlans(wires, "v1") == [(42, None, OWN)] and (43, None, []) in vlans(wires, "v0")


def test_every_second(wires):
    """The most attributes that a request can have."""
    odd = list(range(45, 4094, 2))
    settle(wires, BRIDGE.replace("[42, 43, 100-120]", str(odd)))
    assert [v[0] for v in vlans(wires, "v0")] == [7, *odd]
    settle(wires, BRIDGE)
    assert (4093, None, []) not in vlans(wires, "v0")


def test_guests(wires):
    settle(wires, BRIDGE + GUEST % ", pvid: 42")
    assert vlans(wires, "web1-tap0") == [(42, None, OWN)]
    assert vlans(wires, "web1-tap1") == [(1, None, OWN)]
    settle(wires, BRIDGE + GUEST % ", vlans: [42, 50-51]")
    assert [v[0] for v in vlans(wires, "web1-tap0")] == [42, 50, 51] and OWN not in [v[2] for v in vlans(wires, "web1-tap0")]
    settle(wires, BRIDGE + GUEST % ", pvid: 42, vlans: [1]")
    assert vlans(wires, "web1-tap0") == [(1, None, []), (42, None, OWN)]
    settle(wires, BRIDGE + GUEST % "")
    assert vlans(wires, "web1-tap0") == [(1, None, OWN)]


def test_switched_off_and_released(wires):
    plain = BRIDGE[:BRIDGE.index("    vlan_filtering")]
    settle(wires, plain)
    assert pings(wires, "far1", "192.0.2.1"), "a bridge like any other"
    settle(wires, BRIDGE)
    assert not pings(wires, "far1", "192.0.2.1")
    settle(wires, "version: 1\n", "--allow-mass-removal")
    assert "br0" not in wires.run("ip -o link").stdout


def test_one_that_was_there(wires):
    """It filters for somebody else, and goes on to when it is given back."""
    wires.run("ip link add br0 type bridge vlan_filtering 1; ip link set br0 up; ip link set v1 master br0; "
              "bridge vlan add dev v1 vid 5 pvid untagged; bridge vlan del dev v1 vid 1; ip addr add 192.0.2.1/24 dev br0")
    settle(wires, BRIDGE)
    assert vlans(wires, "v1") == [(42, None, OWN)]
    settle(wires, "version: 1\n", "--allow-mass-removal")
    assert vlans(wires, "v1") == [(5, None, OWN)]
    assert "vlan_filtering 1" in wires.run("ip -d link show br0").stdout
