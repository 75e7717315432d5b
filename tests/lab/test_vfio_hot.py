# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that vanish under a running guest, and come back, while kvmhostd listens. One story, run in order."""
import json

import pytest
from assigned import DRIVE, IOMMU, LOG, MAC, NIC, assigned_host, console, driver, function, guest, hush, put, restart, settle
from harness import wait_until

GONE = f"nic2 ({NIC})"
DOCUMENT = (IOMMU + f'devices:\n  nic2: {{id: "8086:10c9", mac: "{MAC}"}}\n  drive: {{address: "{DRIVE}"}}\n'
            "guests:\n" + guest("devices: [nic2, drive]"))
ADD_DRIVE = "device_add nvme,bus=drives,id=nvme0,serial=kvmhost-1,drive=nothing"


@pytest.fixture(scope="module")
def host(request):
    lab = assigned_host(request)
    hush(lab)
    settle(lab, DOCUMENT)
    lab.run("systemctl start kvmhostd")
    console(lab, "GUEST IS READY")
    lab.qemu = lab.run("pidof qemu-system-x86_64").stdout
    return lab


def web1(host):
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)["guests"]
    return next(one for one in listed if one["name"] == "web1")


def pull(host, address):
    """Returns at once: the kernel waits until the guest has let go of it."""
    host.run(f"systemd-run --quiet --collect sh -c 'echo 1 >{function(address, 'remove')}'")


def restarts(host):
    return host.run("systemctl show -P NRestarts kvmhost-guest@web1").stdout.strip()


def test_pulled_from_a_running_guest(host):
    assert "lost" not in web1(host)
    pull(host, NIC)
    wait_until(lambda: not host.exists(function(NIC)), 120, "the card gone", 1)
    wait_until(lambda: web1(host).get("lost") == GONE, 20, "the guest's account of it")
    status = host.ctl("status").stdout
    assert f"runs without {GONE}" in status, status
    assert f"device/nic2 waits for its device: there is no PCI device 8086:10c9 with the MAC address {MAC}" in status, status
    plan = host.ctl("plan", check=False).stdout
    assert f"guest/web1" in plan and f"which runs without {GONE}" in plan, plan
    host.ctl("apply")
    assert host.run("pidof qemu-system-x86_64").stdout == host.qemu and restarts(host) == "0"
    assert f"the device {GONE} is gone from the guest" in host.run("journalctl -u kvmhost-guest@web1").stdout


def test_another_machine_takes_the_drive_out(host):
    host.machine.monitor("device_del nvme0")
    wait_until(lambda: not host.exists(function(DRIVE)), 120, "the drive gone", 1)
    wait_until(lambda: web1(host).get("lost") == f"{GONE}, drive ({DRIVE})", 20, "the guest's account of it")
    assert host.run("pidof qemu-system-x86_64").stdout == host.qemu


def test_started_without_them_it_stays_down(host):
    tried = host.ctl("guest", "restart", "web1", check=False)
    assert tried.rc == 1 and f"the device {GONE} is gone" in tried.stdout + tried.stderr, tried
    assert host.run("systemctl show -P ActiveState kvmhost-guest@web1").stdout == "failed\n"
    assert restarts(host) == "0"
    # nor does kvmhostd try, which hears of this
    tries = "journalctl -u kvmhost-guest@web1 | grep -c 'is gone$'"
    before = host.run(tries, check=False).stdout
    host.ctl("apply", check=False)
    assert host.run(tries, check=False).stdout == before


def test_they_come_back(host):
    host.machine.monitor(ADD_DRIVE)
    host.run("echo 1 >/sys/bus/pci/rescan")
    for address in (NIC, DRIVE):
        wait_until(lambda: driver(host, address) == "vfio-pci", 60, f"kvmhostd to take {address}", 1)
    host.run(f"truncate -s 0 {LOG}")
    host.ctl("apply", timeout=180)
    text = console(host, "GUEST IS READY")
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in text and "DISK nvme0n1 kvmhost-1" in text, text
    assert "lost" not in web1(host)
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_back_while_the_guest_runs(host):
    """It is ready again, and the guest has it when somebody restarts it: no event does."""
    qemu = host.run("pidof qemu-system-x86_64").stdout
    pull(host, NIC)
    wait_until(lambda: not host.exists(function(NIC)), 120, "the card gone", 1)
    host.run("echo 1 >/sys/bus/pci/rescan")
    wait_until(lambda: driver(host, NIC) == "vfio-pci", 60, "kvmhostd to take it", 1)
    plan = host.ctl("plan", check=False).stdout
    assert f"which runs without {GONE}; kvmhostctl guest restart web1" in plan and "device/nic2" not in plan, plan
    assert host.run("pidof qemu-system-x86_64").stdout == qemu
    restart(host)
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in console(host, "GUEST IS READY")
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_restarted_once_where_that_is_wanted(host):
    """on_change: restart. A run that somebody asks for restarts it when the card is there, and only then."""
    put(host, DOCUMENT.replace("    shutdown:", "    on_change: restart\n    shutdown:"))
    host.ctl("apply", timeout=180)
    qemu = host.run("pidof qemu-system-x86_64").stdout
    pull(host, NIC)
    wait_until(lambda: web1(host).get("lost") == GONE, 120, "the guest's account of it", 1)
    wait_until(lambda: not host.exists(function(NIC)), 20, "the card gone")
    host.ctl("apply")
    assert host.run("pidof qemu-system-x86_64").stdout == qemu, "restarted without its card"
    host.run(f"truncate -s 0 {LOG}; echo 1 >/sys/bus/pci/rescan")
    wait_until(lambda: driver(host, NIC) == "vfio-pci", 60, "kvmhostd to take it", 1)
    host.ctl("apply", timeout=180)
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in console(host, "GUEST IS READY")
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
