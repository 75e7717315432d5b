# SPDX-License-Identifier: GPL-2.0-or-later
"""The host resolves guests' names where systemd-resolved runs, and asks networks nothing else."""
import pytest
from documents import EMPTY, put, settle
from harness import wait_until

DOCUMENT = """\
version: 1
networks:
  default:
    bridge: virbr0
    addresses: [192.168.122.1/24, "fd00:122::1/64"]
    dhcp:
      range: [192.168.122.100, 192.168.122.200]
      hosts: {web1: {address: 192.168.122.10}}
    dns: {domain: guests.internal}
guests:
  web1:
    state: stopped
    memory: {size: 192MiB}
    kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img}
    interfaces: [{network: default}]
"""


@pytest.fixture(scope="module")
def host(capsule):
    capsule.world = capsule.uplink()
    capsule.run("systemctl start systemd-resolved && ln -sf /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf")
    capsule.run(["systemd-run", "--quiet", "--unit=world-dns", "ip", "netns", "exec", capsule.world.name, "dnsmasq",
                 "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
                 "--address=/outside.example/203.0.113.77"])
    capsule.run("resolvectl dns eth0 203.0.113.1; resolvectl domain eth0 '~.'")
    return capsule


def resolves(host, name, to):
    """Soon: resolved hears of a new bridge by events, and asks by links alone that have a carrier: with a guest."""
    host.run("ip link show port-c || { ip netns add c && ip link add port-c type veth peer name eth0 netns c && "
             "ip -n c link set eth0 up; }; ip link set port-c master virbr0 up")
    wait_until(lambda: host.run(f"getent ahostsv4 {name}", check=False, timeout=30).stdout.split(" ")[0] == to, 30,
               f"{name} is {to}; {host.run('resolvectl').stdout}", 0.3)
    return True


def link(host, bridge="virbr0"):
    return host.run(f"resolvectl status {bridge}").stdout


def test_names_of_guests(host):
    settle(host, DOCUMENT)
    assert resolves(host, "web1.guests.internal", "192.168.122.10")
    assert resolves(host, "outside.example", "203.0.113.77"), "others are asked where they were"
    assert "~guests.internal" in link(host) and "192.168.122.1" in link(host) and "fd00:122::1" in link(host)
    assert "-DefaultRoute" in link(host)
    # guests ask dnsmasq, which asks the host's resolver, which asks the world: no circle
    a = host.client("a", "virbr0", "192.168.122.99/24", "192.168.122.1")
    try:
        for name, found in (("outside.example", "203.0.113.77"), ("web1.guests.internal", "192.168.122.10")):
            assert found in a.run(f"busybox nslookup -type=a {name} 192.168.122.1", timeout=20).stdout
        assert a.run("busybox nslookup -type=a nobody.guests.internal 192.168.122.1", check=False, timeout=20).rc
    finally:
        host.unplug("a")


def test_a_real_guest(host):
    """Its name by its lease, which the host asks for, and which leads to it."""
    host.add_guest_kernel()
    running = DOCUMENT.replace("    state: stopped\n", "").replace(
        "initrd: /srv/boot/initrd.img}", 'initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check ip=dhcp hostname=web1"}')
    settle(host, running)
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready(150)
    assert "lease: 192.168.122.10/24" in console.text
    assert host.run("getent ahostsv4 web1.guests.internal").stdout.startswith("192.168.122.10 ")
    host.run("ping -c 1 -W 3 web1.guests.internal")
    console.close()
    settle(host, DOCUMENT)


def test_drift_and_changes(host):
    settle(host, DOCUMENT)
    host.run("resolvectl revert virbr0")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "resolved/default" in plan.stdout
    host.ctl("apply")
    assert resolves(host, "web1.guests.internal", "192.168.122.10")
    host.run("systemctl restart systemd-resolved")
    assert host.ctl("plan").rc == 0
    settle(host, DOCUMENT.replace("guests.internal", "lab.internal"))
    assert "~lab.internal" in link(host) and resolves(host, "web1.lab.internal", "192.168.122.10")
    host.run("ip link del virbr0")
    host.ctl("apply")
    assert host.ctl("plan").rc == 0 and resolves(host, "web1.lab.internal", "192.168.122.10")


def test_released(host):
    settle(host, DOCUMENT)
    settle(host, DOCUMENT.replace("    dns: {domain: guests.internal}\n", ""))
    assert "internal" not in link(host) and "192.168.122.1" not in link(host)
    settle(host, DOCUMENT)
    host.unplug("c")
    settle(host, EMPTY, "--allow-mass-removal")
    assert "internal" not in host.run("resolvectl domain").stdout


def test_the_daemon_may(host):
    put(host, DOCUMENT)
    host.run("systemctl start kvmhostd", timeout=120)
    try:
        assert host.ctl("plan").rc == 0 and resolves(host, "web1.guests.internal", "192.168.122.10")
    finally:
        host.run("systemctl stop kvmhostd")


@pytest.mark.parametrize("whose", ["ours", "theirs"])
def test_a_card_takes_along_whom_the_host_asks(host, whose):
    """Without it the host would know no name behind a bridge."""
    bridge = "version: 1\nbridges:\n  br0: {ports: [eth0]}\n"
    outside = lambda: "203.0.113.77" in host.run("resolvectl flush-caches; getent ahostsv4 outside.example", check=False, timeout=30).stdout
    host.unplug("c")
    host.run("resolvectl domain eth0 '~.' lan.example")
    if whose == "theirs":
        host.run("ip link add br0 type bridge; ip link set br0 up")
    settle(host, bridge)
    wait_until(outside, 30, "a name, by the bridge")
    said = link(host, "br0")
    assert all(word in said for word in ("203.0.113.1", "~.", "lan.example", "+DefaultRoute")), said
    host.run("systemctl restart systemd-resolved")
    assert host.ctl("plan").rc == 0
    host.run("resolvectl revert br0")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "resolvers" in plan.stdout, plan
    host.ctl("apply")
    wait_until(outside, 30, "a name, after somebody took them back")
    host.run("ip link del br0")
    host.ctl("apply")
    wait_until(outside, 30, "a name, by a new bridge")
    if whose == "theirs":
        host.run("resolvectl dns br0 203.0.113.1 203.0.113.99")
        assert host.ctl("plan").rc == 0, "what somebody else says of the bridge counts"
        settle(host, EMPTY, "--allow-mass-removal")
        assert "203.0.113.99" in host.run("resolvectl dns br0").stdout
        host.run("resolvectl revert br0")
        settle(host, bridge)
    settle(host, EMPTY, "--allow-mass-removal")
    assert "203.0.113" not in host.run("resolvectl dns br0", check=False).stdout
    wait_until(outside, 30, "a name, by the card")
    host.run("ip link del br0; resolvectl domain eth0 '~.'", check=False)


def test_without_resolved_nothing_is_missing(host):
    host.unplug("c")
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("systemctl stop systemd-resolved; rm /etc/resolv.conf")
    settle(host, DOCUMENT)
    assert "resolved/" not in host.ctl("plan").stdout
    settle(host, EMPTY, "--allow-mass-removal")
