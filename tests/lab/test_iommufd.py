# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices by iommufd, on a kernel and with a QEMU that have it: given at the start, plugged in and out, given back. The
tests are one story and run in order."""
import pytest
from assigned import (DRIVE, IOMMU, LOG, MAC, NIC, PF, assigned_host, console, driver, drivers, function, guest, hush,
                      restart, settle)
from documents import EMPTY
from harness import wait_until
from machine import make_iommufd

HAS_NIC, HAS_DRIVE = f"NIC eth0 0x8086 0x10c9 {MAC}", "DISK nvme0n1 kvmhost-1 *16384"
DEVICES = f'devices:\n  nic2: {{id: "8086:10c9", mac: "{MAC}"}}\n  drive: {{address: "{DRIVE}"}}\n'
VF_MAC = "52:54:00:6d:90:02"
UPLINK = f'sriov: {{uplink: {{device: {{address: "{PF}"}}, max_vfs: 1, vfs: {{0: {{mac: "{VF_MAC}", vlan: 42}}}}}}}}\n'
SPARE = " -device pcie-root-port,id=spare,chassis=30,slot=30"


def install(host):
    """The kernel's modules and QEMU of make-iommufd, from a disk that is plugged in."""
    tar = make_iommufd(host.run("uname -r").stdout.strip())
    for line in (f"drive_add 0 if=none,id=tar,file={tar},format=raw,readonly=on",
                 "device_add virtio-blk-pci,bus=spare,drive=tar,serial=iommufd"):
        assert host.machine.monitor(line).strip() in ("", "OK"), line
    disk = wait_until(lambda: host.run("ls /dev/disk/by-id/virtio-iommufd", check=False).stdout.strip(), 60, "the tar")
    host.run(f"""set -e
        rm -rf /usr/bin/qemu-system-x86_64 /usr/lib/x86_64-linux-gnu/qemu /usr/share/qemu /usr/share/seabios
        tar -C / --skip-old-files --keep-directory-symlink -xf {disk}
        depmod -a; ldconfig; qemu-system-x86_64 -object help | grep -w iommufd""", timeout=180)


@pytest.fixture(scope="module")
def host(request):
    lab = assigned_host(request, more=SPARE, warm=False)
    hush(lab)
    install(lab)
    lab.before = drivers(lab)  # the tar's disk is a device too
    return lab


def document(*names, beside="", more=""):
    return IOMMU + DEVICES + beside + "guests:\n" + guest(f"devices: [{', '.join(names)}]{more}")


def opened(host):
    """What QEMU has open of the IOMMU and of functions."""
    found = host.run("readlink /proc/$(pidof qemu-system-x86_64)/fd/* | grep -E '^/dev/(iommu|vfio)' | sort -u")
    return found.stdout.split()


def node(host, address):
    return "/dev/vfio/devices/" + host.run(f"ls {function(address, 'vfio-dev')}").stdout.strip()


def test_given_at_the_start(host):
    settle(host, document("nic2"))
    text = console(host, "GUEST IS READY")
    assert HAS_NIC in text and "LEASE 10.102.0." in text and "2 packets received" in text, text
    assert opened(host) == ["/dev/iommu", node(host, NIC)]
    # it was handed over, the guest's user may open neither
    assert host.run(f"stat -c %u /dev/iommu {node(host, NIC)}").stdout == "0\n0\n"
    assert "PCI BAR" not in host.run("journalctl -u kvmhost-guest@web1").stdout
    assert next(line for line in host.ctl("devices").stdout.splitlines() if NIC in line).count("guest web1") == 1


def live(host, text, *patterns):
    qemu = host.run("pidof qemu-system-x86_64").stdout
    host.run(f"truncate -s 0 {LOG}")
    settle(host, text, "--allow-mass-removal")
    for pattern in patterns:
        console(host, pattern)
    assert host.run("pidof qemu-system-x86_64").stdout == qemu


def test_another_one_plugged_in(host):
    """Beside one that is there: they share what the guest's memory is locked by."""
    live(host, document("nic2", "drive"), HAS_DRIVE)
    assert opened(host) == ["/dev/iommu", *sorted([node(host, NIC), node(host, DRIVE)])]


def test_plugged_out_and_in_again(host):
    live(host, document(), "HAS /sys/class/net/e[*] /sys/block/nvme[*] NOW")
    assert not [path for path in opened(host) if "vfio" in path]
    live(host, document("drive"), HAS_DRIVE)


def test_into_a_guest_that_was_started_without(host):
    live(host, document(), "HAS /sys/class/net/e[*] /sys/block/nvme[*] NOW")
    restart(host)
    console(host, "GUEST IS READY")
    assert opened(host) == []
    live(host, document("nic2"), HAS_NIC, "LEASE 10.102.0", "2 packets received")
    assert opened(host) == ["/dev/iommu", node(host, NIC)]


def test_pulled_and_back(host):
    host.run("systemctl start kvmhostd")
    host.run(f"systemd-run --quiet --collect sh -c 'echo 1 >{function(NIC, 'remove')}'")
    wait_until(lambda: not host.exists(function(NIC)), 120, "the card gone", 1)
    wait_until(lambda: f"runs without nic2 ({NIC})" in host.ctl("status", check=False).stdout, 30, "the guest's note", 1)
    host.run(f"truncate -s 0 {LOG}; echo 1 >/sys/class/pci_bus/{NIC.rsplit(':', 1)[0]}/rescan")
    console(host, HAS_NIC)
    wait_until(lambda: host.ctl("plan", check=False).rc == 0, 30, "nothing to do", 1)
    host.run("systemctl stop kvmhostd")


def test_a_virtual_function(host):
    settle(host, IOMMU, "--allow-mass-removal")
    host.run(f"truncate -s 0 {LOG}")
    settle(host, document(beside=UPLINK, more="\n    interfaces: [{vf: uplink/0}]"))
    assert f"NIC eth0 0x8086 0x10ca {VF_MAC}" in console(host, "GUEST IS READY")
    vf = host.run(f"basename $(readlink {function(PF, 'virtfn0')})").stdout.strip()
    assert opened(host) == ["/dev/iommu", node(host, vf)]


def test_given_back(host):
    settle(host, EMPTY, "--allow-mass-removal")
    assert drivers(host) == host.before and driver(host, NIC) == "igb"
