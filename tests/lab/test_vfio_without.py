# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines on which a device cannot be given away, or not yet, or only by saying so."""
import os

import pytest
from assigned import IOMMU, MAC, assigned_host, console, driver, drivers, function, guest, hush, put, refused, settle
from assigned import NIC as CARD
from conftest import boot
from documents import EMPTY

NIC = "0000:01:00.0"
DEVICES = f'devices:\n  nic: {{address: "{NIC}"}}\n'


@pytest.fixture
def machine(request):
    def make(**hardware):
        lab = boot(request, warm=False, **hardware)
        lab.push(os.environ["KVMHOST_STAGE"])
        hush(lab)
        return lab
    return make


def test_no_iommu(machine):
    host = machine(profile="none")
    assert "the firmware announces no IOMMU" in refused(host, IOMMU + DEVICES)
    assert "the firmware announces no IOMMU" in refused(host, "version: 1\n" + DEVICES)


def test_iommu_is_off(machine):
    host = machine(cmdline="intel_iommu=off")
    before = drivers(host)
    put(host, IOMMU + DEVICES)
    plan = host.ctl("plan", check=False).stdout
    assert "iommu/host, which waits for a reboot: the running kernel was started with intel_iommu=off" in plan, plan
    assert host.ctl("apply", check=False, timeout=180).rc == 3
    assert drivers(host) == before
    text = refused(host, "version: 1\n" + DEVICES)
    assert "no IOMMU works yet; it needs a reboot" in text and "iommu: {enabled: true}" in text


UNSAFE = "version: 1\nhost: {iommu: {enabled: true, unsafe_interrupts: true}}\n"
UNMAPPED = "this machine does not remap interrupts"


def test_no_interrupt_remapping(machine):
    """AMD's IOMMU, where DMA of a device that a guest has does not work in the lab: bound alone."""
    host = machine(profile="amd", cmdline="")
    before = drivers(host)
    text = refused(host, IOMMU + DEVICES)
    assert UNMAPPED in text and "unsafe_interrupts: true" in text
    settle(host, UNSAFE + DEVICES)
    assert driver(host, NIC) == "vfio-pci"
    host.run("modprobe vfio_iommu_type1")
    assert host.read("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y\n"
    settle(host, UNSAFE, "--allow-mass-removal")
    assert drivers(host) == before


def test_a_guest_without_interrupt_remapping(request):
    """Refused, and the guest is not started; with leave it has the card, interrupts and traffic."""
    host = assigned_host(request, profile="unsafe", warm=False)
    hush(host)
    card = f'devices: {{nic2: {{address: "{CARD}"}}}}\nguests:\n' + guest("devices: [nic2]")
    text = refused(host, IOMMU + card)
    assert UNMAPPED in text and "unsafe_interrupts: true" in text, text
    assert not host.run("pidof qemu-system-x86_64", check=False).stdout
    settle(host, UNSAFE + card)
    text = console(host, "GUEST IS READY")
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in text and "LEASE 10.102.0." in text and "2 packets received" in text, text
    assert host.read("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y\n"
    settle(host, EMPTY, "--allow-mass-removal")
    assert drivers(host) == host.before


# a screen, and two cards behind a bridge from PCI Express to PCI, which sends for both under its own name
OLD = ("-device VGA -device pcie-root-port,id=old,chassis=30,slot=30 -device pcie-pci-bridge,id=legacy,bus=old "
       "-device e1000,bus=legacy,addr=1,mac=52:54:00:1a:b4:01 -device e1000,bus=legacy,addr=2,mac=52:54:00:1a:b4:02")
# VFIO_GROUP_GET_STATUS, of whose flags the first is VFIO_GROUP_FLAGS_VIABLE
VIABLE = """perl -e 'open(F, "+<", "/dev/vfio/" . shift) or die $!; $s = pack("LL", 8, 0); ioctl(F, 0x3b67, $s) or die $!;
print((unpack("LL", $s))[1] & 1)' """


def test_the_screen_and_what_is_behind_a_legacy_bridge(machine):
    host = machine(qemu=OLD)
    before = drivers(host)
    screen = host.run("lspci -D -d ::0300 | cut -d' ' -f1").stdout.strip()
    one, two = host.run("lspci -D -d 8086:100e | cut -d' ' -f1").stdout.split()
    bridge = host.run(f"basename $(dirname $(readlink -f {function(one)}))").stdout.strip()
    text = refused(host, IOMMU + f'devices: {{screen: {{address: "{screen}"}}}}\n')
    assert f"{screen} (no driver) cannot be given to a guest: it is the screen that the machine boots with" in text, text
    text = refused(host, IOMMU + f'devices: {{one: {{address: "{one}"}}}}\n')
    assert f"also holds {two} (e1000, in use as" in text, text
    assert f"behind the PCI bridge {bridge}, which sends for all of them under one name" in text, text
    text = refused(host, IOMMU + f'devices: {{bridge: {{address: "{bridge}"}}}}\n')
    assert "it is a bridge, which belongs to the machine" in text, text
    settle(host, IOMMU + f'devices: {{one: {{address: "{one}"}}, two: {{address: "{two}"}}}}\n')
    assert driver(host, one) == driver(host, two) == "vfio-pci"
    group = host.run(f"basename $(readlink {function(one, 'iommu_group')})").stdout.strip()
    assert host.run(VIABLE + group).stdout == "1", "the kernel does not agree"
    settle(host, EMPTY, "--allow-mass-removal")
    assert drivers(host) == before
