# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel command line in unified kernel images: Debian's kernel-install and ukify make them, and one is booted by UEFI.
The capsule itself is not, so that the parameters are waited for as long as the document has them."""
import json
import subprocess
from pathlib import Path

import pytest
from documents import EMPTY, put

DOCUMENT = 'version: 1\nhost:\n  kernel: {cmdline: ["mitigations=off", "transparent_hugepage=never"]}\n'
KERNELS = ("6.1.0-1-test", "6.1.0-2-test")
LINE = "console=ttyS0  quiet no_timer_check"
# what stands in a section of each image, by the library that ukify uses
SECTIONS = """import glob, json, pefile
print(json.dumps({path: {section.Name.rstrip(b"\\0").decode(): section.get_data(length=min(section.Misc_VirtualSize, 4096))
      .decode(errors="replace").strip("\\0") for section in pefile.PE(path, fast_load=True).sections}
      for path in sorted(glob.glob("/efi/EFI/Linux/*.efi"))}))"""


def cmdlines(host):
    images = json.loads(host.run(["python3", "-c", SECTIONS]).stdout)
    return [image[".cmdline"] for image in images.values()]


def add(host, kernel):
    host.run(f"ln -f /srv/boot/vmlinuz /boot/vmlinuz-{kernel} && ln -f /srv/boot/initrd.img /boot/initrd.img-{kernel} && "
             f"kernel-install add {kernel} /boot/vmlinuz-{kernel} /boot/initrd.img-{kernel}")


@pytest.fixture(scope="module")
def host(capsule):
    tools = subprocess.run([Path(__file__).parent / "uki-tools"], check=True, stdout=subprocess.PIPE, text=True, timeout=300)
    capsule.push(tools.stdout.strip())
    capsule.add_guest_kernel()
    capsule.run("mkdir -p /efi/EFI/Linux /etc/kernel")
    capsule.write("/etc/kernel/install.conf", "layout=uki\nuki_generator=ukify\nBOOT_ROOT=/efi\n")
    capsule.write("/etc/kernel/cmdline", LINE + "\n")
    for kernel in KERNELS:
        add(capsule, kernel)
    assert len(cmdlines(capsule)) == 2
    return capsule


def test_in_every_image(host):
    put(host, DOCUMENT)
    before = cmdlines(host)
    assert host.ctl("doctor", "boot-loader").stdout.startswith("pass     boot-loader          unified kernel images by kernel-install")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "boot menu (EFI/Linux)" in plan.stdout and "in 0 of 2 entries" in plan.stdout, plan
    assert cmdlines(host) == before, "plan changed something"
    assert host.ctl("apply", check=False).rc == 3
    assert host.read("/etc/kernel/cmdline") == LINE + " mitigations=off transparent_hugepage=never\n"
    for words in cmdlines(host):
        assert words.split().count("mitigations=off") == words.split().count("transparent_hugepage=never") == 1, words
    assert "waiting for a reboot" in host.ctl("status", check=False).stdout


def test_an_image_boots_with_them(host):
    """By UEFI from a partition made of /efi; what the stub hands the kernel is what the image says."""
    host.run("mkdir -p /srv/esp/EFI/BOOT && cp $(ls /efi/EFI/Linux/*.efi | head -n 1) /srv/esp/EFI/BOOT/BOOTX64.EFI && "
             "cp /usr/share/OVMF/OVMF_VARS_4M.fd /srv/vars.fd")
    path = "/run/uki.sock"
    host.run(["systemd-run", "--quiet", "--unit=uki", "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-m", "384",
              "-display", "none", "-nodefaults", "-no-reboot",
              "-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
              "-drive", "if=pflash,format=raw,file=/srv/vars.fd",
              "-drive", "if=none,id=esp,format=raw,readonly=on,file=fat:/srv/esp", "-device", "virtio-blk-pci,drive=esp",
              "-chardev", f"socket,id=serial,path={path},server=on,wait=on", "-serial", "chardev:serial"])
    console = host.console(path)
    try:
        console.ready(240)
        words = console.run("cat /proc/cmdline").split()
        assert words.count("mitigations=off") == words.count("transparent_hugepage=never") == 1, words
        assert "[never]" in console.run("cat /sys/kernel/mm/transparent_hugepage/enabled")
    finally:
        console.close()
        host.run("systemctl stop uki; systemctl reset-failed uki", check=False)


def test_an_image_that_somebody_made_without_is_seen(host):
    host.run("sed -i 's/ mitigations=off//' /etc/kernel/cmdline")
    add(host, KERNELS[1])
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "in 1 of 2 entries" in plan.stdout, plan
    host.run("systemctl start kvmhostd", timeout=180)  # in its sandbox ukify works too
    host.run("systemctl stop kvmhostd")
    assert all(" mitigations=off" in words for words in cmdlines(host))


def test_a_new_kernel_has_them(host):
    add(host, "6.1.0-3-test")
    assert len(cmdlines(host)) == 3 and all(" mitigations=off" in words for words in cmdlines(host))
    assert host.ctl("plan").rc == 0
    host.run("kernel-install remove 6.1.0-3-test; rm /boot/*6.1.0-3-test")


def test_a_half_written_image_is_told(host):
    """The tools write an image in place: what a power cut leaves of one is named, with the cure."""
    image = host.run("ls /efi/EFI/Linux/*6.1.0-2-test.efi").stdout.strip()
    host.run(f"cp {image} /root/whole && truncate -s 100 {image}")
    result = host.ctl("plan", check=False)
    assert result.rc == 1 and f"{image}: it is cut off" in result.stdout + result.stderr, result
    host.run(f"mv /root/whole {image}")


def test_release(host):
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal", check=False)
    assert host.read("/etc/kernel/cmdline") == LINE + "\n"
    assert not any("mitigations" in words for words in cmdlines(host))
    assert not host.exists("/var/lib/kvmhost/kernel-cmdline")
    assert host.ctl("plan").rc == 0
