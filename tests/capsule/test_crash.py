# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 anywhere: the next run ends where an unharmed one does, and nothing foreign is touched.

strace ends kvmhostctl at a system call of those that change something: netlink messages, socket
options (iptables), renames, unlinks, syncs. Nothing in kvmhost knows of it.
"""
import re
from collections import Counter

import pytest
from documents import EMPTY, FOREIGN, NAT, everything, foreign_state, put

BACKENDS = ["iptables", "nftables"]
CALLS = "sendmsg,sendto,setsockopt,rename,renameat,renameat2,unlink,unlinkat,fsync,ioctl"
TWO = NAT + """\
  second: {mode: nat, bridge: virbr1, addresses: [10.44.0.1/24]}
bridges:
  br0: {}
"""


@pytest.fixture(scope="module")
def machine(capsule):
    capsule.run(FOREIGN)
    capsule.foreign = foreign_state(capsule)
    capsule.clean = everything(capsule)
    put(capsule, TWO)
    capsule.ctl("apply")
    capsule.applied = everything(capsule)
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert everything(capsule) == capsule.clean
    return capsule


def killed(capsule, point, *args):
    """Runs apply and kills it at that call; False when it ended before."""
    call, n = point
    r = capsule.run(f"strace -f -qq -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={n} "
                    f"kvmhostctl apply {' '.join(args)}", check=False, timeout=120)
    return r.rc in (137, -9)


def points(capsule, at_most, *args):
    """Where an unharmed apply can be killed: the n-th of each call, evenly thinned out."""
    capsule.run(f"strace -qq -e trace={CALLS} -o /run/calls kvmhostctl apply {' '.join(args)}")
    counts = Counter(re.match(r"(\w+)\(", line)[1] for line in capsule.read("/run/calls").splitlines() if "(" in line)
    every = [(call, n) for call, total in sorted(counts.items()) for n in range(1, total + 1)]
    assert len(every) > 10, every
    return every[::max(1, len(every) // at_most)] + [every[-1]]


def messages(capsule):
    """The messages to the kernel of the apply that points() watched."""
    calls = re.findall(r"^(sendmsg|sendto)\(", capsule.read("/run/calls"), re.M)
    return [(call, n) for call, total in Counter(calls).items() for n in range(1, total + 1)]


def test_killed_while_applying(machine):
    put(machine, TWO)
    where = points(machine, 40)
    assert everything(machine) == machine.applied
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    hits = 0
    for n in where:
        put(machine, TWO)
        hits += killed(machine, n)
        assert foreign_state(machine) == machine.foreign, f"killed at {n}"
        machine.ctl("apply")
        assert everything(machine) == machine.applied, f"killed at {n}"
        assert machine.ctl("plan").rc == 0
        put(machine, EMPTY)
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at {n}"
    assert hits >= len(where) - 2


def test_killed_while_releasing(machine):
    put(machine, TWO)
    machine.ctl("apply")
    put(machine, EMPTY)
    where = points(machine, 25, "--allow-mass-removal")
    hits = 0
    for n in where:
        put(machine, TWO)
        machine.ctl("apply")
        put(machine, EMPTY)
        hits += killed(machine, n, "--allow-mass-removal")
        assert foreign_state(machine) == machine.foreign, f"killed at {n}"
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at {n}"
    assert hits >= len(where) - 2


def test_killed_while_changing_direction(machine):
    """Killed half-way to one document, the next run is for another one."""
    hits = 0
    put(machine, TWO)
    # every rename too: a file that has its temporary name just then is in no later document;
    # and every message: a link that was made and not marked yet
    where = sorted(set(points(machine, 8)) | {("renameat", n) for n in (1, 2, 3, 4)} | set(messages(machine)))
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    for n in where:
        put(machine, TWO)
        hits += killed(machine, n)
        put(machine, EMPTY)
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at {n}"
    assert hits >= len(where) - 2


def test_killed_while_rules_move(machine):
    """Between two backends: the next run, with either, leaves rules in that one alone."""
    other = {"iptables": "nftables", "nftables": "iptables"}[machine.backend]
    moved = TWO + f"host: {{firewall: {{backend: {other}}}}}\n"
    put(machine, TWO)
    machine.ctl("apply")
    put(machine, moved)
    where = points(machine, 12)
    after = everything(machine)
    put(machine, TWO)
    machine.ctl("apply")
    hits = 0
    for i, n in enumerate(where):
        put(machine, moved)
        hits += killed(machine, n)
        assert foreign_state(machine) == machine.foreign, f"killed at {n}"
        if i % 2:
            machine.ctl("apply")
            assert everything(machine) == after, f"killed at {n}"
        put(machine, TWO)
        machine.ctl("apply")
        assert everything(machine) == machine.applied, f"killed at {n}"
    assert hits >= len(where) - 2
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    assert everything(machine) == machine.clean


def test_a_lost_connection_ends_no_apply(machine):
    put(machine, TWO)
    where = points(machine, 6)
    for signal in ("HUP", "PIPE"):
        put(machine, EMPTY)
        machine.ctl("apply", "--allow-mass-removal")
        put(machine, TWO)
        call, n = where[len(where) // 2]
        machine.run(f"strace -f -qq -o /dev/null -e trace={call} -e inject={call}:signal={signal}:when={n}+ kvmhostctl apply")
        assert everything(machine) == machine.applied


def test_daemon_killed_while_applying(machine):
    """The same of kvmhostd at its start; the next one, started by systemd as ever, puts back what is half done and says so."""
    put(machine, NAT)
    machine.ctl("apply")
    good = everything(machine)
    put(machine, TWO)
    where = points(machine, 12)
    machine.ctl("apply")
    assert everything(machine) == machine.applied
    hits = holds = 0
    for call, n in where:
        put(machine, NAT)
        machine.ctl("apply", "--allow-mass-removal")
        put(machine, TWO)
        r = machine.run(f"timeout 8 strace -f -qq -o /dev/null -e trace={call} "
                        f"-e inject={call}:signal=KILL:when={n} kvmhostd", check=False)
        hits += r.rc in (137, -9)
        assert foreign_state(machine) == machine.foreign, f"killed at {call} {n}"
        machine.run("systemctl reset-failed kvmhostd 2>/dev/null; systemctl start kvmhostd")
        held = "because it was cut off while it was applied" in machine.ctl("status", check=False).stdout
        assert everything(machine) == (good if held else machine.applied), f"killed at {call} {n}"
        holds += held
        machine.run("systemctl stop kvmhostd")
        machine.ctl("apply")
        assert everything(machine) == machine.applied and machine.ctl("plan").rc == 0
    assert hits >= len(where) - 2 and holds
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    assert everything(machine) == machine.clean


def test_a_damaged_undo_log_is_told_and_kept(machine):
    """What is no log of ours is not an empty one: nothing is changed beside it, and nobody is told that all is back."""
    put(machine, TWO)
    for text in ['{}', '{"format": 1, "steps": [{"id": "bridge/br0", "name": "br0", "before": null}]}']:
        machine.write("/var/lib/kvmhost/undo.json", text)
        for verb in ["apply", "revert", "confirm"]:
            r = machine.ctl(verb, check=False)
            assert r.rc == 1 and "the undo log /var/lib/kvmhost/undo.json is damaged: it" in r.stderr, r
            assert "then remove the file" in r.stderr, r
        machine.run("systemctl start kvmhostd; systemctl is-active kvmhostd")
        assert "is damaged" in machine.journal()
        assert machine.read("/var/lib/kvmhost/undo.json") == text and everything(machine) == machine.clean
        machine.run("systemctl stop kvmhostd")
    machine.run("rm /var/lib/kvmhost/undo.json")
    machine.ctl("apply")
    assert everything(machine) == machine.applied
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
