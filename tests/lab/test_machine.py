# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's machine is the KVM host that README.md says: the other tests stand on this one."""
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from host import RUN
from machine import LabError, Machine

PF = "/sys/bus/pci/devices/0000:01:00.0"
GUEST = r"""
for nic in /sys/class/net/*; do
	[ ! -e $nic/device/vendor ] || echo "NIC ${nic##*/} $(cat $nic/device/vendor $nic/device/device | xargs) $(cat $nic/address)"
done
ip link set eth0 up
for i in $(seq 30); do [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" != 1 ] || break; sleep 1; done
printf '#!/bin/sh\n[ "$1" != bound ] || { ip addr add $ip/24 dev $interface; echo "LEASE $ip"; }\n' >/lease
chmod +x /lease
udhcpc -n -q -t 5 -T 2 -i eth0 -s /lease
ping -c 2 -W 3 10.101.0.2
"""


def test_it_boots_a_kernel_of_its_own(bare):
    assert bare.run("systemctl is-system-running", check=False).stdout == "running\n", \
        bare.run("systemctl --failed").stdout
    assert " intel_iommu=on" in bare.read("/proc/cmdline")
    assert abs(int(bare.run("date +%s").stdout) - time.time()) < 60


def test_it_has_kvm(bare):
    assert bare.run("test -c /dev/kvm && cat /sys/module/kvm_amd/parameters/nested").stdout == "1\n"


def test_it_has_an_iommu(bare):
    assert bare.exists("/sys/firmware/acpi/tables/DMAR")
    assert bare.run("ls /sys/class/iommu").stdout == "dmar0\n"
    assert "01:00.0" in bare.run("ls /sys/kernel/iommu_groups/*/devices").stdout
    assert "Enabled IRQ remapping" in bare.run("dmesg").stdout


def test_files_come_and_go(bare):
    text = "".join(f"{n} äß\n" for n in range(20000))
    bare.write("/root/some/file", text, 0o600)
    assert bare.read("/root/some/file") == text
    assert bare.run("stat -c %a /root/some/file").stdout == "600\n"
    assert bare.run("exit 7", check=False).rc == 7
    assert bare.run("sleep 60", check=False, timeout=1).rc == 124


@pytest.fixture(scope="module")
def vfs(bare):
    """The igb port's name, with four VFs; the first has its MAC from the PF."""
    assert bare.read(f"{PF}/sriov_totalvfs") == "7\n"
    bare.run(f"echo 4 >{PF}/sriov_numvfs && udevadm settle")
    port = bare.run(f"ls {PF}/net").stdout.strip()
    bare.run(f"ip link set {port} up && ip link set {port} vf 0 mac 52:54:00:aa:00:07")
    return port


def test_it_has_vfs(bare, vfs):
    assert bare.run(f"ls -d {PF}/virtfn*").stdout.count("\n") == 4
    assert bare.run(f"echo 6 >{PF}/sriov_numvfs", check=False).rc != 0, "the count changed without going through 0"
    bare.run(f"ip link set {vfs} vf 1 mac 52:54:00:aa:00:01 vlan 43 qos 3 && ip link set {vfs} vf 1 spoofchk off")
    line = re.search("vf 1 .*", bare.run(f"ip link show {vfs}").stdout)[0]
    assert "52:54:00:aa:00:01" in line and "vlan 43, qos 3" in line and "spoof checking off" in line


def test_a_vf_works_in_a_nested_guest(bare, vfs):
    bare.run(f"""set -e
        modprobe vfio-pci
        vf=$(basename $(readlink {PF}/virtfn0))
        echo vfio-pci >{PF}/virtfn0/driver_override
        [ ! -e {PF}/virtfn0/driver ] || echo $vf >{PF}/virtfn0/driver/unbind
        echo $vf >/sys/bus/pci/drivers_probe
        [ $(basename $(readlink {PF}/virtfn0/driver)) = vfio-pci ]""")
    bare.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    bare.write("/root/guest", GUEST)
    said = bare.run(f"""set -e
        nested-initrd /root/guest.img /root/guest igbvf af_packet
        timeout 120 qemu-system-x86_64 -machine q35,accel=kvm -cpu host -m 256 -nodefaults -display none -no-reboot \
            -serial stdio -kernel /boot/vmlinuz-$(uname -r) -initrd /root/guest.img \
            -append 'console=ttyS0 quiet panic=-1 net.ifnames=0 tsc=reliable' \
            -device vfio-pci,host=$(basename $(readlink {PF}/virtfn0))""", timeout=150).stdout
    assert "NIC eth0 0x8086 0x10ca 52:54:00:aa:00:07" in said, said
    assert "LEASE 10.101.0." in said and "2 packets received" in said, said


def test_how_it_ended_is_told_when_it_is_to_be_saved(bare):
    """For hardware of its own, that nobody saved yet."""
    with pytest.raises(LabError, match=r"(?s)QEMU ended with status 1\n.*'no-such-card' is not a valid device model name"):
        Machine("wrong", RUN).boot(warm=True, qemu="-device no-such-card")
    assert not list(RUN.glob("wrong*"))


def test_how_it_ended_is_told(bare):
    """The last of all: it is the machine's end."""
    bare.run("echo the end of a machine >/dev/ttyS0")
    ends = threading.Timer(1, os.kill, (bare.machine.booted(), signal.SIGABRT))
    ends.start()
    for _ in range(2):  # while it answers, and afterwards
        with pytest.raises(LabError, match="(?s)QEMU was ended by SIGABRT\n.*the end of a machine"):
            bare.run("sleep 30")
    ends.join()
    with pytest.raises(LabError, match="QEMU was ended by SIGABRT\n"):
        bare.machine.monitor("info status")
