# SPDX-License-Identifier: GPL-2.0-or-later
"""Who answered before a change of the network must answer after it, or the network goes back and stays so."""
import pytest
from documents import EMPTY, put
from test_bridge import state

PORTS = "bridges:\n  br0: {ports: [eth0], addressing: ADDRESSING}\n"
IN, OUT = PORTS.replace("ADDRESSING", "inherit"), PORTS.replace("ADDRESSING", "none")


def document(rest, probe="gateway"):
    return f"version: 1\nhost: {{rollback: {{probe: {probe}, timeout: 3s}}}}\n{rest}"


@pytest.fixture(scope="module")
def machine(capsule):
    capsule.run("for i in all default; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done")
    world = capsule.world = capsule.uplink()
    world.run("for i in all default eth0; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done; "
              "ip addr add 2001:db8:1::1/64 dev eth0; ip addr add 198.51.100.1/32 dev lo")
    capsule.run("ip addr add 2001:db8:1::2/64 dev eth0")
    return capsule


@pytest.fixture
def host(machine):
    machine.run("ip -6 route del default 2>/dev/null; ip -n world-eth0 link set eth0 up", check=False)
    machine.world.run("echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all")
    assert machine.world.pings("203.0.113.2", 3)
    machine.before = state(machine)
    yield machine
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    assert state(machine) == machine.before


def refused(host, text, *words):
    put(host, text)
    r = host.ctl("apply", check=False)
    assert r.rc == 1, str(r)
    for word in words:
        assert word in r.stdout + r.stderr, str(r)
    assert state(host) == host.before, "the network did not come back"
    return r


def test_a_change_that_keeps_the_gateway_stays(host):
    put(host, document(IN))
    host.ctl("apply", timeout=60)
    assert host.ctl("plan").rc == 0
    assert host.world.pings("203.0.113.2")


def test_a_change_that_loses_the_gateway_goes_back_and_is_held(host):
    r = refused(host, document(OUT), "bridge/br0 failed", "no gateway answers any more", "203.0.113.1", "for 3 s")
    assert "host.rollback" in r.stdout
    assert host.world.pings("203.0.113.2", 2)
    status = host.ctl("status", check=False)
    assert status.rc == 1 and "rolled back" in status.stdout and "no gateway answers" in status.stdout
    host.run("systemctl start kvmhostd")
    assert state(host) == host.before, "the daemon tried a held document"
    assert "the network put back" in host.journal()
    put(host, document(IN))
    host.reload_daemon()
    assert host.ctl("plan").rc == 0, "another document is no longer held"
    host.run("systemctl stop kvmhostd")


def test_arp_is_an_answer(host):
    """A gateway that answers no ping is there all the same, and its loss is noticed all the same."""
    host.world.run("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all")
    refused(host, document(OUT), "no gateway answers any more")
    put(host, document(IN))
    host.ctl("apply", timeout=60)
    assert host.ctl("plan").rc == 0


def test_a_gateway_of_ipv6_counts(host):
    host.run("ip -6 route add default via 2001:db8:1::1 dev eth0; ip -4 route del default")
    host.before = state(host)
    put(host, document(IN))
    host.ctl("apply", timeout=60)
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    refused(host, document(OUT), "no gateway answers any more", "2001:db8:1::1")
    host.run("ip -4 route add default via 203.0.113.1")
    host.before = state(host)


def test_given_addresses_behind_the_gateway(host):
    put(host, document(IN, "[198.51.100.1, 203.0.113.1]"))
    host.ctl("apply", timeout=60)
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    refused(host, document(OUT, "198.51.100.1"), "198.51.100.1 did not answer for 3 s")


def test_silence_before_proves_nothing(host):
    host.run("ip -n world-eth0 link set eth0 down")
    put(host, document(OUT))
    r = host.ctl("apply", timeout=60)
    assert "203.0.113.1 did not answer before the change" in r.stderr
    host.run("ip -n world-eth0 link set eth0 up")


def test_none_asks_nobody(host):
    put(host, document(OUT, "none"))
    host.ctl("apply", timeout=60)


def test_the_peer_is_cut_in_the_middle(host):
    """Between the first question and the first change: that is when the undo log is written, slowly here."""
    host.run("systemd-run --quiet --unit=cut sh -c "
             "'until [ -e /var/lib/kvmhost/undo.json ]; do :; done; ip -n world-eth0 link set eth0 down'")
    put(host, document(IN))
    r = host.run("strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_exit=300000 kvmhostctl --no-color apply",
                 check=False)
    assert r.rc == 1 and "no gateway answers any more" in r.stdout, str(r)
    host.run("ip -n world-eth0 link set eth0 up")
    host.run("for i in $(seq 50); do ping -c1 -W1 203.0.113.1 && break; sleep 0.1; done")
    assert state(host) == host.before
