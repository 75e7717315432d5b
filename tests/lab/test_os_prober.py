# SPDX-License-Identifier: GPL-2.0-or-later
"""A boot menu with another system in it, which GRUB's tools find by mounting its partition: kvmhostd's menu has it too."""
import struct

import pytest
from harness import wait_until

HARDWARE = {"warm": False, "nics": 0, "qemu": "-device virtio-scsi-pci,id=hba"}
MIB = 1 << 20
MENU = "/boot/grub/grub.cfg"
FOREIGN = "Debian GNU/Linux (9.9) (on /dev/sda1)"
OTHER = """set -e
mkfs.ext4 -q -O '^metadata_csum_seed,^orphan_file' /dev/sda1 && mount /dev/sda1 /mnt && cd /mnt && mkdir -p boot etc lib
echo 9.9 >etc/debian_version; : >lib/ld-linux.so.2; echo kernel >boot/vmlinuz-9.9; echo initrd >boot/initrd.img-9.9
cd / && umount /mnt
"""


@pytest.fixture(scope="module")
def host(lab):
    image = lab.machine.dir / "other"
    partition = struct.pack("<B3sB3sII", 0, b"\0\0\0", 0x83, b"\0\0\0", 2048, 2048 * 30)
    with open(image, "wb") as file:
        file.write(bytes(446) + partition + bytes(48) + b"\x55\xaa")
        file.truncate(32 * MIB)
    lab.machine.monitor(f"drive_add 0 if=none,id=other,format=raw,file={image}")
    lab.machine.monitor("device_add scsi-hd,bus=hba.0,drive=other")
    wait_until(lambda: lab.exists("/dev/sda1"), 30, "a second disk")
    lab.run(OTHER)
    lab.write("/etc/default/grub.d/50-others.cfg", "GRUB_DISABLE_OS_PROBER=false\n")
    return lab


def test_the_daemons_menu_has_the_other_system(host):
    host.run("update-grub", timeout=180)
    assert FOREIGN in host.read(MENU), "the test's own disk is no system to os-prober"
    mounts = host.read("/proc/self/mountinfo")
    host.write("/etc/kvmhost/host.yaml", "version: 1\n", 0o600)
    host.run("systemctl start kvmhostd", timeout=180)
    host.write("/etc/kvmhost/host.yaml", "version: 1\nhost: {kernel: {cmdline: [quiet.kvmhost=1]}}\n", 0o600)
    host.run("systemctl reload kvmhostd", check=False, timeout=300)
    made = host.read(MENU)
    assert " quiet.kvmhost=1" in made, host.journal()
    host.run("update-grub", timeout=180)
    assert made == host.read(MENU)
    assert FOREIGN in made
    of_daemon = host.run("cat /proc/$(systemctl show -P MainPID kvmhostd)/mountinfo").stdout
    assert "os-prober" not in of_daemon and host.read("/proc/self/mountinfo") == mounts
