# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong with a guest is one clear line in `status` and the journal; what happens to kvmhostd touches no guest."""
import json

import pytest
from documents import put, settle
from harness import greets, wait_until

GUEST = """\
  {name}:
    memory: {{size: 128MiB}}
    kernel: {{image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}}
    shutdown: {{timeout: 5s}}
    restart: no
"""


def document(*guests):
    return "version: 1\nguests:\n" + "".join(GUEST.format(name=name) + more for name, more in guests)


def disk(path, more=""):
    return f"    disks: [{{path: {path}, format: raw{more}}}]\n"


WEB = ("web1", disk("/srv/web1.img"))


def guest(host, name="web1"):
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)
    return next(g for g in listed["guests"] if g["name"] == name)


def unit(host, what, name="web1"):
    return host.run(f"systemctl show -p {what} --value kvmhost-guest@{name}").stdout.strip()


def journal(host, name="web1"):
    return host.said(f"kvmhost-guest@{name}")


def qemu(host, name="web1"):
    return host.run(f"pgrep -f '[q]emu-system.*guest={name},'").stdout.split()[0]


def console(host, name="web1"):
    at = host.console(f"/run/kvmhost/guests/{name}/console.sock")
    at.sock.sendall(b"\n")
    at.expect("guest# ", 90)
    return at


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.run("truncate -s 4M /srv/web1.img")
    return capsule


@pytest.fixture
def web(host):
    settle(host, document(WEB))
    if guest(host)["state"] != "running":
        host.ctl("guest", "start", "web1", timeout=120)
    return host


def test_qemu_killed(web):
    web.run(f"kill -9 {qemu(web)}")
    wait_until(lambda: guest(web)["state"] == "failed", 30, "failed")
    assert guest(web)["error"] == "QEMU was killed by signal 9 (Killed)"
    assert "QEMU was killed by signal 9" in web.ctl("status", check=False).stdout and "killed by signal 9" in journal(web)


def test_qemu_crashes(web):
    web.run(f"kill -SEGV {qemu(web)}")
    wait_until(lambda: guest(web)["state"] == "failed", 30, "failed")
    assert guest(web)["error"] == "QEMU was killed by signal 11 (Segmentation fault)"


def test_runner_killed(web):
    pid = qemu(web)
    web.run(f"kill -9 {unit(web, 'MainPID')}")
    wait_until(lambda: web.run(f"kill -0 {pid}", check=False).rc, 30, "QEMU does not outlive it")
    wait_until(lambda: guest(web)["state"] == "failed", 30, "not started again")
    assert guest(web)["error"] == "kvmhost-run was killed, and the guest has `restart: no`"
    assert "kvmhost-run was killed" in web.ctl("status", check=False).stdout and "kvmhost-run was killed" in journal(web)


def test_a_unit_that_lets_nobody_give_up_rights(web):
    """Before the runner has anything of QEMU's: what there is to say is said."""
    web.write("/run/systemd/system/kvmhost-guest@web1.service.d/rights.conf", "[Service]\nCapabilityBoundingSet=\n")
    web.run("systemctl daemon-reload")
    try:
        assert web.ctl("guest", "restart", "web1", check=False, timeout=120).rc == 1
        assert "cannot give up root's rights: Operation not permitted" in guest(web)["error"], guest(web)
        assert "cannot give up root's rights" in journal(web)
    finally:
        web.run("rm /run/systemd/system/kvmhost-guest@web1.service.d/rights.conf; systemctl daemon-reload; systemctl reset-failed")


def test_a_locked_image(web):
    put(web, document(WEB, ("web2", disk("/srv/other.img"))))
    web.run("truncate -s 4M /srv/other.img; systemd-run -q --unit holder qemu-system-x86_64 -display none -nodefaults -S "
            "-drive if=virtio,format=raw,file=/srv/other.img -monitor unix:/run/holder,server=on,wait=off")
    wait_until(lambda: greets(web, "/run/holder"), what="QEMU holds it")
    refused = web.ctl("apply", check=False, timeout=120)
    assert refused.rc == 1 and "/srv/other.img is in use by another program" in guest(web, "web2")["error"], guest(web, "web2")
    assert "/srv/other.img" in web.ctl("status", check=False).stdout
    assert "/srv/other.img is in use by another program" in journal(web, "web2")
    assert guest(web)["state"] == "running", "the other one is not concerned"
    web.run("systemctl stop holder")
    settle(web, document(WEB, ("web2", disk("/srv/other.img"))))
    settle(web, document(WEB), "--allow-mass-removal")


@pytest.mark.parametrize("name, more, said", [
    ("bad1", disk("/srv/bad.qcow2").replace("raw", "qcow2"), "Image is not in qcow2 format"),
    ("disc1", disk("/srv/web9.img") + "    install: {iso: /srv/none.iso}\n", "cannot open the disc to install from /srv/none.iso: No such file"),
    ("disc2", disk("/srv/none.iso, device: cdrom").replace(", format: raw", ""), "cannot open the cdrom /srv/none.iso: No such file"),
])
def test_what_cannot_be_started_is_one_line(web, name, more, said):
    """In the answer of apply, in status and in the journal."""
    web.run("echo this is no qcow2 >/srv/bad.qcow2; truncate -s 1M /srv/web9.img")
    put(web, document(WEB) + f"  {name}:\n    restart: no\n{more}")
    refused = web.ctl("apply", check=False, timeout=120)
    assert refused.rc == 1 and said in str(refused), refused
    assert said in guest(web, name)["error"], guest(web, name)
    lines = [line for line in web.ctl("status", check=False).stdout.splitlines() if said in line]
    assert len(lines) == 1 and lines[0].startswith(f"{name} ") and "failed" in lines[0], lines
    assert f"  did not start, see below: guest/{name}\n" in web.ctl("status", check=False).stdout
    assert said in journal(web, name)
    assert guest(web)["state"] == "running", "the other one is not concerned"
    settle(web, document(WEB), "--allow-mass-removal")


def test_a_full_disk_stops_the_guest_and_is_told(host):
    host.run("mkdir -p /srv/small && mount -t tmpfs -o size=1M small /srv/small && truncate -s 8M /srv/small/full.img")
    settle(host, document(WEB, ("full1", disk("/srv/small/full.img"))))
    at = console(host, "full1")
    at.sock.sendall(b"dd if=/dev/zero of=/dev/vda bs=64k count=64; sync; echo wr''itten $?\n")
    wait_until(lambda: guest(host, "full1")["state"] == "paused", 60, "it stands still")
    said = "no room is left for /srv/small/full.img"
    assert said in guest(host, "full1")["event"], guest(host, "full1")
    assert said in host.ctl("status", check=False).stdout and said in journal(host, "full1")
    put(host, document(WEB, ("full1", disk("/srv/small/full.img") + "    cpu: {count: 2}\n")))
    host.ctl("apply")
    line = next(line for line in host.ctl("status", check=False).stdout.splitlines() if line.startswith("full1 "))
    assert said in line and "changes wait for a restart" in line, "what waits hides nothing"
    settle(host, document(WEB, ("full1", disk("/srv/small/full.img"))))
    host.run("mount -o remount,size=16M /srv/small")
    host.ctl("guest", "resume", "full1")
    at.expect("written 0", 60)
    at.close()
    settle(host, document(WEB), "--allow-mass-removal")
    host.run("umount /srv/small")


def test_kvmhostd_is_killed_restarted_and_upgraded(web):
    web.restart_daemon()
    at = console(web)
    at.run("echo kept >/kept")
    before = (unit(web, "MainPID"), qemu(web), web.read("/run/kvmhost/guests/web1/started.json"))
    pid = web.run("systemctl show -p MainPID --value kvmhostd").stdout.strip()
    web.run(f"kill -9 {pid}")
    wait_until(lambda: web.run("systemctl show -p MainPID --value kvmhostd").stdout.strip() not in ("0", pid), 30, "again")
    web.restart_daemon()
    # an upgrade: other files under the same names
    web.run("for f in /usr/sbin/kvmhostd /usr/bin/kvmhostctl /usr/libexec/kvmhost/kvmhost-run; do "
            "cp -p $f $f.new && mv $f.new $f; done; systemctl daemon-reload; systemctl restart kvmhostd", timeout=120)
    web.reload_daemon()
    assert web.ctl("plan").rc == 0
    assert (unit(web, "MainPID"), qemu(web), web.read("/run/kvmhost/guests/web1/started.json")) == before
    assert at.run("cat /kept") == "kept\n"
    at.close()
    web.run("systemctl stop kvmhostd")
