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


def test_a_swapped_directory_is_read_as_one(host):
    """/etc/kvmhost is a link that leads elsewhere between two files: half of each commit is nobody's document."""
    for n in (1, 2):
        host.write(f"/srv/conf{n}/host.yaml", NAT + f"bridges: {{main{n}: {{}}}}\n")
        host.write(f"/srv/conf{n}/conf.d/more.yaml", f"bridges: {{more{n}: {{}}}}\n")
    host.run("mv /etc/kvmhost /etc/kvmhost.own; ln -s /srv/conf1 /etc/kvmhost")
    try:
        host.run("ln -s /srv/conf2 /etc/kvmhost.new; (sleep 0.5; mv -T /etc/kvmhost.new /etc/kvmhost) & "
                 "strace -qq -o /dev/null -e trace=getdents64 -e inject=getdents64:delay_enter=1500000:when=1 "
                 "kvmhostctl check --merged >/root/merged; wait")
        merged = host.read("/root/merged")
        assert [f"{name}{n}" in merged for n in (1, 2) for name in ("main", "more")] == [False, False, True, True], merged
    finally:
        host.run("rm /etc/kvmhost; mv /etc/kvmhost.own /etc/kvmhost")
