# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest boots from, with which firmware, and within which limits."""
import re

import pytest
from documents import NAT, put, settle
from harness import wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"
KERNEL = 'kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 no_timer_check"}'


def document(*lines, before="version: 1\n"):
    return before + "guests:\n  web1:\n    memory: {size: 256MiB}\n    shutdown: {timeout: 5s}\n" + "".join(
        f"    {line}\n" for line in lines)


def boot_sector(word):
    """A disk's first sector that writes `word` to the serial port and stops."""
    #        mov si,text; lodsb; test al,al; jz halt; mov dx,3f8h; out dx,al; jmp lodsb; halt: cli; hlt
    code = b"\xbe\x10\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee\xeb\xf5\xfa\xf4"
    return (code + word.encode() + b"\r\n\0").ljust(510, b"\0") + b"\x55\xaa"


def bootable(host, path, word, size="1M"):
    octal = "".join(f"\\{b:03o}" for b in boot_sector(word))
    host.run(f"mkdir -p $(dirname {path}) && printf '{octal}' >{path} && truncate -s {size} {path}")


def said(host, pattern, timeout=60):
    console = host.console(SOCKET)
    try:
        return console.expect(pattern, timeout)[0].strip()
    finally:
        console.close()


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.uplink()
    return capsule


@pytest.fixture
def clean(host):
    yield host
    settle(host, "version: 1\n", "--allow-mass-removal")


def test_boots_the_first_disk_of_each_bus(clean):
    host = clean
    for bus in ("virtio", "scsi", "sata", "ide", "usb"):
        bootable(host, f"/srv/{bus}.img", f"this is {bus}")
        bootable(host, "/srv/other.img", "this is the other one")
        settle(host, document("disks:", f"- {{path: /srv/{bus}.img, format: raw, bus: {bus}}}",
                              "- {path: /srv/other.img, format: raw}"))
        assert said(host, r"this is .*\n") == f"this is {bus}"
        settle(host, "version: 1\n", "--allow-mass-removal")


def test_the_order_counts(clean):
    host = clean
    bootable(host, "/srv/disk.img", "this is the disk")
    bootable(host, "/srv/floppy.img", "this is the floppy", "1440K")
    disks = ("disks:", "- {path: /srv/disk.img, format: raw}", "- {path: /srv/floppy.img, device: floppy}")
    settle(host, document("boot: {order: [floppy, disk]}", *disks))
    assert said(host, r"this is .*\n") == "this is the floppy"
    put(host, document("boot: {order: [disk, floppy]}", *disks))
    plan = host.ctl("plan", check=False)
    assert "boot.order" in plan.stdout, plan
    host.ctl("apply")
    host.ctl("guest", "restart", "web1")
    assert said(host, r"this is .*\n") == "this is the disk"
    assert host.ctl("plan").rc == 0
    host.ctl("guest", "stop", "web1")
    host.run("dd if=/dev/zero of=/srv/disk.img bs=512 count=1 conv=notrunc status=none")
    host.ctl("guest", "start", "web1")
    assert said(host, r"this is .*\n") == "this is the floppy", "an empty disk is passed over"


def test_network_alone_and_retries(clean):
    host = clean
    settle(host, document("boot: {order: [network], reboot_timeout: 1s}", "interfaces: [{network: default}]", before=NAT))
    journal = "journalctl -q -o cat -u kvmhost-guest@web1 | grep -c 'guest reboots' || true"
    wait_until(lambda: int(host.run(journal).stdout) >= 1, 90, "the firmware tried again", 1)


def test_no_network_yet_is_no_installation(clean):
    """PXE finds nothing and the disk is empty: it is tried again, and nothing is taken for installed."""
    host = clean
    host.run("truncate -s 1M /srv/empty.img; rm -f /var/lib/kvmhost/install/web1")
    settle(host, document("boot: {order: [network, disk], reboot_timeout: 1s}", "install: {pxe: true}",
                          "disks: [{path: /srv/empty.img, format: raw}]", "interfaces: [{network: default}]", before=NAT))
    wait_until(lambda: host.said("kvmhost-guest@web1").count("the firmware found nothing to boot, and tries again") > 1, 180, "it tried twice", 1)
    assert host.read("/var/lib/kvmhost/install/web1") == "" and "is being installed" in host.ctl("guest", "list").stdout
    assert host.run("systemctl show -P NRestarts kvmhost-guest@web1").stdout == "0\n"


@pytest.mark.parametrize("firmware", ["uefi", "uefi-secure"])
def test_uefi_retries(clean, firmware):
    host = clean
    host.run("truncate -s 1M /srv/empty.img")
    since = host.cursor()
    settle(host, document(f"firmware: {firmware}", "boot: {reboot_timeout: 1s}", "disks: [{path: /srv/empty.img, format: raw}]"))
    wait_until(lambda: host.said("kvmhost-guest@web1", since).count("the firmware found nothing to boot, and tries again") > 1, 180, "it tried twice", 1)
    assert host.run("kvmhostctl guest list | grep -c running").stdout == "1\n"


@pytest.mark.parametrize("firmware, where", [("uefi", "web1.fd"), ("uefi-secure", "uefi-secure/web1.fd")])
def test_uefi_keeps_its_variables(clean, firmware, where):
    host, nvram = clean, f"/var/lib/kvmhost/nvram/{where}"
    variable = "/sys/firmware/efi/efivars/Ours-605dab50-e046-4300-abb6-3dd810dd8b23"
    settle(host, document(f"firmware: {firmware}", KERNEL))
    console = host.console(SOCKET)
    console.ready(240)
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
    # OVMF without Secure Boot says 0, or (Debian 13's) has no such variable
    secure = console.run("cat /sys/firmware/efi/efivars/SecureBoot-* 2>/dev/null | tail -c 1 | od -An -tu1").strip()
    assert secure == "1" if firmware == "uefi-secure" else secure in ("0", "")
    console.run(f"printf '\\007\\000\\000\\000kept' >{variable}")
    console.close()
    assert host.run(f"stat -c '%u %a' {nvram}").stdout == "0 600\n"
    inode = host.run(f"stat -c %i {nvram}").stdout
    # the guest leaves and comes back: as its disks would, the variables stay
    settle(host, "version: 1\n", "--allow-mass-removal")
    settle(host, document(f"firmware: {firmware}", KERNEL))
    assert host.run(f"stat -c %i {nvram}").stdout == inode
    console = host.console(SOCKET)
    console.ready(240)
    console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
    assert console.run(f"tail -c 4 {variable}") == "kept"
    console.close()


def test_missing_firmware_is_one_clear_line(clean):
    host = clean
    host.run("mv /usr/share/OVMF /usr/share/OVMF.away")
    try:
        put(host, document("firmware: uefi", KERNEL))
        done = host.ctl("apply", check=False)
        assert done.rc == 1
        assert "the firmware `uefi`, OVMF, is not installed" in done.stdout + done.stderr
        status = host.ctl("status", check=False).stdout
        assert "the firmware `uefi`, OVMF, is not installed" in status and "apt install ovmf" in status
        assert "OVMF, is not installed" in host.said("kvmhost-guest@web1")
    finally:
        host.run("mv /usr/share/OVMF.away /usr/share/OVMF")


def test_resources_are_live(clean):
    """The unit's properties. What they do needs cgroup controllers, which a capsule has not."""
    host = clean

    def properties():
        return host.run("systemctl show -p CPUWeight -p CPUQuotaPerSecUSec -p MemoryMax -p IOWeight --value "
                        "kvmhost-guest@web1").stdout.split()

    settle(host, document(KERNEL))
    before = properties()
    pid = host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout
    put(host, document(KERNEL, "resources: {cpu_weight: 200, cpu_quota: 150%, memory_max: 1GiB, io_weight: 50}"))
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "waits" not in plan.stdout and "disrupts" not in plan.stdout
    settle(host, document(KERNEL, "resources: {cpu_weight: 200, cpu_quota: 150%, memory_max: 1GiB, io_weight: 50}"))
    shown = dict(line.split("=") for line in host.run(
        "systemctl show -p CPUWeight -p CPUQuotaPerSecUSec -p MemoryMax -p IOWeight kvmhost-guest@web1").stdout.split())
    assert shown == {"CPUWeight": "200", "CPUQuotaPerSecUSec": "1.500000s", "MemoryMax": str(1 << 30), "IOWeight": "50"}
    host.ctl("guest", "restart", "web1")
    assert host.run("systemctl show -p CPUWeight --value kvmhost-guest@web1").stdout == "200\n"
    # all of them together are the administrator's, by their slice
    host.run("systemctl set-property --runtime kvmhost-guests.slice CPUWeight=500")
    settle(host, document(KERNEL, "resources: {cpu_weight: 300}"))
    assert set(host.run("systemctl show -p Slice -p CPUWeight --value kvmhost-guest@web1").stdout.split()) == {"kvmhost-guests.slice", "300"}
    assert host.run("systemctl show -p CPUWeight --value kvmhost-guests.slice").stdout == "500\n"
    host.run("systemctl revert kvmhost-guests.slice")
    assert host.run("systemctl show -p MemoryMax --value kvmhost-guest@web1").stdout == "infinity\n"
    settle(host, document(KERNEL))
    assert properties() == before
    assert pid != host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout, "only by the restart above"
    settle(host, "version: 1\n", "--allow-mass-removal")
    assert not host.exists("/run/systemd/system.control/kvmhost-guest@web1.service.d")


def el_torito(code):
    """A disc with nothing but a boot image: the specification's volume descriptors, catalog and 2 KiB of code."""
    sector = 2048
    disc = bytearray(21 * sector)
    disc[16 * sector:16 * sector + 7] = b"\x01CD001\x01"
    disc[17 * sector:17 * sector + 39] = b"\x00CD001\x01EL TORITO SPECIFICATION".ljust(39, b"\0")
    disc[17 * sector + 0x47:17 * sector + 0x4b] = (19).to_bytes(4, "little")
    disc[18 * sector:18 * sector + 7] = b"\xffCD001\x01"
    validation = bytearray(b"\x01".ljust(30, b"\0") + b"\x55\xaa")
    words = sum(int.from_bytes(validation[i:i + 2], "little") for i in range(0, 32, 2))
    validation[28:30] = (-words & 0xffff).to_bytes(2, "little")
    entry = b"\x88\x00\x00\x00\x00\x00\x04\x00" + (20).to_bytes(4, "little")
    disc[19 * sector:19 * sector + len(validation) + len(entry)] = bytes(validation) + entry
    disc[20 * sector:20 * sector + len(code)] = code
    return bytes(disc)


def installer(word):
    """Code that writes to the first disk, says `word` on the serial port and then reboots, as an installer does at its end."""
    #        xor ax,ax; mov es,ax; mov bx,7c00h; mov ax,0301h; mov cx,2; mov dx,80h; int 13h: its second sector
    code = b"\x31\xc0\x8e\xc0\xbb\x00\x7c\xb8\x01\x03\xb9\x02\x00\xba\x80\x00\xcd\x13"
    #        mov si,text; lodsb; test al,al; jz end; mov dx,3f8h; out dx,al; jmp lodsb; end: mov dx,0cf9h; mov al,6; out dx,al; hlt
    code += b"\xbe\x27\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee\xeb\xf5" + b"\xba\xf9\x0c\xb0\x06\xee\xf4"
    return code + word.encode() + b"\r\n\0"


def test_an_installation_is_run_once(clean):
    host = clean
    bootable(host, "/srv/system.img", "this is the system")
    disc = el_torito(installer("this is the installer"))
    octal = "".join(f"\\{b:03o}" for b in disc[16 * 2048:])
    host.write("/tmp/disc", octal)
    host.run("truncate -s 32K /srv/install.iso && printf \"$(cat /tmp/disc)\" >>/srv/install.iso")
    text = document("install: {iso: /srv/install.iso}", "disks: [{path: /srv/system.img, format: raw}]")
    settle(host, text)
    log = "/var/log/kvmhost/web1.console.log"
    wait_until(lambda: "this is the system" in host.read(log), 60, "the second boot, by the disk")
    said = host.read(log)
    assert said.count("this is the installer") == 1 and said.index("installer") < said.index("this is the system"), said
    assert "the installation is done" in host.said("kvmhost-guest@web1")
    assert host.read("/var/lib/kvmhost/install/web1") == "done\n"
    host.ctl("guest", "restart", "web1")
    wait_until(lambda: host.read(log).count("this is the system") == 2, 60, "a third boot, by the disk")
    assert host.read(log).count("this is the installer") == 1
    assert host.ctl("plan").rc == 0
    host.run("rm /var/lib/kvmhost/install/web1")
    host.ctl("guest", "restart", "web1")
    wait_until(lambda: host.read(log).count("this is the system") == 3, 60, "installed again, and booted")
    assert host.read(log).count("this is the installer") == 2


def test_an_installation_that_is_cut_off_is_run_again(clean):
    host = clean
    host.run("rm -f /var/lib/kvmhost/install/web1")
    bootable(host, "/srv/system.img", "this is the system")
    text = document("install: {pxe: true}", "disks: [{path: /srv/system.img, format: raw}]",
                    "interfaces: [{network: default}]", before=NAT)
    settle(host, text)
    assert "is being installed" in host.ctl("guest", "list").stdout
    host.ctl("guest", "stop", "web1")
    assert host.read("/var/lib/kvmhost/install/web1") == ""
    qemu = "tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline"
    host.ctl("guest", "start", "web1")
    assert "bus=port-net0,addr=0x0,bootindex=0" in host.run(qemu).stdout


def test_the_machine_stays_what_it_was_first_started_with(clean):
    """Another QEMU's `q35` would bring other devices; an older version than the newest stands for the QEMU of that day."""
    host = clean
    kept, guest = "/var/lib/kvmhost/machine/web1", document(KERNEL)
    qemu = "tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline"
    host.run(f"rm -f {kept}")
    settle(host, guest)
    assert "-machine q35,accel" in host.run(qemu).stdout
    newest = host.read(kept).strip()
    assert re.fullmatch(r"pc-q35-[0-9.]+", newest) and f"machine     {newest}\n" in host.ctl("guest", "info", "web1").stdout
    older = host.run("qemu-system-x86_64 -machine help | grep -o 'pc-q35-[0-9.]*' | sort -V | tail -n 2").stdout.split()[0]
    host.write(kept, older + "\n")
    host.ctl("guest", "restart", "web1")
    assert f"-machine {older},accel" in host.run(qemu).stdout and host.read(kept) == older + "\n"
    assert f"machine     {older}\n" in host.ctl("guest", "info", "web1").stdout and host.ctl("plan").rc == 0
    put(host, guest + "    machine: q35\n")
    plan = host.ctl("plan", check=False).stdout
    assert "machine" in plan and "(none) -> q35  (waits for a restart)" in plan, plan
    host.ctl("apply")
    host.ctl("guest", "restart", "web1")
    assert "-machine q35,accel" in host.run(qemu).stdout and host.read(kept) == older + "\n"
    settle(host, guest + "    on_change: restart\n")
    host.write(kept, "pc-q35-0.1\n")
    host.ctl("guest", "stop", "web1")
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "this QEMU has no machine `pc-q35-0.1`" in refused.stderr and "machine: q35" in refused.stderr
    host.run(f"rm {kept}")
