# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that the kernel makes of a word; those that this kernel lacks are in tests/lab."""
import pytest
from documents import EMPTY, put, settle
from test_crash import killed, points

JOINED = """\
version: 1
bridges:
  br0: {ports: [lan0], addressing: [192.0.2.1/24]}
  br1: {ports: [lan1]}
veths:
  lan0: {peer: lan1}
"""


@pytest.fixture
def host(capsule):
    yield capsule
    capsule.unplug("box")
    settle(capsule, EMPTY, "--allow-mass-removal")
    assert "lan" not in capsule.run("ip -o link").stdout


def test_a_cable_joins_two_bridges(host):
    settle(host, JOINED)
    box = host.client("box", "br1", "192.0.2.2/24")
    assert box.pings("192.0.2.1")
    # either end that somebody took down is drift
    for end in ("lan0", "lan1"):
        host.run(f"ip link set {end} down")
        assert host.ctl("plan", check=False).rc == 2
        host.ctl("apply")
        assert box.pings("192.0.2.1") and host.ctl("plan", check=False).rc == 0
    settle(host, JOINED.replace("lan1}\n", "lan1, mtu: 1400, mac: \"52:54:00:00:00:09\"}\n"))
    link = host.run("ip link show lan0").stdout
    assert "mtu 1400" in link and "52:54:00:00:00:09" in link
    # another end is another cable, and both are in their bridges again
    settle(host, JOINED.replace("lan1", "lan2"))
    assert "master br1" in host.run("ip link show lan2").stdout and box.pings("192.0.2.1")
    assert "lan1" not in host.run("ip -o link").stdout


def test_an_end_in_a_container(host):
    settle(host, "version: 1\nveths:\n  lan0: {peer: lan1}\n")
    host.run("ip netns add box; ip link set lan1 netns box")
    assert host.ctl("plan", check=False).rc == 0
    settle(host, "version: 1\nveths:\n  lan0: {peer: lan1, mtu: 1400}\n")
    assert "lan1" in host.run("ip -n box link").stdout


def test_what_is_in_the_way(host):
    host.run("ip link add lan0 type bridge")
    put(host, JOINED)
    done = host.ctl("apply", check=False)
    assert done.rc == 1 and "the link lan0 is there already and is a bridge, not a veth" in done.stdout + done.stderr, done
    host.run("ip link del lan0")


def test_a_kernel_without_the_driver(host):
    if host.run("ip link add probe type bond && ip link del probe", check=False).rc == 0:
        pytest.skip("this kernel has the bonding driver, so nothing lacks; tests/lab/test_bond.py has what it does")
    put(host, "version: 1\nbonds:\n  lanbond: {ports: [lan0, lan1]}\nveths:\n  lan0: {peer: lan1}\n")
    done = host.ctl("apply", check=False)
    said = done.stdout + done.stderr
    assert done.rc == 1 and "the kernel's bond driver, bonding, is not loaded" in said and "modprobe bonding" in said, done
    assert "lan0" not in host.run("ip -o link").stdout, "all is put back"


def test_killed_anywhere(host):
    put(host, JOINED)
    where = points(host, 12)
    settle(host, EMPTY, "--allow-mass-removal")
    hits = 0
    for point in where:
        put(host, JOINED)
        hits += killed(host, point)
        settle(host, JOINED)
        put(host, EMPTY)
        killed(host, point, "--allow-mass-removal")
        settle(host, EMPTY, "--allow-mass-removal")
        assert "lan" not in host.run("ip -o link").stdout
    assert hits >= len(where) - 2


def test_what_the_kernel_refuses_is_told_with_its_words_and_its_place(host):
    host.run("ip tuntap add dev wire mode tap")
    settle(host, "version: 1\nbridges:\n  brw: {ports: [wire]}\n")
    host.write("/etc/kvmhost/host.yaml", "version: 1\nbridges:\n  brw: {ports: [wire], mtu: 65530}\n")
    said = host.ctl("apply", check=False)
    assert said.rc == 1 and "mtu greater than device maximum" in said.stdout, said
    assert "/etc/kvmhost/host.yaml:3:29" in said.stdout, said
    settle(host, "version: 1\n", "--allow-mass-removal")
    host.run("ip link del wire")
