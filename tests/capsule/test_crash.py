# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 anywhere: the next run ends where an unharmed one does, and nothing foreign is touched.

strace ends kvmhostctl at its n-th system call of those that change something: netlink messages,
socket options (iptables), renames, unlinks, writes and ioctls (taps). Nothing in kvmhost knows.
"""
import pytest
from documents import EMPTY, FOREIGN, NAT, everything, foreign_state, put

CALLS = "sendmsg,sendto,setsockopt,rename,renameat,renameat2,unlink,unlinkat,fsync,ioctl"
TWO = NAT + """\
  second: {mode: nat, bridge: virbr1, addresses: [10.44.0.1/24]}
bridges:
  br0: {}
"""


@pytest.fixture(scope="module")
def machine(request, capsule):
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


def killed(capsule, n, *args):
    """Runs apply and kills it at the n-th call; False when it ended before."""
    r = capsule.run(f"strace -f -qq -o /dev/null -e trace={CALLS} -e inject={CALLS}:signal=KILL:when={n} "
                    f"kvmhostctl apply {' '.join(args)}", check=False, timeout=120)
    return r.rc == 137 or r.rc == -9


def positions(capsule, *args):
    """How many such calls one unharmed apply makes."""
    r = capsule.run(f"strace -f -qq -e trace={CALLS} -o /run/calls kvmhostctl apply {' '.join(args)}; wc -l </run/calls")
    return int(r.stdout.split()[-1])


def spread(total, at_most):
    """Every position when there are few, else evenly spread ones with both ends."""
    step = max(1, total // at_most)
    return sorted(set(range(1, total + 1, step)) | {total})


def test_killed_while_applying(machine):
    put(machine, TWO)
    total = positions(machine)
    assert everything(machine) == machine.applied
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    hits = 0
    for n in spread(total, 40):
        put(machine, TWO)
        hits += killed(machine, n)
        assert foreign_state(machine) == machine.foreign, f"killed at call {n}"
        machine.ctl("apply")
        assert everything(machine) == machine.applied, f"killed at call {n}"
        assert machine.ctl("plan").rc == 0
        put(machine, EMPTY)
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at call {n}"
    assert hits >= 20


def test_killed_while_releasing(machine):
    put(machine, TWO)
    machine.ctl("apply")
    put(machine, EMPTY)
    total = positions(machine, "--allow-mass-removal")
    hits = 0
    for n in spread(total, 30):
        put(machine, TWO)
        machine.ctl("apply")
        put(machine, EMPTY)
        hits += killed(machine, n, "--allow-mass-removal")
        assert foreign_state(machine) == machine.foreign, f"killed at call {n}"
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at call {n}"
    assert hits >= 15


def test_killed_while_changing_direction(machine):
    """Killed half-way to one document, the next run is for another one."""
    hits = 0
    for n in (5, 15, 25, 35, 45):
        put(machine, TWO)
        hits += killed(machine, n)
        put(machine, EMPTY)
        machine.ctl("apply", "--allow-mass-removal")
        assert everything(machine) == machine.clean, f"killed at call {n}"
    assert hits >= 3
