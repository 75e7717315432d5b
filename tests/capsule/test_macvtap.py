# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with an address of its own on a card of the host's, without a bridge: who hears it, and who does not."""
import pytest
from documents import EMPTY, put, settle
from harness import wait_until
from test_crash import killed, points

SOCKET = "/run/kvmhost/guests/web1/console.sock"
PRIVATE = "  private: {mode: isolated, bridge: virbr9, addresses: [192.168.254.1/24]}\n"
GUEST = """\
version: 1
guests:
  web1:
    memory: {size: 192MiB}
    cpu: {count: 2}
    kernel:
      image: /srv/boot/vmlinuz
      initrd: /srv/boot/initrd.img
      cmdline: "console=ttyS0 quiet no_timer_check ip=203.0.113.10/24 gw=203.0.113.1 hostname=web1"
    shutdown: {timeout: 20s}
    interfaces:
"""
FIRST = '      - {macvtap: eth0, mac: "52:54:00:1a:b3:4a"%s}\n'
DOCUMENT = GUEST + FIRST % ""


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.world = capsule.uplink()
    capsule.run("ip link add eth1 type veth peer name far1; ip link set far1 up")
    return capsule


def boots(host):
    console = host.console(SOCKET, 30)
    console.ready(120)
    return console


def link(host, name="web1-tap0"):
    return host.run(f"ip -d -o link show {name}", check=False).stdout


def test_the_world_hears_it_and_the_host_does_not(host):
    put(host, DOCUMENT)
    check = host.ctl("check", check=False)
    assert check.rc == 0 and "do not hear each other through eth0" in check.stdout + check.stderr, check
    plan = host.ctl("plan", check=False)
    assert "+ macvtap/web1-tap0" in plan.stdout and "do not hear each other" in plan.stdout + plan.stderr, plan
    settle(host, DOCUMENT)
    console = boots(host)
    console.run("ping -c 2 -W 3 203.0.113.1")
    assert host.world.pings("203.0.113.10")
    assert "52:54:00:1a:b3:4a" in host.world.run("ip neigh show 203.0.113.10").stdout
    # neighbour discovery is by groups
    address = console.run("ip -6 addr show dev eth0 scope link | sed -n 's/.*inet6 \\([^/]*\\).*/\\1/p'").strip()
    assert host.world.run(f"ping -n -q -c 2 -W 3 {address}%eth0", check=False).rc == 0
    # what is warned of is so
    assert host.run("ping -n -q -c 1 -W 1 203.0.113.10", check=False).rc != 0
    console.run("! ping -c 1 -W 1 203.0.113.2")
    assert "52:54:00:1a:b3:4a" in link(host) and "mode bridge" in link(host)
    assert "inet6" not in host.run("ip addr show dev web1-tap0").stdout, "the guest's link-local address is the guest's"
    assert "not heard by this host" in host.ctl("guest", "info", "web1").stdout
    info = host.ctl("--json", "guest", "info", "web1").stdout
    assert '"macvtap":"eth0"' in info.replace(" ", ""), info
    doctor = host.ctl("doctor", check=False).stdout
    assert "web1" in doctor and "isolated network" in doctor, doctor
    console.close()


def test_by_an_isolated_network_they_do(host):
    """What the warning says to write, written."""
    both = DOCUMENT.replace("guests:", "networks:\n" + PRIVATE + "guests:") + "      - {network: private}\n"
    settle(host, both)
    host.ctl("guest", "restart", "web1", timeout=120)
    assert "hear each other" not in host.ctl("check").stderr
    console = boots(host)
    console.run("ip addr add 192.168.254.10/24 dev eth1; ping -c 2 -W 3 192.168.254.1; ping -c 1 -W 3 203.0.113.1")
    assert host.run("ping -n -q -c 1 -W 3 192.168.254.10", check=False).rc == 0
    console.close()


def test_it_stays_while_the_guest_has_it(host):
    moved = "version: 1\nbridges:\n  br9: {}\n" + GUEST[len("version: 1\n"):] + "      - {bridge: br9}\n"
    settle(host, DOCUMENT, "--allow-mass-removal")
    host.ctl("guest", "restart", "web1", timeout=120)
    console = boots(host)
    put(host, DOCUMENT.replace("eth0", "eth1"))
    plan = host.ctl("plan", check=False).stdout
    assert "the guest to be" in plan, plan
    settle(host, DOCUMENT.replace("eth0", "eth1"))
    console.run("ping -c 1 -W 3 203.0.113.1")
    settle(host, EMPTY.replace("\n", "\nguests: {}\n"), "--allow-mass-removal")
    console.close()
    assert not link(host)
    settle(host, moved)
    assert "tun" in link(host)
    settle(host, EMPTY, "--allow-mass-removal")


def test_several_queues_and_passthru_on_a_card_that_is_down(host):
    mac = host.read("/sys/class/net/eth1/address")
    settle(host, GUEST + (FIRST % ", mode: passthru, queues: 2, mtu: 1400").replace("eth0", "eth1"))
    assert "mode passthru" in link(host) and "mtu 1400" in link(host) and ",UP" in link(host, "eth1")
    assert host.read("/sys/class/net/eth1/address") == "52:54:00:1a:b3:4a\n"
    console = boots(host)
    assert console.run("ls -d /sys/class/net/eth0/queues/rx-* | wc -l").strip() == "2"
    host.run("ip addr add 203.0.113.1/24 dev far1; ip route add 203.0.113.10/32 dev far1")
    console.run("ping -c 2 -W 3 203.0.113.1")
    console.close()
    host.run("ip addr flush dev far1; ip route del 203.0.113.10 2>/dev/null || :")
    host.run("ip link set eth1 down")
    assert host.ctl("plan", check=False).rc == 2
    settle(host, EMPTY, "--allow-mass-removal")
    assert not link(host) and host.read("/sys/class/net/eth1/address") == mac


def test_a_card_that_comes_later(host):
    later = DOCUMENT.replace("eth0", "eth7")
    put(host, later)
    plan = host.ctl("plan")
    assert "the link eth7 to appear" in plan.stdout
    host.ctl("apply")
    assert "web1" not in host.run("systemctl list-units --plain --no-legend 'kvmhost-guest@*'").stdout
    host.run("systemctl start kvmhostd && ip link add eth7 type veth peer name far7")
    wait_until(lambda: "eth7" in link(host), 30, "the daemon to hear of it")
    host.run("systemctl stop kvmhostd")
    settle(host, later)
    assert host.run("systemctl is-active kvmhost-guest@web1").stdout == "active\n"
    # with the card goes the macvtap; another one takes its place, and QEMU has the old one
    host.run("ip link del eth7")
    assert not link(host) and "the link eth7 to appear" in host.ctl("plan").stdout
    host.run("systemctl start kvmhostd && ip link add eth7 type veth peer name far7")
    wait_until(lambda: "eth7" in link(host), 30, "the daemon to hear of it")
    host.run("systemctl stop kvmhostd")
    plan = host.ctl("plan").stdout
    assert "web1-tap0  one that went -> the one that is there" in plan and "guest restart web1" in plan, plan
    host.ctl("guest", "restart", "web1", timeout=120)
    assert "guest" not in host.ctl("plan").stdout
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("ip link del eth7")


def test_killed_anywhere(host):
    stopped = DOCUMENT.replace("    shutdown", "    state: stopped\n    shutdown").replace("eth0", "eth1")
    before = link(host, "eth1")
    put(host, stopped)
    where = points(host, 10)
    settle(host, EMPTY, "--allow-mass-removal")
    assert link(host, "eth1") == before, "down, as it was"
    for point in where:
        put(host, stopped)
        killed(host, point)
        settle(host, stopped)
        put(host, EMPTY)
        killed(host, point, "--allow-mass-removal")
        settle(host, EMPTY, "--allow-mass-removal")
        assert not link(host) and link(host, "eth1") == before
