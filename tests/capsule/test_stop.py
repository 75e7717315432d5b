# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGINT and SIGTERM in the middle: the step is done, the network goes back, one line says so."""
import time

import pytest
from documents import NAT, everything, put, settle
from harness import wait_until
from test_crash import points

UNDO = "/var/lib/kvmhost/undo.json"
WORDS = {"INT": ("ended by SIGINT", 130), "TERM": ("ended by SIGTERM", 143)}
TWO = NAT + """\
  second: {mode: nat, bridge: virbr1, addresses: [10.44.0.1/24]}
bridges:
  br0: {}
"""
GUEST = NAT + "guests:\n  idle: {memory: {size: 64MiB}, interfaces: [{network: default}], boot: {order: [network]}, shutdown: {timeout: 40s}}\n"


@pytest.fixture(scope="module")
def machine(capsule):
    settle(capsule, NAT)
    capsule.before = everything(capsule)
    put(capsule, TWO)
    capsule.points = points(capsule, 8)
    capsule.applied = everything(capsule)
    return capsule


@pytest.fixture
def host(machine):
    machine.run("systemctl stop kvmhostd")
    settle(machine, NAT, "--allow-mass-removal")
    put(machine, TWO)
    return machine


def signalled(host, signal, point, *command):
    call, n = point
    return host.run(f"strace -f -qq -o /dev/null -e trace={call} -e inject={call}:signal={signal}:when={n} "
                    f"timeout --foreground 20 {' '.join(command)}", check=False)


@pytest.mark.parametrize("signal", ["INT", "TERM"])
def test_ended_while_it_applies(host, signal):
    """Whatever it was at: all of it or nothing, and nothing left for another run to put back."""
    words, status = WORDS[signal]
    back = 0
    for point in host.points:
        r = signalled(host, signal, point, "kvmhostctl", "apply")
        assert not host.exists(UNDO), point
        if r.rc:
            assert r.rc == status and words in r.stderr, (point, r)
            assert everything(host) == host.before, (point, r)
            if "put back" in r.stderr:
                back += 1
                told = host.ctl("status", check=False).stdout
                assert words in told and f"it was {words} while it was applied" in told, told
        else:
            assert everything(host) == host.applied, (point, r)
        host.ctl("apply")
        assert everything(host) == host.applied, point
        settle(host, NAT, "--allow-mass-removal")
        put(host, TWO)
    assert back


def test_ended_while_it_waits(host):
    """For another run, before anything: at once. In the time to confirm: back."""
    r = host.run("flock /run/kvmhost/lock timeout --foreground -s INT 2 kvmhostctl apply", check=False)
    assert "ended by SIGINT before anything was changed" in r.stderr and r.rc == 124, r
    r = host.run("timeout --foreground 3 kvmhostctl apply --confirm 60s", check=False)
    assert "put back:" in r.stdout, r
    wait_until(lambda: not host.active("kvmhost-revert.timer"), 10, "the timer's end")
    assert everything(host) == host.before and not host.exists(UNDO)
    r = host.run("kvmhostctl apply --confirm 60s & sleep 3; kill $!; wait $!", check=False)
    assert r.rc == 143 and "put back:" in r.stdout, r


def test_confirm_is_not_waited_for_after_a_signal(host):
    call, n = host.points[len(host.points) // 2]
    start = time.monotonic()
    r = signalled(host, "TERM", (call, n), "kvmhostctl", "apply", "--confirm", "60s")
    assert r.rc == 143 and time.monotonic() - start < 15, r
    assert everything(host) == host.before and not host.exists(UNDO)
    wait_until(lambda: not host.active("kvmhost-revert.timer"), 10, "the timer's end")
    assert host.ctl("confirm", check=False).rc == 1


def test_daemon_ended_while_it_applies(host):
    """A stop of the service says nothing against the document: the next start applies it."""
    back = 0
    for point in host.points[::2]:
        r = signalled(host, "TERM", point, "kvmhostd")
        assert r.rc == 0 and not host.exists(UNDO), (point, r)
        assert everything(host) in (host.before, host.applied), (point, r)
        back += "put back" in r.stderr
        assert "held" not in host.ctl("status", check=False).stdout
        host.restart_daemon()
        assert everything(host) == host.applied, point
        host.run("systemctl stop kvmhostd")
        settle(host, NAT, "--allow-mass-removal")
        put(host, TWO)
    assert back


def test_daemon_ended_while_it_waits(host):
    """For the lock, and for a guest that takes its time: systemd's patience is shorter than either."""
    settle(host, GUEST, "--allow-mass-removal")
    host.restart_daemon()
    put(host, NAT)
    host.run("systemd-run --quiet --unit=holder flock /run/kvmhost/lock sleep 300; systemctl reload --no-block kvmhostd; sleep 1")
    start = time.monotonic()
    host.run("systemctl stop kvmhostd")
    assert time.monotonic() - start < 5
    assert "ended by SIGTERM while it waited for pid" in host.said("kvmhostd")
    host.run("systemctl stop holder")
    host.run("systemctl start --no-block kvmhostd")
    wait_until(lambda: "deactivating" in host.run("systemctl is-active kvmhost-guest@idle", check=False).stdout, 15, "the guest's end")
    start = time.monotonic()
    host.run("systemctl stop kvmhostd")
    assert time.monotonic() - start < 5
    assert "SIGTERM came while systemd was to stop kvmhost-guest@idle.service, which it goes on with" in host.said("kvmhostd")
    host.run("systemctl kill -s KILL kvmhost-guest@idle", check=False)
