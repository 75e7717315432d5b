# SPDX-License-Identifier: GPL-2.0-or-later
"""host.reboot.window: kvmhostd reboots in it, once for a document. A real systemd is asked for reboot.target, which here
is a unit that only counts; GRUB is a script that makes one entry. The lab reboots for real."""
import time

import pytest
from documents import put
from harness import wait_until

MKCONFIG = r"""#!/bin/sh
# reads /etc/default/grub.d/*.cfg
for file in /etc/default/grub.d/*.cfg; do . "$file"; done
{ echo "### BEGIN /etc/grub.d/10_linux ###"; echo "menuentry 'one' {"
  echo "  linux /vmlinuz root=/dev/vda $GRUB_CMDLINE_LINUX"; echo "}"; echo "### END /etc/grub.d/10_linux ###"; } >"$2"
"""
COUNT = "[Unit]\nDescription=Would reboot\n[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo rebooted >>/root/reboots'\n"
TARGET = "[Unit]\nDescription=Reboot, in name\nDefaultDependencies=no\nWants=would-reboot.service\nAfter=would-reboot.service\n"


def window(begins, minutes=30):
    """From so many minutes from now."""
    def clock(offset):
        return time.strftime("%H:%M", time.gmtime(time.time() + 60 * offset))
    return f"{clock(begins)}-{clock(begins + minutes)}"


def document(window, token="quiet_kvmhost=1"):
    return f'version: 1\nhost:\n  kernel: {{cmdline: ["{token}"]}}\n  reboot: {{window: "{window}"}}\n'


def reboots(host):
    return host.run("systemctl stop reboot.target; cat /root/reboots 2>/dev/null", check=False).stdout.count("rebooted")


def required(host):
    return host.run("busctl get-property org.kvmhost1 /org/kvmhost1 org.kvmhost1.Manager RebootRequired").stdout.strip()


@pytest.fixture(scope="module")
def host(capsule):
    host = capsule
    host.write("/usr/sbin/grub-mkconfig", MKCONFIG)
    host.run("chmod 755 /usr/sbin/grub-mkconfig; mkdir -p /boot/grub /etc/default/grub.d; touch /boot/grub/grub.cfg /etc/debian_version")
    host.write("/etc/systemd/system/reboot.target", TARGET)
    host.write("/etc/systemd/system/would-reboot.service", COUNT)
    host.run("systemctl daemon-reload; ln -sf /usr/share/zoneinfo/UTC /etc/localtime")
    put(host, "version: 1\n")
    host.run("systemctl start kvmhostd")
    return host


def test_not_before_the_window(host):
    assert required(host) == "b false"
    put(host, document(window(120)))
    host.reload_daemon()
    wait_until(lambda: "it will be at" in host.journal(), what="a word of when")
    wait_until(lambda: required(host) == "b true", what="the property")
    status = host.ctl("status", check=False)
    assert status.rc == 3 and "kvmhostd makes it at" in status.stdout, status
    assert host.exists("/run/reboot-required") and "waits for a reboot" in host.read("/run/motd.d/kvmhost")
    assert reboots(host) == 0


def test_in_the_window_and_once(host):
    put(host, document(window(-1)))
    host.reload_daemon()
    wait_until(lambda: reboots(host) == 1, what="a reboot")
    host.run("systemctl restart kvmhostd")  # as after the reboot: it still waits
    wait_until(lambda: "there will be no other" in host.journal(), what="a word of it")
    host.reload_daemon()
    time.sleep(3)
    assert reboots(host) == 1, "a loop"
    status = host.ctl("status", check=False).stdout
    assert "one was made for this document at" in status, status


def test_another_document_may_again_and_an_apply_by_hand_is_heard(host):
    put(host, document(window(-1), "quiet_kvmhost=2"))
    assert host.ctl("apply", check=False).rc == 3
    wait_until(lambda: reboots(host) == 2, what="a reboot")


def test_nothing_waits(host):
    put(host, "version: 1\n")
    host.ctl("apply", "--allow-mass-removal", check=False)
    wait_until(lambda: required(host) == "b false", what="the property")
    for path in ("/run/motd.d/kvmhost", "/run/kvmhost/reboot.json", "/run/reboot-required"):
        assert not host.exists(path), path
    assert reboots(host) == 2


def test_manual(host):
    put(host, document(window(-1), "quiet_kvmhost=3").replace("window:", "policy: manual} #"))
    host.reload_daemon()
    time.sleep(2)
    assert required(host) == "b true" and reboots(host) == 2
