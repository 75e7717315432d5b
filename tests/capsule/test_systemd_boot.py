# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel command line where systemd-boot's own tool, the real kernel-install, makes the entries. The capsule is not
booted by it, so that the parameters are waited for as long as the document has them."""
import pytest
from documents import EMPTY, put

DOCUMENT = 'version: 1\nhost:\n  kernel: {cmdline: ["mitigations=off", "transparent_hugepage=never"]}\n'
KERNELS = ("6.1.0-1-test", "6.1.0-2-test")
LINE = "root=UUID=5e1ab000-0000-4000-8000-000000000001 ro  quiet"


def files(host):
    return host.run("find /boot /etc/kernel -type f -printf '%p %m\\n' -exec sha256sum {} \\; | sort").stdout


def entries(host):
    return host.run("grep -h ^options /boot/loader/entries/*.conf").stdout.splitlines()


@pytest.fixture(scope="module")
def host(capsule):
    capsule.run("mkdir -p /boot/$(cat /etc/machine-id) /boot/loader/entries /etc/kernel")
    capsule.write("/etc/kernel/cmdline", LINE + "\n")
    for kernel in KERNELS:
        capsule.write(f"/boot/vmlinuz-{kernel}", "a kernel")
        capsule.write(f"/boot/initrd.img-{kernel}", "an initrd")
        capsule.run(f"kernel-install add {kernel} /boot/vmlinuz-{kernel} /boot/initrd.img-{kernel}")
    assert len(entries(capsule)) == 2
    capsule.before = files(capsule)
    return capsule


def test_in_every_entry(host):
    put(host, DOCUMENT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "boot menu (loader/entries)" in plan.stdout and "in 0 of 2 entries" in plan.stdout, plan
    assert files(host) == host.before, "plan changed something"
    assert host.ctl("apply", check=False).rc == 3
    assert host.read("/etc/kernel/cmdline") == LINE + " mitigations=off transparent_hugepage=never\n"
    for options in entries(host):
        assert options.split().count("mitigations=off") == options.split().count("transparent_hugepage=never") == 1, options
    assert "nothing" not in host.ctl("plan").stdout
    assert host.ctl("doctor", "boot-loader").stdout.split()[:3] == ["pass", "boot-loader", "systemd-boot"]


def test_an_entry_that_somebody_made_without_is_seen(host):
    host.run("sed -i 's/ mitigations=off//' /boot/loader/entries/*-6.1.0-2-test.conf")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "in 1 of 2 entries" in plan.stdout, plan
    assert host.ctl("apply", check=False).rc == 3
    assert all(" mitigations=off" in options for options in entries(host))


def test_a_new_kernel_has_them(host):
    host.write("/boot/vmlinuz-6.1.0-3-test", "a kernel")
    host.run("kernel-install add 6.1.0-3-test /boot/vmlinuz-6.1.0-3-test")
    assert len(entries(host)) == 3 and all(" mitigations=off" in options for options in entries(host))
    assert host.ctl("plan").rc == 0
    host.run("kernel-install remove 6.1.0-3-test; rm /boot/vmlinuz-6.1.0-3-test")


def test_what_he_wrote_himself_stays(host):
    host.write("/etc/kernel/cmdline", LINE + " nosmt mitigations=off transparent_hugepage=never\n")
    put(host, 'version: 1\nhost:\n  kernel: {cmdline: ["nosmt=force"]}\n')
    result = host.ctl("apply", check=False)
    assert result.rc == 1 and "/etc/kernel/cmdline:1 sets nosmt, and the document wants nosmt=force" in result.stdout, result
    put(host, DOCUMENT)
    host.ctl("apply", check=False)


def test_release(host):
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal", check=False)
    assert host.read("/etc/kernel/cmdline") == LINE + " nosmt\n"
    host.write("/etc/kernel/cmdline", LINE + "\n")
    for kernel in KERNELS:
        host.run(f"kernel-install add {kernel} /boot/vmlinuz-{kernel} /boot/initrd.img-{kernel}")
    assert files(host) == host.before
    assert not host.exists("/var/lib/kvmhost/kernel-cmdline")


def test_bootc_outside_of_our_sandbox(host):
    """bootc is a script here; that kvmhostd has systemd run it where it may mount, is real."""
    host.write("/usr/bin/bootc", "#!/bin/sh\nunshare -m true && printf '%s\\n' \"$@\" >/root/bootc\n")
    host.run("chmod 755 /usr/bin/bootc; touch /run/ostree-booted")
    put(host, DOCUMENT)
    host.run("systemctl start kvmhostd", timeout=60)
    assert host.read("/root/bootc").splitlines() == ["loader-entries", "set-options-for-source", "--source=kvmhost",
                                                     "--options=mitigations=off transparent_hugepage=never"], host.journal()
    host.run("systemctl stop kvmhostd")
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    assert host.read("/root/bootc").splitlines()[2:] == ["--source=kvmhost"]
