# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that come to a running guest and go: by the document, or pulled and plugged in again while kvmhostd listens.
One story, run in order; but for its end it is one QEMU's."""
import json

import pytest
from assigned import DRIVE, IOMMU, LOG, MAC, NIC, PF, assigned_host, console, driver, drivers, function, guest, hush, put, settle
from harness import wait_until

GONE = f"nic2 ({NIC})"
NIC2, THE_DRIVE = f'  nic2: {{id: "8086:10c9", mac: "{MAC}"}}\n', f'  drive: {{address: "{DRIVE}"}}\n'
ADD_DRIVE = "device_add nvme,bus=drives,id=nvme0,serial=kvmhost-1,drive=nothing"
HAS_NIC, HAS_DRIVE = f"NIC eth0 0x8086 0x10c9 {MAC}", "DISK nvme0n1 kvmhost-1 *16384"
VF_MAC = "52:54:00:6d:90:02"
UPLINK = f'sriov: {{uplink: {{device: {{address: "{PF}"}}, max_vfs: 2, vfs: {{0: {{mac: "{VF_MAC}", vlan: 42}}}}}}}}\n'


def document(*names, beside="", more=""):
    devices = "devices:\n" + NIC2 + THE_DRIVE if names else ""
    return IOMMU + devices + beside + "guests:\n" + guest(f"devices: [{', '.join(names)}]{more}")


@pytest.fixture(scope="module")
def host(request):
    lab = assigned_host(request)
    hush(lab)
    settle(lab, document())
    assert not lab.loaded("vfio"), "the guest is to be older than that"
    console(lab, "GUEST IS READY")
    lab.qemu = lab.run("pidof qemu-system-x86_64").stdout.strip()
    return lab


def web1(host):
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)["guests"]
    return next(one for one in listed if one["name"] == "web1")


def same(host):
    """It is the QEMU that was started first, and nothing is left to do."""
    assert host.run("pidof qemu-system-x86_64").stdout.strip() == host.qemu
    assert host.run("systemctl show -P NRestarts kvmhost-guest@web1").stdout == "0\n"
    plan = host.ctl("plan", check=False)
    assert plan.stdout.rstrip().endswith("nothing to do"), plan


def live(host, text, *patterns):
    """Applied while the guest runs, which then says so."""
    put(host, text)
    plan = host.ctl("plan", check=False).stdout
    assert "(changes live)" in plan and "waits for a restart" not in plan and "a guest is shut down" not in plan, plan
    host.run(f"truncate -s 0 {LOG}")
    host.ctl("apply", "--allow-mass-removal", timeout=180)
    for pattern in patterns:
        console(host, pattern)
    same(host)


def locked(host):
    return int(host.run(f"awk '/locked/ {{print $4}}' /proc/{host.qemu}/limits").stdout)


def pull(host, address):
    """Returns at once: the kernel waits until the guest has let go of it."""
    host.run(f"systemd-run --quiet --collect sh -c 'echo 1 >{function(address, 'remove')}'")


def push_in(host, address):
    """Its own bus alone is looked at: a look at all of them can make the emulated machine lose its timer."""
    host.run(f"echo 1 >/sys/class/pci_bus/{address.rsplit(':', 1)[0]}/rescan")


def test_plugged_in(host):
    before = locked(host)
    live(host, document("nic2"), HAS_NIC, "LEASE 10.102.0", "2 packets received")
    assert locked(host) == (192 + 1024) << 20 > before
    live(host, document("nic2", "drive"), HAS_DRIVE)
    assert driver(host, NIC) == driver(host, DRIVE) == "vfio-pci"


def test_plugged_out(host):
    live(host, document("nic2"), "HAS /sys/class/net/eth0 /sys/block/nvme[*] NOW")
    assert "lost" not in web1(host)
    assert "the device drive" not in host.run("journalctl -u kvmhost-guest@web1 | grep 'is gone'", check=False).stdout
    # by a document that has none of them any more: given back by the same run
    live(host, document(), "HAS /sys/class/net/e[*] /sys/block/nvme[*] NOW")
    assert drivers(host) == host.before
    assert locked(host) == 8 << 20 and "lost" not in web1(host)
    assert not host.run("ls /run/kvmhost/assigned").stdout


def peripherals(host):
    """The ids of QEMU's devices."""
    asked = {"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}}
    said = host.run("kvmhostctl guest monitor web1", input=json.dumps(asked) + "\n").stdout
    answer = next(line for line in map(json.loads, said.splitlines()) if "return" in line)
    return {one["name"] for one in answer["return"]}


def test_beside_what_is_no_device_of_the_host(host):
    """A tap, a disk and the drive at once."""
    more = "\n    interfaces: [{bridge: br7, vhost: false}]\n    disks: [{path: /srv/more.img, size: 16MiB, format: raw}]"
    live(host, document("drive", beside="bridges: {br7: {}}\n", more=more), HAS_DRIVE)
    assert {"device0", "net0", "storage0"} <= peripherals(host)
    live(host, document(), "HAS /sys/class/net/e[*] /sys/block/nvme[*] NOW")
    assert not {"device0", "net0", "storage0"} & peripherals(host)


def test_a_virtual_function_comes_and_goes(host):
    live(host, document(beside=UPLINK, more="\n    interfaces: [{vf: uplink/0}]"), f"NIC eth0 0x8086 0x10ca {VF_MAC}")
    assert "vlan 42" in host.run(f"ip link show $(ls {function(PF, 'net')})").stdout
    live(host, document(), "HAS /sys/class/net/e[*] /sys/block/nvme[*] NOW")
    assert drivers(host) == host.before and host.read(function(PF, "sriov_numvfs")) == "0\n"


def converge(host, text):
    """A guest that was asked to let go of a device may do so when it is wanted again: then it is plugged in again."""
    put(host, text)
    wait_until(lambda: host.ctl("apply", "--allow-mass-removal", check=False, timeout=180).rc == 0
               and host.ctl("plan", check=False).rc == 0, 90, "nothing to do", 1)
    same(host)


def test_killed_at_any_time(host):
    """The next run goes on, in whichever direction."""
    killed = 0
    for delay in (0.4, 0.8, 1.2, 2):
        for text in (document("drive"), document()):
            put(host, text)
            killed += host.run(f"timeout -s KILL {delay} kvmhostctl apply --allow-mass-removal", check=False).rc == 137
        converge(host, document("drive"))
        assert "device0" in peripherals(host)
        converge(host, document())
        assert drivers(host) == host.before
    assert killed >= 4, killed


def test_pulled_from_a_running_guest(host):
    live(host, document("nic2", "drive"), HAS_NIC, HAS_DRIVE)
    host.run("systemctl start kvmhostd")
    assert "lost" not in web1(host)
    pull(host, NIC)
    wait_until(lambda: not host.exists(function(NIC)), 120, "the card gone", 1)
    wait_until(lambda: web1(host).get("lost") == GONE, 20, "the guest's account of it")
    status = host.ctl("status").stdout
    assert f"runs without {GONE}" in status, status
    assert f"device/nic2 waits for its device: there is no PCI device 8086:10c9 with the MAC address {MAC}" in status, status
    plan = host.ctl("plan", check=False).stdout
    assert f"lost {GONE} -> in the guest" in plan and "waits for assignment/web1, which waits for device/nic2" in plan, plan
    host.ctl("apply")
    assert host.run("pidof qemu-system-x86_64").stdout.strip() == host.qemu
    assert f"the device {NIC} is gone from the guest" in host.run("journalctl -u kvmhost-guest@web1").stdout


def test_another_machine_takes_the_drive_out(host):
    host.machine.monitor("device_del nvme0")
    wait_until(lambda: not host.exists(function(DRIVE)), 120, "the drive gone", 1)
    wait_until(lambda: web1(host).get("lost") == f"{GONE}, drive ({DRIVE})", 20, "the guest's account of it")
    assert host.run("pidof qemu-system-x86_64").stdout.strip() == host.qemu


def test_they_come_back(host):
    """kvmhostd hears of it, and once all are there the guest has them again, without a restart."""
    host.run(f"truncate -s 0 {LOG}")
    host.machine.monitor(ADD_DRIVE)
    wait_until(lambda: driver(host, DRIVE) == "vfio-pci", 60, "kvmhostd to take the drive", 1)
    push_in(host, NIC)
    console(host, HAS_NIC)
    console(host, HAS_DRIVE)
    wait_until(lambda: "lost" not in web1(host), 20, "nothing lost")
    same(host)


def test_started_without_it_it_stays_down(host):
    pull(host, NIC)
    wait_until(lambda: not host.exists(function(NIC)), 120, "the card gone", 1)
    tried = host.ctl("guest", "restart", "web1", check=False)
    assert tried.rc == 1 and f"the device {GONE} is gone" in tried.stdout + tried.stderr, tried
    assert host.run("systemctl show -P ActiveState kvmhost-guest@web1").stdout == "failed\n"
    assert host.run("systemctl show -P NRestarts kvmhost-guest@web1").stdout == "0\n"
    # nor does kvmhostd try, which hears of this
    tries = "journalctl -u kvmhost-guest@web1 | grep -c 'is gone$'"
    before = host.run(tries, check=False).stdout
    host.ctl("apply", check=False)
    assert host.run(tries, check=False).stdout == before
