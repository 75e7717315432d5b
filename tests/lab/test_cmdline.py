# SPDX-License-Identifier: GPL-2.0-or-later
"""host.iommu and host.kernel.cmdline on a machine that boots by GRUB: asked for, a reboot, there; let go, a reboot, gone."""
import os

import pytest

from conftest import boot

DOCUMENT = """version: 1
host:
  iommu: {enabled: true, passthrough: true}
  kernel:
    cmdline: ["transparent_hugepage=never"]
  reboot: {policy: manual}
"""
EMPTY = "version: 1\n"
OURS = ["intel_iommu=on", "iommu=pt", "transparent_hugepage=never"]
OWN = "/etc/default/grub.d/90-kvmhost.cfg"
SITE = "/etc/default/grub.d/50-site.cfg"
FILES = ("find /etc /boot -xdev \\( -path /etc/kvmhost -o -path /etc/mtab -o -name '*~' \\) -prune -o "
         "\\( -type f -o -type l \\) -printf '%p %m %u %l\\n' -exec sha256sum {} + | sort")


def ctl(lab, *verb, rc=0, timeout=180):
    result = lab.run(["kvmhostctl", "--no-color", *verb], check=False, timeout=timeout)
    assert result.rc == rc, str(result)
    return result


def want(lab, text):
    lab.write("/etc/kvmhost/host.yaml", text, 0o600)


def running(lab):
    return lab.read("/proc/cmdline").split()


@pytest.fixture(scope="module")
def host(request):
    """Its kernel runs with the IOMMU off; the next one will not, for update-grub has made the menu."""
    lab = boot(request, warm=False, cmdline="intel_iommu=off")
    lab.push(os.environ["KVMHOST_STAGE"])
    lab.run("update-grub", timeout=120)
    lab.before = lab.run(FILES, timeout=120).stdout
    return lab


def test_off_on_the_command_line(host):
    assert "intel_iommu=off" in running(host)
    assert not host.run("ls /sys/kernel/iommu_groups").stdout
    want(host, DOCUMENT)
    plan = ctl(host, "plan", rc=2).stdout
    assert "a reboot: the running kernel was started with intel_iommu=off" in plan, plan


def test_what_somebody_else_set_is_not_overruled(host):
    host.write(SITE, 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX intel_iommu=off"\n')
    said = ctl(host, "plan", rc=1).stdout
    assert f"{SITE}:1 sets intel_iommu=off, and the document wants intel_iommu=on" in said, said
    host.run(["rm", SITE])


def test_apply_waits_for_a_reboot(host):
    result = ctl(host, "apply", rc=3)
    assert "cmdline/intel_iommu=on created" in result.stdout and "a reboot is pending" in result.stdout
    assert host.read("/boot/grub/grub.cfg").count(" iommu=pt") >= 2, "not in the recovery entry too"
    status = ctl(host, "status", rc=3).stdout
    assert "cmdline/intel_iommu=on waiting for a reboot: the running kernel was started with intel_iommu=off" in status
    assert "cmdline/iommu=pt waiting for a reboot: the running kernel was started without it" in status
    assert "iommu/host waiting for" in status and "reboot      needed" in status
    assert "kvmhost\n" in host.read("/run/reboot-required.pkgs") and host.exists("/run/reboot-required")
    assert "nothing" not in ctl(host, "plan").stdout
    menu = host.run("stat -c '%i %Y' /boot/grub/grub.cfg").stdout
    ctl(host, "apply", rc=3)
    assert host.run("stat -c '%i %Y' /boot/grub/grub.cfg").stdout == menu, "a second apply wrote the menu again"


def test_after_the_reboot_it_is_there(host):
    host.reboot()
    words = running(host)
    assert [words.count(word) for word in OURS] == [1, 1, 1], words
    assert "01:00.0" in host.run("ls /sys/kernel/iommu_groups/*/devices").stdout
    assert not host.exists("/run/reboot-required")
    result = ctl(host, "apply")
    assert "a reboot" not in result.stdout, result
    assert "nothing to do" in ctl(host, "plan").stdout
    ctl(host, "status")


def test_a_stale_menu_is_seen_and_made_again(host):
    host.run("sed -i 's/ iommu=pt//' /boot/grub/grub.cfg")
    plan = ctl(host, "plan", rc=2).stdout
    assert "boot menu (grub.cfg)" in plan and "in 0 of " in plan, plan
    ctl(host, "apply")
    assert " iommu=pt" in host.read("/boot/grub/grub.cfg")


def test_let_go(host):
    want(host, EMPTY)
    ctl(host, "apply", "--allow-mass-removal", rc=3)
    assert not host.exists(OWN)
    assert "cmdline/iommu=pt waiting for a reboot: the running kernel was started with it" in ctl(host, "status", rc=3).stdout
    host.reboot()
    assert not set(OURS) & set(running(host)), running(host)
    assert host.run(FILES, timeout=120).stdout == host.before
    ctl(host, "apply")
    assert "nothing to do" in ctl(host, "plan").stdout


def test_the_confined_daemon_can_do_it(host):
    want(host, DOCUMENT)
    host.run("systemctl restart kvmhostd", timeout=180)
    assert " iommu=pt" in host.read("/boot/grub/grub.cfg"), host.journal()
    assert host.exists("/run/reboot-required")
    ctl(host, "status", rc=3)
    want(host, EMPTY)
    host.run("systemctl stop kvmhostd")
    ctl(host, "apply", "--allow-mass-removal")
    assert not host.exists("/run/reboot-required")
    assert host.run(FILES, timeout=120).stdout == host.before


def test_the_window(host):
    """By itself, in order, once; and the daemon that starts then finds all as wanted."""
    now = host.run("date -d -1min +%H:%M; date -d +2hours +%H:%M").stdout.split()
    want(host, DOCUMENT.replace("{policy: manual}", f'{{window: "{now[0]}-{now[1]}"}}'))
    host.run("systemctl enable kvmhostd")
    host.machine._until_rebooted(lambda: host.run("systemctl start --no-block kvmhostd"))
    words = running(host)
    assert [words.count(word) for word in OURS] == [1, 1, 1], words
    ctl(host, "status")
    boot = host.read("/proc/sys/kernel/random/boot_id")
    want(host, EMPTY)
    host.run("systemctl stop kvmhostd; systemctl disable kvmhostd")
    ctl(host, "apply", "--allow-mass-removal", rc=3)
    assert host.read("/proc/sys/kernel/random/boot_id") == boot
