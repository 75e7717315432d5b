# SPDX-License-Identifier: GPL-2.0-or-later
"""A SCSI disk of the host as a guest's LUN: the guest's commands reach it as they are."""
import json
from pathlib import Path

import pytest
from harness import wait_until

HARDWARE = {"warm": False, "nics": 0, "qemu": "-device virtio-scsi-pci,id=hba"}
SIZE = 32 << 20
DOCUMENT = """\
version: 1
guests:
  db1:
    memory: {size: 192MiB}
    kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet"}
    disks: [{path: %s, format: raw, bus: scsi, device: %s}]
    shutdown: {timeout: 1s}
    on_change: restart
"""
GUEST = """\
disk=/sys/block/sda/device
until [ -e /sys/block/sda/size ]; do sleep 1; done
echo inquiry $(cat $disk/vendor) $(cat $disk/model) $(cat $disk/rev) $(cat /sys/block/sda/size) sectors
echo serial $(tail -c +5 $disk/vpd_pg80)
echo from-the-guest >/mark; dd if=/mark of=/dev/sda bs=512 seek=3 conv=sync,fsync
echo guest is up
while :; do sleep 60; done
"""


@pytest.fixture(scope="module")
def host(lab):
    image = lab.machine.dir / "lun"
    image.write_bytes(bytes(SIZE))
    lab.machine.monitor(f"drive_add 0 if=none,id=lun,format=raw,file={image}")
    lab.machine.monitor("device_add scsi-hd,bus=hba.0,drive=lun,vendor=OURS,product=A_LUN,ver=7.1,serial=lun-0001")
    wait_until(lambda: lab.exists("/dev/sda"), 30, "the host has its SCSI disk")
    lab.run("udevadm settle")
    lab.name_of_disk = lab.run("find /dev/disk/by-id -name 'scsi-*lun-0001'").stdout.split()[0]
    lab.write("/root/guest", GUEST)
    lab.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    lab.run("nested-initrd /root/guest.img /root/guest virtio_pci virtio_scsi sd_mod && "
            "cp /boot/vmlinuz-$(uname -r) /root/vmlinuz", timeout=120)
    return lab


def settle(host, device):
    host.run("[ ! -e /var/log/kvmhost/db1.console.log ] || truncate -s 0 /var/log/kvmhost/db1.console.log")
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (host.name_of_disk, device))
    host.ctl("apply", timeout=180)
    assert host.ctl("plan").rc == 0
    wait_until(lambda: "guest is up" in host.read("/var/log/kvmhost/db1.console.log"), 240, "the guest is up")
    return host.read("/var/log/kvmhost/db1.console.log")


def test_its_commands_reach_the_disk(host):
    said = settle(host, "lun")
    assert json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]["accel"] == "kvm"
    assert f"inquiry OURS A_LUN 7.1 {SIZE // 512} sectors" in said and "serial lun-0001" in said, said
    pid = host.run("pgrep -f '[q]emu.*guest=db1'").stdout.split()[0]
    status = host.read(f"/proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status and "Uid:\t0" not in status, "SG_IO without any right"
    assert "from-the-guest" in host.run("dd if=/dev/sda bs=512 skip=3 count=1 iflag=direct").stdout


def test_the_same_as_a_disk_is_qemus(host):
    """So the words above were not said by QEMU."""
    said = settle(host, "disk")
    assert "inquiry QEMU QEMU HARDDISK" in said and "serial lun-0001" not in said, said
