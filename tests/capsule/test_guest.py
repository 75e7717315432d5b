# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests: real QEMU (TCG), a real Debian kernel, traffic through the NAT network."""
import json

import pytest
from documents import EMPTY, GUEST, put, settle
from harness import wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.world = capsule.uplink()
    capsule.world.serve(80)
    return capsule


def guest(host, name="web1"):
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)
    return next((g for g in listed["guests"] if g["name"] == name), None)


def unit(host, what, name="web1"):
    return host.run(f"systemctl show -p {what} --value kvmhost-guest@{name}").stdout.strip()


def qemu_pid(host, name="web1"):
    return host.run(f"pgrep -f '[q]emu-system.*guest={name},'").stdout.strip()


@pytest.fixture
def running(host):
    settle(host, GUEST)
    if guest(host)["state"] != "running":
        host.ctl("guest", "start", "web1")
    return host


def test_boots_and_reaches_the_world(host):
    settle(host, GUEST)
    console = host.console(SOCKET)
    console.ready()
    assert console.run("hostname") == "web1\n"
    assert "52:54:00:1a:b3:4a" in console.run("cat /sys/class/net/eth0/address")
    console.run("ping -c 1 -W 3 192.168.122.1")
    assert console.run("nc 203.0.113.1 80 </dev/null || true").strip() == "203.0.113.2"
    console.close()
    assert guest(host)["state"] == "running"
    assert guest(host)["accel"] == "tcg"


def test_qemu_is_unprivileged(running):
    pid = qemu_pid(running)
    status = running.read(f"/proc/{pid}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uids = set(fields["Uid"].split())
    assert uids != {"0"} and len(uids) == 1 and int(uids.pop()) >= 1879048192
    assert int(fields["CapEff"], 16) == 0 and int(fields["CapPrm"], 16) == 0
    assert int(fields["CapBnd"], 16) & (1 << 21) == 0 or fields["NoNewPrivs"].strip() == "1"
    assert fields["NoNewPrivs"].strip() == "1"
    assert fields["Seccomp"].strip() == "2"


def test_console_command(running):
    r = running.run("printf 'echo he''llo-$((40+2))\\n' | kvmhostctl console web1", timeout=60)
    assert "hello-42" in r.stdout


def test_console_is_for_members_of_the_group(running):
    running.run("systemd-sysusers && useradd -M -G kvmhost member && useradd -M stranger")
    running.ctl("guest", "restart", "web1")  # the socket is as the group is when the guest starts
    ask = "printf '' | timeout 20 su %s -s /bin/sh -c 'kvmhostctl --no-color console web1'"
    refused = running.run(ask % "stranger", check=False)
    assert refused.rc == 1 and "members of the group kvmhost" in refused.stderr, str(refused)
    assert running.run(ask % "member", check=False).rc == 0


def test_change_waits_for_consent(running):
    pid = unit(running, "MainPID")
    put(running, GUEST.replace("192MiB", "224MiB"))
    plan = running.ctl("plan", check=False)
    assert "192MiB" in plan.stdout and "224MiB" in plan.stdout and "waits for" in plan.stdout
    running.ctl("apply")
    assert unit(running, "MainPID") == pid
    assert "guest restart web1" in running.ctl("status", check=False).stdout
    running.ctl("guest", "restart", "web1", timeout=120)
    assert unit(running, "MainPID") != pid
    plan = running.ctl("plan")
    assert plan.rc == 0 and "waits" not in plan.stdout
    settle(running, GUEST)
    running.ctl("guest", "restart", "web1", timeout=120)


def test_change_restarts_when_the_document_says_so(running):
    pid = unit(running, "MainPID")
    text = GUEST.replace("    shutdown:", "    on_change: restart\n    cpu: {count: 2}\n    shutdown:")
    put(running, text)
    assert "a guest is shut down" in running.ctl("plan", check=False).stdout
    running.ctl("apply", timeout=120)
    assert unit(running, "MainPID") != pid
    assert running.ctl("plan").rc == 0
    console = running.console(SOCKET)
    console.ready()
    assert console.run("grep -c ^processor /proc/cpuinfo") == "2\n"
    console.close()


def test_stop_by_hand_is_held(running):
    console = running.console(SOCKET)
    running.ctl("guest", "stop", "web1", timeout=120)
    console.close()
    assert guest(running)["state"] == "stopped"
    assert unit(running, "Result") == "success"
    plan = running.ctl("plan")
    assert "stopped by hand" in plan.stdout and "guest start web1" in plan.stdout
    running.ctl("apply")
    assert guest(running)["state"] == "stopped"
    running.ctl("guest", "start", "web1")
    assert guest(running)["state"] == "running"
    assert "stopped by hand" not in running.ctl("plan").stdout


def test_shutdown_is_graceful(running):
    """The guest gets the power button, not the plug."""
    console = running.console(SOCKET)
    if "guest ready" not in console.text:
        console.expect(r"guest# |guest ready", 90)
    running.ctl("guest", "stop", "web1", timeout=120)
    console.expect("powering off", 10)
    console.close()
    running.ctl("guest", "start", "web1")


def test_a_guest_that_ignores_the_button_is_ended_in_time(running):
    settle(running, GUEST.replace("timeout: 20s", "timeout: 3s"))
    console = running.console(SOCKET)
    console.expect(r"guest# |guest ready", 90)
    console.run("killall head; true")
    console.close()
    t = running.run("time -p kvmhostctl guest stop web1", timeout=60)
    seconds = float([line for line in t.stderr.splitlines() if line.startswith("real")][0].split()[1])
    assert 2.5 < seconds < 20, "not within the 3 s that it has now, but the 20 s that it had"
    settle(running, GUEST)
    running.ctl("guest", "start", "web1")


def test_qemu_killed_is_restarted_and_told(running):
    pid = unit(running, "MainPID")
    running.run(f"kill -9 {qemu_pid(running)}")
    wait_until(lambda: unit(running, "MainPID") not in (pid, "0"), 30, "restarted by policy")
    wait_until(lambda: guest(running)["state"] == "running", 30, "running again")


def test_runner_killed_takes_qemu_along(running):
    qemu = qemu_pid(running)
    pid = unit(running, "MainPID")
    running.run(f"kill -9 {pid}")
    wait_until(lambda: running.run(f"kill -0 {qemu}", check=False).rc, 30, "QEMU gone with its runner")
    wait_until(lambda: unit(running, "MainPID") not in (pid, "0"), 30, "restarted by policy")
    wait_until(lambda: guest(running)["state"] == "running", 30, "running again")


def test_a_guest_that_cannot_start_says_why(host):
    put(host, GUEST.replace("/srv/boot/initrd.img", "/srv/boot/missing.img").replace("web1", "bad1")
        .replace("1a:b3:4a", "1a:b3:4b"))
    r = host.ctl("apply", check=False, timeout=120)
    assert r.rc == 1
    assert "/srv/boot/missing.img" in r.stdout + r.stderr
    assert "/srv/boot/missing.img" in host.ctl("status", check=False).stdout
    settle(host, GUEST)


def test_a_disk_that_is_no_image_says_so(host):
    host.run("echo this is no qcow2 >/srv/bad.qcow2")
    put(host, GUEST + "  disk1:\n    memory: {size: 64MiB}\n    disks: [{path: /srv/bad.qcow2, format: qcow2}]\n")
    r = host.ctl("apply", check=False, timeout=120)
    assert r.rc == 1
    assert "bad.qcow2" in r.stdout + r.stderr or "qcow2" in r.stdout + r.stderr
    assert "disk1" in r.stdout
    settle(host, GUEST)


def test_order_of_start_and_stop(host):
    text = GUEST + """\
  db1:
    memory: {size: 96MiB}
    kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}
    shutdown: {timeout: 5s}
"""
    text = text.replace("    shutdown: {timeout: 20s}\n", "    shutdown: {timeout: 20s}\n    after: [db1]\n", 1)
    settle(host, EMPTY, "--allow-mass-removal")
    settle(host, text)
    started = [int(unit(host, "ActiveEnterTimestampMonotonic", n)) for n in ("db1", "web1")]
    assert started[0] < started[1]
    since = host.cursor()
    host.remember("kvmhost-guest@db1.service", "kvmhost-guest@web1.service")
    host.ctl("guest", "stop", "db1", "web1", timeout=120)
    assert 0 < int(unit(host, "InactiveEnterTimestampMonotonic", "web1")) <= int(unit(host, "ActiveExitTimestampMonotonic", "db1"))
    for name in ("web1", "db1"):
        assert "guest is down" in host.said(f"kvmhost-guest@{name}", since)
    settle(host, GUEST)
    assert guest(host, "db1") is None


def test_a_removed_guest_is_shut_down_and_its_disk_stays(host):
    host.run("qemu-img create -q -f qcow2 /srv/keep.qcow2 64M")
    settle(host, GUEST + "  disk1:\n    memory: {size: 64MiB}\n    shutdown: {timeout: 1s}\n"
           "    disks: [{path: /srv/keep.qcow2, format: qcow2}]\n")
    assert guest(host, "disk1")["state"] == "running"
    assert host.run("stat -c %u /srv/keep.qcow2").stdout == "0\n", "the file is still the administrator's"
    settle(host, EMPTY, "--allow-mass-removal")
    assert host.exists("/srv/keep.qcow2")
    assert host.run("ip -o link | grep -c tap || true").stdout.strip() == "0"
    assert not host.run("pgrep qemu-system", check=False).stdout


def owner(name, disk):
    return (f"  {name}:\n    memory: {{size: 64MiB}}\n    shutdown: {{timeout: 1s}}\n    on_change: restart\n"
            f"    disks: [{{path: /srv/{disk}.qcow2, size: 16MiB}}]\n")


def test_a_disk_goes_from_one_guest_to_another(host):
    """With a guest that has another name now, and between two that run: who has it lets go of it first."""
    settle(host, GUEST + owner("old", "one"))
    settle(host, GUEST + owner("new", "one"))
    assert guest(host, "new")["state"] == "running" and guest(host, "old") is None
    settle(host, GUEST + owner("new", "one") + owner("two", "two"))
    settle(host, GUEST + owner("new", "two") + owner("two", "one"))
    assert {guest(host, name)["state"] for name in ("new", "two")} == {"running"}
    settle(host, GUEST)


def test_two_that_swap_their_images_and_wait(host):
    """`guest restart` of one is refused while both run, and names the other; both at once, or one behind the other, do."""
    wait = (owner("ann", "one") + owner("ben", "two")).replace("    on_change: restart\n", "")
    settle(host, GUEST + wait)
    put(host, GUEST + (owner("ann", "two") + owner("ben", "one")).replace("    on_change: restart\n", ""))
    host.ctl("apply")
    pids = [unit(host, "MainPID", name) for name in ("ann", "ben")]
    refused = host.ctl("guest", "restart", "ann", check=False)
    assert refused.rc == 1 and "ann is to have the image /srv/two.qcow2, with which the guest ben runs" in refused.stderr, refused
    assert "= kvmhostctl guest restart ann ben\n" in refused.stderr
    assert [unit(host, "MainPID", name) for name in ("ann", "ben")] == pids, "nobody was shut down in vain"
    host.ctl("guest", "stop", "ann")
    refused = host.ctl("guest", "start", "ann", check=False)
    assert refused.rc == 1 and "the guest ben runs with the image /srv/two.qcow2; it lets go of it at its next start: " \
        "kvmhostctl guest restart ben; kvmhostctl guest start ann" in refused.stderr, refused
    assert "the guest ben runs with the image /srv/two.qcow2" in host.ctl("status", check=False).stdout
    host.ctl("guest", "restart", "ben")
    host.ctl("guest", "start", "ann")
    assert host.ctl("plan").rc == 0
    put(host, GUEST + wait)
    host.ctl("apply")
    host.ctl("guest", "restart", "ann", "ben")
    assert host.ctl("plan").rc == 0
    assert {guest(host, name)["state"] for name in ("ann", "ben")} == {"running"}
    settle(host, GUEST)


def test_one_image_by_two_names(host):
    """Hard links: two paths to the document, one file to the kernel."""
    settle(host, GUEST + owner("ann", "one"))
    host.run("ln -f /srv/one.qcow2 /srv/link.qcow2")
    put(host, GUEST + owner("ann", "one") + owner("ben", "link"))
    refused = host.ctl("apply", check=False, timeout=120)
    assert refused.rc == 1 and "the guest ann runs with the image /srv/link.qcow2, which it has by the name /srv/one.qcow2; " \
        "give one of the two another one" in refused.stdout + refused.stderr, refused
    refused = host.ctl("guest", "restart", "ann", check=False)
    assert refused.rc == 0, "the one that has it"
    settle(host, GUEST)
    host.run("rm /srv/link.qcow2")


def test_a_masked_unit_is_told_with_its_cure(running):
    host = running
    host.run("systemctl mask --now kvmhost-guest@web1", timeout=90)
    r = host.ctl("apply", check=False)
    assert r.rc == 1 and "is masked" in r.stdout and "= systemctl unmask that unit" in r.stdout, r
    host.run("systemctl unmask kvmhost-guest@web1")
    settle(host, GUEST)


def test_runner_is_small(running):
    text = running.read(f"/proc/{unit(running, 'MainPID')}/smaps_rollup")
    pss = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
    assert pss <= 2048, f"the runner holds {pss} KiB"
