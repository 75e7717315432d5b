# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that vanish under a running guest while kvmhostd listens. One story, run in order."""
import json

import pytest
from assigned import DRIVE, IOMMU, MAC, NIC, assigned_host, console, function, guest, hush, settle
from harness import wait_until

GONE = f"nic2 ({NIC})"
DOCUMENT = (IOMMU + f'devices:\n  nic2: {{id: "8086:10c9", mac: "{MAC}"}}\n  drive: {{address: "{DRIVE}"}}\n'
            "guests:\n" + guest("devices: [nic2, drive]"))


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
    assert "guest/web1" in plan and f"which runs without {GONE}" in plan, plan
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
