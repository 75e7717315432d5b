# SPDX-License-Identifier: GPL-2.0-or-later
"""Port forwards reached from the host itself, by every address it has, and what guests may not do with that."""
import pytest
from documents import EMPTY, NAT, put, settle
from harness import Netns, wait_until
from test_crash import killed, points
from test_dhcp import state

BACKENDS = ["iptables", "nftables"]
FORWARDED = NAT.replace("/24]", "/24, fd00:122::1/64]") + """\
    forwards:
      - {host_port: 8080, to: "192.168.122.10:80"}
      - {protocol: udp, host_port: 5300, to: "192.168.122.10:53"}
      - {host_port: 8080, to: "[fd00:122::10]:80"}
"""
SETTING = "/proc/sys/net/ipv4/conf/virbr0/route_localnet"
GUARD = {"iptables": "iptables-legacy -t mangle -{} KVMHOST-PREROUTING -i virbr0 -d 127.0.0.0/8 "
                     "-m comment --comment kvmhost:network/default -j DROP",
         "nftables": "nft {} element ip kvmhost loopback-to '{{ 127.0.0.0/8 . \"virbr0\" }}'"}


@pytest.fixture(scope="module")
def host(capsule):
    capsule.world = capsule.uplink()
    capsule.clean = state(capsule)
    settle(capsule, FORWARDED)
    guest = capsule.client("guest", "virbr0", "192.168.122.10/24", "192.168.122.1")
    guest.run("ip addr add fd00:122::10/64 dev eth0 nodad; ip -6 route replace default via fd00:122::1")
    guest.serve(80)
    guest.serve(53, "UDP")
    Netns(capsule, "guest", "fd00:122::10").run(
        "systemd-run -q --collect --unit=six ip netns exec guest socat TCP6-LISTEN:80,reuseaddr,fork,ipv6only=1 "
        "SYSTEM:'echo $SOCAT_PEERADDR; timeout 5 cat >/dev/null'")
    wait_until(lambda: "[::]:80" in guest.run("ss -ltn").stdout, 30)
    capsule.guest = guest
    return capsule


def ask(host, address, port=8080, protocol="TCP", timeout=15):
    connect = f",connect-timeout={timeout}" if protocol == "TCP" else ""
    return host.run(f"echo | socat -t{timeout} -T{timeout} - {protocol}:{address}:{port}{connect}", check=False,
                    timeout=timeout + 5).stdout.strip()


def test_from_the_host_by_each_of_its_addresses(host):
    assert ask(host, "127.0.0.1") == "192.168.122.1", "the guest sees its gateway"
    assert ask(host, "203.0.113.2") == "203.0.113.2"
    assert ask(host, "192.168.122.1") == "192.168.122.1"
    assert ask(host, "127.0.0.1", 5300, "UDP") == "192.168.122.1"
    assert ask(host, "[fd00:122::1]") == "[fd00:0122:0000:0000:0000:0000:0000:0001]"
    # from ::1 nothing is ever routed; other addresses of 127.0.0.0/8 are the host's (systemd-resolved has one)
    assert ask(host, "[::1]", timeout=1) == "" and ask(host, "127.0.0.53", timeout=1) == ""
    assert host.world.ask("203.0.113.2", 8080) == "203.0.113.1", "from outside, seen as who it is"
    assert host.read(SETTING) == "1\n"


def test_guests_do_not_reach_what_only_the_host_may(host):
    """127.0.0.1 stays the host's own for packets that come over the bridge, and nobody there can be it."""
    guest = host.guest
    host.run("systemd-run -q --collect --unit=secret socat TCP4-LISTEN:9000,bind=127.0.0.1,reuseaddr,fork SYSTEM:'echo secret; timeout 5 cat >/dev/null'")
    wait_until(lambda: ":9000 " in host.run("ss -ltn").stdout, 30)
    guest.run("ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 192.168.122.1; sysctl -q net.ipv4.conf.all.route_localnet=1")
    try:
        assert ask(host, "127.0.0.1", 9000) == "secret"
        assert guest.ask("127.0.0.1", 9000, timeout=1) == ""
        # the same with the guard open: that the test would see it
        host.run(GUARD[host.backend].format({"iptables": "D", "nftables": "delete"}[host.backend]))
        opened = guest.ask("127.0.0.1", 9000, timeout=2)
        assert host.ctl("plan", check=False).rc == 2
        host.ctl("apply")
        assert opened == "secret" and guest.ask("127.0.0.1", 9000, timeout=1) == ""
    finally:
        guest.run("ip route del 127.0.0.0/8; ip addr add 127.0.0.1/8 dev lo")
        host.run("systemctl stop secret", check=False)


def test_the_setting_is_put_back_and_goes_with_the_last_forward(host):
    host.run(f"echo 0 >{SETTING}")
    assert "localnet/virbr0" in host.ctl("plan", check=False).stdout
    settle(host, FORWARDED)
    assert ask(host, "127.0.0.1") == "192.168.122.1"
    settle(host, NAT)
    assert host.read(SETTING) == "0\n" and ask(host, "127.0.0.1", timeout=1) == ""
    settle(host, FORWARDED)
    assert ask(host, "127.0.0.1") == "192.168.122.1"


def guarded(host):
    said = host.run("iptables-legacy-save -t mangle; nft list ruleset").stdout
    return "-i virbr0" in said and "-d 127.0.0.0/8" in said or "127.0.0.0" in said.partition("set loopback-to")[2]


@pytest.mark.parametrize("before,after", [(NAT, FORWARDED), (FORWARDED, NAT)])
def test_no_moment_without_the_guard(host, before, after):
    """Killed anywhere on the way: where the setting is on, what guests send to 127.0.0.1 is dropped."""
    settle(host, before)
    put(host, after)
    seen = set()
    for at in points(host, 16):
        settle(host, before)
        put(host, after)
        killed(host, at)
        on = host.read(SETTING) == "1\n"
        seen.add(on)
        assert guarded(host) or not on, f"open, killed at {at}"
        settle(host, after)
    assert seen == {True, False}


def test_all_goes(host):
    host.run("systemctl stop six")
    host.unplug("guest")
    settle(host, EMPTY, "--allow-mass-removal")
    assert state(host) == host.clean
