# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole devices for guests: taken from their drivers, seen in a KVM guest, given back; what cannot be given; kill -9
between any two steps. The tests are one story and run in order."""
import json
import re
import time

import pytest
from assigned import (DRIVE, IOMMU, LOG, MAC, NIC, PAIR, PROBE, assigned_host, console, driver, drivers, function, guest,
                      hush, killed, put, refused, restart, settle)
from documents import EMPTY
from harness import wait_until

NIC2 = f'devices:\n  nic2: {{id: "8086:10c9", mac: "{MAC}"}}\n'


@pytest.fixture(scope="module")
def host(request):
    return assigned_host(request)


def test_what_the_host_needs_is_refused(host):
    """Each card of this machine got a default route by DHCP; its disk carries the root file system."""
    disk = host.run("readlink -f /sys/class/block/vda").stdout.split("/virtio")[0].split("/")[-1]
    text = refused(host, IOMMU + f'devices:\n  disk: {{address: "{disk}"}}\n  nic: {{address: "{NIC}"}}\n')
    assert f"{disk} (virtio-pci) cannot be given to a guest: the host needs it: it carries the root file system" in text
    assert f"{NIC} (igb, in use as enp2s0) cannot be given to a guest: " \
           "the host needs it: enp2s0 carries the default route" in text


def test_what_is_in_use_without_a_mount_is_refused(host):
    """Whoever has a disk exclusively, as a mount has it that this namespace does not show."""
    host.run("systemd-run -u holder perl -MFcntl -e "
             "'sysopen(my $d, \"/dev/nvme0n1\", O_RDONLY | O_EXCL) or die $!; $| = 1; sleep' && sleep 1 && "
             "systemctl is-active holder")
    text = refused(host, IOMMU + f'devices: {{drive: {{address: "{DRIVE}"}}}}\n')
    assert f"{DRIVE} (nvme) cannot be given to a guest: the host needs it: it carries nvme0n1, which is in use" in text
    assert "carries nvme0n1" in host.ctl("--json", "devices").stdout
    host.run("systemctl stop holder")
    put(host, IOMMU + f'devices: {{drive: {{address: "{DRIVE}"}}}}\n')
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "nvme -> vfio-pci" in plan.stdout, plan


def test_part_of_a_group_is_refused(host):
    hush(host)
    text = refused(host, IOMMU + f'devices:\n  one: {{address: "{PAIR[0]}"}}\n')
    assert f"also holds {PAIR[1]} (e1000e, in use as" in text and "functions of one device" in text
    assert "list the others under `devices:` too" in text


def test_all_of_a_group_goes(host):
    settle(host, IOMMU + f'devices:\n  one: {{address: "{PAIR[0]}"}}\n  two: {{address: "{PAIR[1]}"}}\n')
    assert driver(host, PAIR[0]) == driver(host, PAIR[1]) == "vfio-pci"
    settle(host, IOMMU)
    assert drivers(host) == host.before


def shown(host):
    """Of the guest, by status."""
    return json.loads(host.ctl("--json", "status", "guest/web1").stdout)["guest"]


def test_a_card_in_a_guest(host):
    settle(host, IOMMU + NIC2 + "guests:\n" + guest("devices: [nic2]"))
    text = console(host, "GUEST IS READY")
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in text, text
    assert "LEASE 10.102.0." in text and "2 packets received" in text, text
    uid = host.run("ps -o uid= -C qemu-system-x86_64").stdout.strip()
    group = host.run(f"basename $(readlink {function(NIC, 'iommu_group')})").stdout.strip()
    assert int(uid) > 100000
    assert host.run(f"stat -c '%u %a' /dev/vfio/{group}").stdout == f"{uid} 600\n"
    assert f"{(192 + 1024) << 20}" in host.run("grep locked /proc/$(pidof qemu-system-x86_64)/limits").stdout
    said = shown(host)
    assert said["devices"] == [{"name": "nic2", "address": NIC}] and said["migratable"] is False


def test_it_is_not_taken_from_under_a_guest_that_does_not_let_go(host):
    """The document lets go of it while the guest is paused and cannot."""
    host.ctl("guest", "pause", "web1")
    put(host, IOMMU + "guests:\n" + guest("devices: []"))
    tried = host.ctl("apply", check=False, timeout=180)
    said = "the device nic2 is not taken out: the guest did not let go of it in 10 s"
    assert tried.rc == 1 and said in tried.stdout, tried
    assert driver(host, NIC) == "vfio-pci"
    status = host.ctl("status", check=False)
    assert status.rc == 1 and said in status.stdout, status


def test_given_back_while_the_guest_runs(host):
    host.ctl("guest", "resume", "web1")
    settle(host, IOMMU + "guests:\n" + guest("devices: []"))
    assert drivers(host) == host.before


def test_the_same_after_restart_and_reboot(host):
    host.run("systemctl enable kvmhostd")
    put(host, IOMMU + NIC2 + "guests:\n" + guest("devices: [nic2]"))
    host.ctl("apply", timeout=180)
    restart(host)
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in console(host, "GUEST IS READY")
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
    host.run(f"truncate -s 0 {LOG}")
    host.reboot()
    wait_until(lambda: host.ctl("status", check=False).rc == 0, 120, "converged", 2)
    text = console(host, "GUEST IS READY")
    assert f"NIC eth0 0x8086 0x10c9 {MAC}" in text, text
    # KVM's module is loaded late on a busy machine
    assert shown(host)["accel"] == "kvm"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_in_use_by_somebody_else(host):
    """Bound and opened by hand, as other managers of guests do."""
    host.run(f"""set -e
        echo vfio-pci >{function(DRIVE, "driver_override")}; echo {DRIVE} >{function(DRIVE, "driver/unbind")}
        echo {DRIVE} >/sys/bus/pci/drivers_probe
        group=$(basename $(readlink {function(DRIVE, "iommu_group")}))
        systemd-run --quiet --unit=other sh -c "exec sleep 3600 <>/dev/vfio/$group" """)
    wait_until(lambda: "sleep" in host.run("fuser -v /dev/vfio/* 2>&1; ps -C sleep").stdout, 10, "the other")
    text = refused(host, IOMMU + NIC2 + f'  drive: {{address: "{DRIVE}"}}\nguests:\n' + guest("devices: [nic2, drive]"))
    assert f"{DRIVE} is in use by sleep (process " in text, text
    # or kvmhostd takes it as soon as it is free
    put(host, IOMMU + NIC2 + "guests:\n" + guest("devices: [nic2]"))
    host.ctl("apply", timeout=180)
    host.run(f"systemctl stop other; echo >{function(DRIVE, 'driver_override')}; "
             f"echo {DRIVE} >{function(DRIVE, 'driver/unbind')}; echo {DRIVE} >/sys/bus/pci/drivers_probe")
    assert drivers(host).count("vfio-pci") == 2, "the card of the guest alone, with its override"


def test_released(host):
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before
    assert "vfio" not in host.run("cat /etc/modules-load.d/*.conf", check=False).stdout
    assert not host.run("ls /run/kvmhost/assigned").stdout
    assert host.run(f"cat {function(NIC, 'net/*/address')}").stdout.strip() == MAC


def test_a_drive_in_a_guest(host):
    host.run(f"truncate -s 0 {LOG}")
    settle(host, IOMMU + f'devices: {{drive: {{address: "{DRIVE}"}}}}\nguests:\n' + guest("devices: [drive]"))
    text = console(host, "GUEST IS READY")
    assert "PCI 0x1b36 0x0010 0x010802" in text and re.search("DISK nvme0n1 kvmhost-1 +16384", text), text
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before and driver(host, DRIVE) == "nvme"


# each file of the function that a binding or its end writes, in order
BIND = "driver_override", "driver/unbind", PROBE
UNBIND = "driver_override", "driver/unbind", "reset", PROBE


@pytest.mark.parametrize("path", BIND)
def test_killed_while_it_binds(host, path):
    host.run("systemctl stop kvmhostd; systemctl disable kvmhostd", check=False)
    put(host, IOMMU + NIC2)
    killed(host, NIC, path)
    settle(host, IOMMU + NIC2)
    assert driver(host, NIC) == "vfio-pci"
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before
    # and when nobody wants it any more after the kill
    put(host, IOMMU + NIC2)
    killed(host, NIC, path)
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before


def stubbed(host):
    """As driverctl does it: the override names the driver."""
    host.run(f"modprobe vfio-pci; modprobe pci-stub; echo pci-stub >{function(NIC, 'driver_override')}; "
             f"echo {NIC} >{function(NIC, 'driver/unbind')}; echo {NIC} >{PROBE}")
    assert driver(host, NIC) == "pci-stub"
    return drivers(host)


def unstubbed(host):
    host.run(f"echo >{function(NIC, 'driver_override')}; echo {NIC} >{function(NIC, 'driver/unbind')}; echo {NIC} >{PROBE}")
    assert drivers(host) == host.before


def test_given_back_to_the_driver_that_an_override_names(host):
    before = stubbed(host)
    settle(host, IOMMU + f'devices: {{nic2: {{address: "{NIC}"}}}}\n')
    assert driver(host, NIC) == "vfio-pci"
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == before
    unstubbed(host)


def test_given_back_while_its_drivers_module_is_away(host):
    settle(host, IOMMU + NIC2)
    host.run("modprobe -r igb")
    settle(host, IOMMU, "--allow-mass-removal")
    assert driver(host, NIC) == ""
    host.run("modprobe igb && udevadm settle")
    wait_until(lambda: drivers(host) == host.before, 30, "all drivers are back", 1)


def refused_by_vfio_pci(host):
    """The kernel's answer to the probe, which then does not happen, is made up; what follows is its own."""
    return host.run(f"strace -f -qq -o /dev/null -P {PROBE} -e trace=write -e inject=write:error=EINVAL:when=1 "
                    "kvmhostctl --no-color apply", check=False, timeout=120)


def test_refused_by_vfio_pci(host):
    for name, made in {"pci-stub": stubbed, "igb": drivers}.items():
        before = made(host)
        put(host, IOMMU + f'devices: {{nic2: {{address: "{NIC}"}}}}\n')
        refused = refused_by_vfio_pci(host)
        said = f"the driver vfio-pci does not take {NIC}; {name} has it again"
        assert refused.rc == 1 and said in refused.stdout and f"dmesg | grep {NIC}" in refused.stdout, refused
        assert drivers(host) == before
        put(host, IOMMU)
        host.ctl("apply", "--allow-mass-removal")
        assert drivers(host) == before
        unstubbed(host)


def test_what_vfio_pci_refused_is_left_to_people(host):
    """kvmhostd hears of events, and does not take the card from its driver for each."""
    put(host, IOMMU)
    host.run("systemctl start kvmhostd")
    put(host, IOMMU + NIC2)
    refused_by_vfio_pci(host)
    host.run("ip link set lo alias heard-of")
    time.sleep(5)
    assert drivers(host) == host.before, "an event took the card from its driver once more"
    host.run("systemctl stop kvmhostd; ip link set lo alias ''")
    settle(host, IOMMU + NIC2)
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before


@pytest.mark.parametrize("path", UNBIND)
def test_killed_while_it_gives_back(host, path):
    settle(host, IOMMU + NIC2)
    put(host, IOMMU)
    killed(host, NIC, path, "--allow-mass-removal")
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before
    assert host.run(f"cat {function(NIC, 'net/*/address')}").stdout.strip() == MAC


def test_exchanged_at_its_address(host):
    """Another card where the one was that the entry was applied to."""
    document = IOMMU + f'devices:\n  one: {{address: "{PAIR[0]}"}}\n  two: {{address: "{PAIR[1]}"}}\n'
    settle(host, document)
    for card in ("pair1", "pair0"):
        host.machine.monitor(f"device_del {card}")
    wait_until(lambda: not host.exists(function(PAIR[0])), 60, "the card gone", 1)
    text = host.ctl("plan", check=False).stdout
    assert f"there is no PCI device at {PAIR[0]} on this machine" in text, text
    host.machine.monitor("device_add igb,bus=pairs,addr=0.0,id=other,mac=52:54:00:1a:b2:77")
    wait_until(lambda: host.exists(function(PAIR[0], "net")), 60, "another card", 1)
    text = host.ctl("plan", check=False).stdout
    assert "the device was renumbered or exchanged" in text and "52:54:00:1a:b2:77" in text, text
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    assert driver(host, PAIR[0]) == "igb"


def test_moved_to_another_slot_between_boots(host):
    """The card of the entry where the drive was, a third one in its place."""
    settle(host, IOMMU + f'devices:\n  other: {{address: "{PAIR[0]}"}}\n')
    for card in ("other", "nvme0"):
        host.machine.monitor(f"device_del {card}")
    wait_until(lambda: not host.exists(function(PAIR[0])) and not host.exists(function(DRIVE)), 60, "both gone", 1)
    for card in ("igb,bus=drives,id=moved,mac=52:54:00:1a:b2:77", "e1000e,bus=pairs,id=third,mac=52:54:00:1a:b2:78"):
        told = host.machine.monitor(f"device_add {card}")
        assert not told.strip(), told
    host.run("systemctl enable kvmhostd; sync")
    host.reboot()
    wait_until(lambda: driver(host, DRIVE) == "igb" and driver(host, PAIR[0]) == "e1000e", 60, "their drivers", 1)
    text = refused(host, IOMMU + f'devices:\n  other: {{address: "{PAIR[0]}"}}\n')
    assert f"the device was renumbered or exchanged: {PAIR[0]} was 8086:10c9 52:54:00:1a:b2:77" in text, text
    assert f"what it was is at {DRIVE} now: write that address" in text, text
    settle(host, IOMMU + f'devices:\n  moved: {{address: "{DRIVE}"}}\n')
    assert driver(host, DRIVE) == "vfio-pci" and driver(host, PAIR[0]) == "e1000e"
    settle(host, EMPTY, "--allow-mass-removal")
    assert driver(host, DRIVE) == "igb"
