# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real QEMU tells of its guest: each is a line in the journal, and in `status` what has to be known."""
import json

import pytest
from documents import put, settle
from harness import wait_until

LINUX = """\
version: 1
guests:
  web1:
    memory: {size: 128MiB}
    kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check %s"}
    shutdown: {timeout: 1s}
    restart: no
    on_change: restart
%s"""
SECTOR = """\
version: 1
guests:
  web1:
    memory: {size: 64MiB}
    disks: [{path: /srv/sector.img, format: raw}]
    shutdown: {timeout: 1s}
    restart: no
    on_change: restart
%s"""
PANICKED, CRASHED = "ba0505b001ee", "ba0505b002ee"  # out 0x505, al: pvpanic's port, and its two bits
STAND = "fbf4ebfd"  # sti; hlt for ever
# i6300esb: both stages a second, each behind its unlocking; bit 1 of its lock register starts it
BITE = ("d=/sys/bus/pci/devices/0000:00:13.0; read a b <$d/resource; echo 1 >$d/enable; for r in 0 4; do "
        "devmem $((a + 12)) 16 0x80; devmem $((a + 12)) 16 0x86; devmem $((a + r)) 32 1000; done; "
        "printf '\\002' | dd of=$d/config bs=1 seek=104 conv=notrunc\n")


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


def guest(host):
    return json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


def line(host):
    """The guest's own in `status`."""
    return next(said for said in host.ctl("status", check=False).stdout.splitlines() if said.startswith("web1 "))


def boots(host, code, more=""):
    """A guest whose disk is those instructions; where the journal ended before."""
    host.ctl("guest", "stop", "web1", check=False)
    octal = "".join(f"\\{byte:03o}" for byte in bytes.fromhex(code).ljust(510, b"\0") + b"\x55\xaa")
    host.run(f"rm -f /srv/sector.img; printf '{octal}' >/srv/sector.img; truncate -s 1M /srv/sector.img")
    since = host.cursor()
    put(host, SECTOR % more)
    host.ctl("apply")
    host.ctl("guest", "start", "web1", check=False)
    return since


def console(host, words="", more=""):
    """A guest with a shell that has just started."""
    put(host, LINUX % (words, more))
    host.ctl("apply")
    host.ctl("guest", "restart", "web1")
    at = host.console("/run/kvmhost/guests/web1/console.sock")
    at.sock.sendall(b"\n")
    at.expect("guest# ", 90)
    return at


def journal(host, since):
    return host.said("kvmhost-guest@web1", since)


@pytest.mark.parametrize("policy, state", [("ignore", "running"), ("pause", "paused"), ("poweroff", "stopped"), ("fail", "failed")])
def test_a_panic(host, policy, state):
    said = f"the guest's kernel panicked (panic: {policy})"
    since = boots(host, PANICKED + STAND, f"    panic: {policy}\n")
    wait_until(lambda: said in journal(host, since), 30, "told")
    wait_until(lambda: guest(host)["state"] == state, 30, state)
    assert said in line(host), line(host)
    assert guest(host).get("error") == (said if policy == "fail" else None), guest(host)


@pytest.mark.parametrize("policy", ["ignore", "pause", "fail"])
def test_a_crash_whose_crash_kernel_runs(host, policy):
    said = "the guest's kernel crashed, and its crash kernel (kdump) runs"
    since = boots(host, CRASHED + STAND, f"    panic: {policy}\n")
    wait_until(lambda: said in journal(host, since), 30, "told")
    assert guest(host)["state"] == "running" and said in line(host), "it is to write down what it was"


@pytest.mark.parametrize("action, state", [("reset", "running"), ("poweroff", "stopped"), ("pause", "paused")])
def test_a_watchdog_that_expires(host, action, state):
    said = f"the guest let its watchdog expire (action: {action})"
    at = console(host, more=f"    watchdog: {action}\n")
    since = host.cursor()
    at.sock.sendall(BITE.encode())
    wait_until(lambda: said in journal(host, since), 60, "told")
    if action == "reset":
        wait_until(lambda: "the guest reboots" in journal(host, since), 30, "and reset")
        at.expect("guest ready", 90)
    at.close()
    wait_until(lambda: guest(host)["state"] == state, 30, state)
    assert said in line(host), line(host)


def test_an_nmi_that_makes_it_panic(host):
    at = console(host, words="unknown_nmi_panic panic=0", more="    panic: pause\n")
    since = host.cursor()
    host.run("kvmhostctl guest monitor web1", input='{"execute": "inject-nmi"}\n')
    wait_until(lambda: guest(host)["state"] == "paused", 30, "paused")
    at.close()
    assert "the guest's kernel panicked (panic: pause)" in journal(host, since)


def test_a_triple_fault_is_a_reboot(host):
    at = console(host, words="reboot=triple")
    pid, since = host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout, host.cursor()
    at.sock.sendall(b"reboot -f\n")
    at.expect("guest ready", 90)
    at.close()
    assert "the guest reboots" in journal(host, since) and guest(host)["state"] == "running"
    assert host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout == pid, "by the same QEMU"


@pytest.mark.parametrize("policy, state", [("report", "running"), ("ignore", "running"), ("enospc", "paused"), ("stop", "paused")])
def test_a_full_disk(host, policy, state):
    host.run("mkdir -p /srv/small; mount -t tmpfs -o size=1M small /srv/small; truncate -s 8M /srv/small/full.img")
    at = console(host, more=f"    disks: [{{path: /srv/small/full.img, format: raw, werror: {policy}}}]\n")
    since = host.cursor()
    at.sock.sendall(b"dd if=/dev/zero of=/dev/vda bs=64k count=64 conv=fsync; echo wr''itten $?\n")
    said = "no room is left for /srv/small/full.img, and the guest stands still; make room, then: kvmhostctl guest resume web1" \
        if state == "paused" else "writing to /srv/small/full.img fails: No space left on device"
    wait_until(lambda: said in journal(host, since), 60, "told")
    wait_until(lambda: guest(host)["state"] == state, 30, state)
    assert said in line(host), line(host)
    if state == "paused":
        host.run("mount -o remount,size=16M /srv/small")
        host.ctl("guest", "resume", "web1")
        wait_until(lambda: guest(host)["state"] == "running", 30, "running")
    at.expect("written 1" if policy == "report" else "written 0", 60)
    assert (said in line(host)) == (state == "running"), "nobody stands still any more"
    at.close()
    settle(host, LINUX % ("", ""))
    host.run("umount /srv/small")
