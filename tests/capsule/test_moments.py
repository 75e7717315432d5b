# SPDX-License-Identifier: GPL-2.0-or-later
"""Moments at which nobody would begin an apply: a full disk, a document that is being replaced, nobody who listens."""
import pytest
from documents import NAT, put, settle

ONE, TWO = NAT + "bridges: {br0: {}}\n", NAT + "bridges: {br1: {}}\n"


@pytest.fixture
def host(capsule):
    settle(capsule, ONE, "--allow-mass-removal")
    return capsule


def test_a_write_that_fails_is_told(host):
    """A full disk, at each file in turn: an apply that says 0 has its document in force, or the next event would undo it."""
    put(host, TWO)
    host.run("strace -qq -e trace=renameat -o /run/calls kvmhostctl apply")
    calls = len(host.read("/run/calls").splitlines())
    assert calls > 3
    told = 0
    for n in range(1, calls + 1):
        settle(host, ONE)
        put(host, TWO)
        r = host.run(f"strace -f -qq -o /dev/null -e trace=renameat -e inject=renameat:error=ENOSPC:when={n} kvmhostctl apply", check=False)
        told += r.rc == 1 and "make room on its file system" in r.stderr
        assert r.rc == 1 or host.ctl("diff", check=False).rc == 0, (n, r)
        host.ctl("apply")
        assert host.ctl("diff").rc == 0 and host.ctl("plan").rc == 0, n
    assert told >= 3
