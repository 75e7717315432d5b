# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot menus that somebody has made his own before kvmhost comes: entries moved, a password, two kernels, parameters that he
has added himself, half a menu."""
import re

import pytest
from documents import EMPTY, put

HARDWARE = {"nics": 0}
MENU = "/boot/grub/grub.cfg"
OWN = "/etc/default/grub.d/90-kvmhost.cfg"
WORD = "audit_backlog_limit=640"
DOCUMENT = f"version: 1\nhost: {{kernel: {{cmdline: [{WORD}]}}, reboot: {{policy: manual}}}}\n"
# of the password "grub", made by grub-mkpasswd-pbkdf2 -c 1000
PASSWORD = """#!/bin/sh
cat <<EOF
set superusers="root"
password_pbkdf2 root grub.pbkdf2.sha512.1000.00.00
EOF
"""


def apply(lab, document, *rc):
    put(lab, document)
    done = lab.run("kvmhostctl --no-color apply --allow-mass-removal", check=False, timeout=300)
    assert done.rc in (rc or (0, 3)), done
    return done


def lines(lab):
    """Of the menu, those that start this system."""
    return re.findall(r"^\s+linux\s.*", lab.read(MENU), re.M)


@pytest.fixture(scope="module", autouse=True)
def quick(lab):
    """Without scripts that find nothing in this machine and take their time."""
    lab.run("chmod -x /etc/grub.d/20_linux_xen /etc/grub.d/30_*; update-grub", timeout=120)


def test_moved_in_the_menu(lab):
    lab.run("mv /etc/grub.d/10_linux /etc/grub.d/35_linux && update-grub", timeout=120)
    assert lines(lab) and not any(WORD in line for line in lines(lab))
    apply(lab, DOCUMENT, 3)
    assert all(line.split().count(WORD) == 1 for line in lines(lab))
    apply(lab, EMPTY, 0)
    assert lines(lab) and WORD not in lab.read(MENU)
    lab.run("mv /etc/grub.d/35_linux /etc/grub.d/10_linux && update-grub", timeout=120)


def test_what_he_added_himself(lab):
    site = "/etc/default/grub.d/50-site.cfg"
    lab.write(site, f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {WORD}"\n')
    apply(lab, DOCUMENT, 3)
    assert not lab.exists(OWN) and all(line.split().count(WORD) == 1 for line in lines(lab))
    apply(lab, EMPTY)
    assert lab.exists(site) and all(line.split().count(WORD) == 1 for line in lines(lab)), "taken away, and it is not ours"
    apply(lab, DOCUMENT, 3)
    lab.run(f"rm {site}")
    apply(lab, DOCUMENT, 3)
    assert lab.exists(OWN) and all(line.split().count(WORD) == 1 for line in lines(lab)), "he took his, and the document's is gone"
    apply(lab, EMPTY, 0)


@pytest.mark.parametrize("end", ["nothing", "a part", "the first entry", "all entries"])
def test_half_a_menu(lab, end):
    """The power was cut in somebody else's update-grub, or its disk was full."""
    apply(lab, DOCUMENT, 3)
    whole = lab.read(MENU)
    size = {"nothing": 0, "a part": len(whole) * 3 // 10, "the first entry": whole.index("submenu "),
            "all entries": whole.index("### BEGIN /etc/grub.d/40_custom") + 60}[end]
    lab.run(f"truncate -s {size} {MENU}")
    apply(lab, DOCUMENT, 3)
    assert lab.read(MENU) == whole
    apply(lab, EMPTY, 0)


def test_a_password_and_a_second_kernel(lab):
    """The machine boots the newer one, with what the older one would have had."""
    lab.write("/etc/grub.d/01_password", PASSWORD, 0o700)
    lab.run(f"""set -e
        sed -i 's/^CLASS="/&--unrestricted /' /etc/grub.d/10_linux
        update-grub
        chmod 600 {MENU}""", timeout=120)
    apply(lab, DOCUMENT, 3)
    assert lab.run(f"stat -c '%a %U' {MENU}").stdout == "600 root\n", "the password is for everybody to read"
    assert "password_pbkdf2" in lab.read(MENU)
    before = len(lines(lab))
    lab.run("""set -e
        cd /boot
        for file in vmlinuz initrd.img config; do cp $file-$(uname -r) $file-99.0-$(uname -r); done""")
    assert lab.ctl("plan").rc == 0
    lab.run("update-grub", timeout=120)  # as the kernel's package does
    assert len(lines(lab)) > before and all(line.split().count(WORD) == 1 for line in lines(lab))
    assert lab.ctl("plan").rc == 0
    lab.reboot()
    words = lab.read("/proc/cmdline").split()
    assert words.count(WORD) == 1 and "vmlinuz-99.0-" in words[0], words
    assert lab.ctl("plan").rc == 0
    lab.run("rm /boot/*-99.0-* /etc/grub.d/01_password")
    apply(lab, EMPTY, 3)
    assert lines(lab) and WORD not in lab.read(MENU) and "99.0" not in lab.read(MENU)
