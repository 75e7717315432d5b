# SPDX-License-Identifier: GPL-2.0-or-later
"""The power is cut while kvmhost and GRUB's tool write boot files: the machine boots each time, with each parameter once or
not at all, and the next apply finishes. When apply has ended, what it wrote is what the next boot has.

Where it is cut: before a system call by which kvmhostctl changes a file or has it written to the disk, one of all that
an apply makes, evenly chosen (strace ends kvmhostctl there, and the power goes); and when grub-mkconfig has written so
many bytes of the new menu. Every other cut is in an apply that takes the parameters away.
"""
import json
import os
import re
from collections import Counter

import pytest
from documents import EMPTY, put

DOCUMENT = """version: 1
host:
  iommu: {enabled: true, passthrough: true}
  kernel: {cmdline: ["transparent_hugepage=never"]}
"""
OURS = ["iommu=pt", "transparent_hugepage=never"]
APPLY = "kvmhostctl apply --allow-mass-removal"
CALLS = "linkat,rename,renameat,renameat2,unlink,unlinkat,mkdirat,fsync,fdatasync"
MENU = "/boot/grub/grub.cfg"
CUTS = int(os.environ.get("KVMHOST_POWER_CUTS", "3"))


@pytest.fixture(scope="module")
def calls(lab):
    """Of an apply in either direction: the calls in their order, each as strace counts it."""
    # scripts that find nothing in this machine, and take their time
    lab.run("chmod -x /etc/grub.d/20_linux_xen /etc/grub.d/30_*; update-grub", timeout=120)
    made = {}
    for on in (True, False, True, False):  # directories that are kept are made in the first round alone
        put(lab, DOCUMENT if on else EMPTY)
        traced = lab.run(f"strace -qq -e trace={CALLS} -o /run/calls {APPLY}", check=False, timeout=300)
        assert traced.rc in (0, 3), traced
        seen, made[on] = Counter(), []
        for call in re.findall(r"^(\w+)\(", lab.read("/run/calls"), re.M):
            seen[call] += 1
            made[on].append((call, seen[call]))
        assert len(made[on]) > CUTS, made
    return made


def begin(lab, n):
    """Whether the n-th cut is in an apply that adds the parameters. The one before finished the other way."""
    on = n % 2 == 0
    if (OURS[0] in lab.read(MENU)) == on:
        put(lab, EMPTY if on else DOCUMENT)
        assert lab.run(APPLY, check=False, timeout=300).rc in (0, 3)
    put(lab, DOCUMENT if on else EMPTY)
    lab.run("sync")  # the document is not what is to be lost
    return on


def running(lab):
    words = lab.read("/proc/cmdline").split()
    return [words.count(word) for word in OURS]


def cut(lab, on):
    lab.power_cut(whole=False)
    assert max(running(lab)) <= 1, lab.read("/proc/cmdline")
    plan = lab.ctl("--json", "plan", check=False)
    assert plan.rc in (0, 2) and "steps" in json.loads(plan.stdout), plan
    done = lab.run(APPLY, check=False, timeout=300)
    assert done.rc in (0, 3), done
    assert lab.ctl("plan").rc == 0
    menu = lab.read(MENU)
    assert [word in menu for word in OURS] == [on, on] and "### END /etc/grub.d/41_custom ###" in menu
    assert not lab.run("ls -A /boot/grub | grep kvmhost", check=False).stdout, "something was left behind"
    lab.machine.wait()


@pytest.mark.parametrize("n", range(2))
def test_right_after(lab, n):
    """GRUB reads no journal: that Linux would find the new menu is not enough."""
    on = n % 2 == 0
    put(lab, DOCUMENT if on else EMPTY)
    assert lab.run(APPLY, check=False, timeout=300).rc in (0, 3)
    lab.power_cut(whole=False)
    assert running(lab) == [on, on]


@pytest.mark.parametrize("n", range(CUTS))
def test_before_a_call(lab, calls, n):
    on = begin(lab, n)
    where = calls[on]
    call, nth = where[n * len(where) // CUTS]
    print(f"before {call} {nth}, {n * len(where) // CUTS} of {len(where)}, parameters {'added' if on else 'taken away'}")
    killed = lab.run(f"strace -qq -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when={nth} {APPLY}",
                     check=False, timeout=300)
    if killed.rc not in (137, -9):  # of the last calls some are made only where the machine was not rebooted in between
        assert killed.rc in (0, 3), killed
    cut(lab, on)


@pytest.mark.parametrize("n", range(max(1, CUTS // 5)))
def test_in_the_tool(lab, calls, n):
    on = begin(lab, n)
    size = int(lab.run(f"stat -c %s {MENU}").stdout) * (n + 1) // (CUTS // 5 + 2)
    print(f"{size} bytes of the new menu are written, parameters {'added' if on else 'taken away'}")
    lab.run(f"systemd-run -q --collect {APPLY}; "
            f'until [ "$(stat -c %s {MENU}.kvmhost.new 2>/dev/null || echo 0)" -ge {size} ]; do sleep 0.02; done', timeout=120)
    cut(lab, on)
