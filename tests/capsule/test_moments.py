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


def test_a_disk_that_stays_read_only_is_told_once(host):
    """Each link that comes or goes is reason to look, and each look would say the same."""
    host.run("mount --bind /var/lib/kvmhost /var/lib/kvmhost; mount -o remount,ro,bind /var/lib/kvmhost")
    try:
        host.restart_daemon()  # which has mounts of its own
        before = host.cursor()
        host.run("ip link del br0; for i in 1 2 3 4 5 6 7 8; do ip link add seen$i type veth; sleep 0.1; ip link del seen$i; done; sleep 0.5")
        said = host.said("kvmhostd", before)
        assert said.count("cannot write the undo log") == 1 and "Read-only file system" in said, said
    finally:
        host.run("umount /var/lib/kvmhost")
    host.restart_daemon()
    assert host.ctl("plan").rc == 0
    host.run("systemctl stop kvmhostd")


def test_many_reloads_leave_nothing(host):
    host.restart_daemon()
    pid = host.run("systemctl show -P MainPID kvmhostd").stdout.strip()
    seen = []
    for n in range(24):
        put(host, TWO if n % 2 else ONE)
        host.reload_daemon()
        if n >= 8:
            seen.append(host.run(f"ls /proc/{pid}/fd | wc -l; awk '/VmRSS/ {{print $2}}' /proc/{pid}/status").stdout.split())
    fds, rss = zip(*((int(a), int(b)) for a, b in seen))
    assert min(fds[-4:]) <= min(fds[:4]) and min(rss[-4:]) < min(rss[:4]) + 256, seen
    host.run("systemctl stop kvmhostd")
