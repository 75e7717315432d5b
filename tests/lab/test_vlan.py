# SPDX-License-Identifier: GPL-2.0-or-later
"""VLANs on the real driver: loaded by the document, a port of a bridge, with tagged traffic to another machine."""
import pytest

DOCUMENT = """\
version: 1
host: {kernel: {modules: {8021q: {}}}}
vlans:
  v0.42: {link: v0, id: %s%s}
bridges:
  br-vlan42: {ports: [v0.42], addressing: [192.0.2.1/24]}
"""


@pytest.fixture(scope="module")
def wire(lab):
    """The card v0, and at its other end a namespace."""
    lab.run("ip netns add far && ip link add v0 type veth peer name far0 netns far && ip link set v0 up && "
            "ip -n far link set far0 up")
    return lab


def settle(host, text, *args):
    host.write("/etc/kvmhost/host.yaml", text)
    host.ctl("apply", *args)
    assert host.ctl("plan", check=False).rc == 0


def test_a_vlan_in_a_bridge(wire):
    assert not wire.exists("/sys/module/8021q")
    settle(wire, DOCUMENT % (42, ""))
    wire.run("for id in 42 43; do ip -n far link add far0.$id link far0 type vlan id $id && "
             "ip -n far link set far0.$id up; done; ip -n far addr add 192.0.2.2/24 dev far0.42")
    assert "802.1Q id 42" in wire.run("ip -d link show v0.42").stdout
    assert "master br-vlan42" in wire.run("ip link show v0.42").stdout
    assert wire.run("ip netns exec far ping -n -q -c 2 -W 3 192.0.2.1", check=False).rc == 0
    # another number is another link, in the same place of the bridge
    settle(wire, DOCUMENT % (43, ", mtu: 1400"))
    assert "802.1Q id 43" in wire.run("ip -d link show v0.42").stdout
    assert "master br-vlan42" in wire.run("ip link show v0.42").stdout
    assert wire.run("ip netns exec far ping -n -q -c 1 -W 1 192.0.2.1", check=False).rc != 0
    wire.run("ip -n far addr del 192.0.2.2/24 dev far0.42; ip -n far addr add 192.0.2.2/24 dev far0.43")
    assert wire.run("ip netns exec far ping -n -q -c 2 -W 3 192.0.2.1", check=False).rc == 0
    settle(wire, DOCUMENT % (42, ", protocol: 802.1ad"))
    assert "802.1ad id 42" in wire.run("ip -d link show v0.42").stdout


def test_released(wire):
    settle(wire, "version: 1\n", "--allow-mass-removal")
    left = wire.run("ip -o link").stdout
    assert "v0.42" not in left and "br-vlan42" not in left and "v0@" in left
