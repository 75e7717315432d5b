# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that come later, go, come back, or are called otherwise, while kvmhostd runs. Veths stand in for cards."""
import itertools

import pytest
from documents import EMPTY, put, settle
from harness import wait_until

DOCUMENT = "version: 1\nbridges:\n  br0: {ports: [nic0]}\n"


def link(host, name):
    return host.run(f"ip -o link show {name}; ip -o addr show {name}", check=False).stdout


def plug(host, name="nic0", address=None, number=itertools.count()):
    far = f"far{next(number)}"
    host.run(f"ip link add {name} type veth peer name {far} netns far && ip -n far link set {far} up && "
             + (f"ip addr add {address} dev {name} && " if address else "") + f"ip link set {name} up && "
             f"ip -n far link set {far} master sw")


@pytest.fixture
def host(capsule):
    """Its daemon runs, and `far` is what the cards lead to."""
    capsule.run("ip netns add far && ip -n far link add sw address 52:54:00:00:02:01 type bridge forward_delay 0 && ip -n far link set sw up && "
                "ip -n far addr add 192.0.2.1/24 dev sw")
    yield capsule
    settle(capsule, EMPTY, "--allow-mass-removal")
    capsule.run("systemctl stop kvmhostd; ip netns del far; for l in nic0 lan0; do ip link del $l 2>/dev/null; done; :")


def taken(host, name="nic0"):
    wait_until(lambda: "master br0" in link(host, name) and ",UP" in link(host, name), 30, f"{name} in br0")
    wait_until(lambda: host.ctl("plan", check=False).rc == 0, 30, "nothing left to do")


def pings(host):
    """Soon: a bridge learns where its port leads."""
    return wait_until(lambda: host.run("ping -n -q -c 1 -W 2 192.0.2.1", check=False).rc == 0, 30, "an answer")


def test_comes_later_goes_and_comes_back(host):
    put(host, DOCUMENT)
    host.run("systemctl start kvmhostd")
    assert "the link nic0 to appear" in host.ctl("plan").stdout and link(host, "br0")
    plug(host, address="192.0.2.2/24")
    taken(host)
    assert "192.0.2.2/24" in link(host, "br0") and pings(host)
    for again in (None, "192.0.2.2/24"):  # as its driver leaves it, and as something at hotplug sets it up
        host.run("ip link del nic0")
        wait_until(lambda: "the link nic0 to appear" in host.ctl("plan", check=False).stdout, 30, "it is waited for")
        plug(host, address=again)
        taken(host)
        assert "192.0.2.2/24" in link(host, "br0") and "192.0.2.2" not in link(host, "nic0") and pings(host)
    settle(host, EMPTY, "--allow-mass-removal")
    assert "192.0.2.2/24" in link(host, "nic0") and pings(host)


def test_another_card_has_its_name(host):
    """The one that was taken stays; the other one is nobody's to take."""
    plug(host, address="192.0.2.2/24")
    settle(host, DOCUMENT)
    host.run("systemctl start kvmhostd && ip link set nic0 down && ip link set nic0 name lan0 && ip link set lan0 up")
    plan = wait_until(lambda: (p := host.ctl("plan", check=False)).rc == 0 and p, 30, "an empty plan")
    assert "is called lan0 now" in plan.stdout and "ip link set lan0 name nic0" in plan.stdout, plan
    plug(host, address="198.51.100.7/24")
    host.run("sleep 1")
    assert "master" not in link(host, "nic0") and "198.51.100.7/24" in link(host, "nic0")
    assert "master br0" in link(host, "lan0") and pings(host)
    host.reload_daemon()
    assert "is called lan0 now" in host.ctl("status", check=False).stdout
    assert "master" not in link(host, "nic0") and "198.51.100.7" not in link(host, "br0")
    settle(host, EMPTY, "--allow-mass-removal")
    assert "192.0.2.2/24" in link(host, "lan0") and "master" not in link(host, "lan0") and pings(host)
    assert "198.51.100.7/24" in link(host, "nic0")


def test_its_new_name_in_the_document(host):
    plug(host, address="192.0.2.2/24")
    settle(host, DOCUMENT)
    host.run("ip link set nic0 down; ip link set nic0 name lan0; ip link set lan0 up")
    settle(host, DOCUMENT.replace("nic0", "lan0"))
    assert "master br0" in link(host, "lan0") and "192.0.2.2/24" in link(host, "br0") and pings(host)
    host.run("ip link set lan0 down; ip link set lan0 name nic0; ip link set nic0 up")
    settle(host, DOCUMENT)
    taken(host)


def test_one_of_its_other_names(host):
    plug(host)
    host.run("ip link property add dev nic0 altname uplink0")
    put(host, DOCUMENT.replace("nic0", "uplink0"))
    plan = host.ctl("plan", check=False)
    host.ctl("apply")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 0 and "uplink0 to appear: that is another name of nic0; write `nic0`" in plan.stdout, plan
    settle(host, DOCUMENT)
    taken(host)
