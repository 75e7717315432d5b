# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example: check, plan, apply, an empty second plan, and everything given back."""
from pathlib import Path

import pytest
from documents import EMPTY, everything, put

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.yaml"))


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda p: p.stem)
def test_example(capsule, example):
    if not capsule.exists("/srv/boot/vmlinuz"):
        capsule.add_guest_kernel()
    before = everything(capsule)
    put(capsule, example.read_text())
    assert capsule.ctl("check").rc == 0
    if example.stem == "devices":  # the lab has what can be given away
        assert "the firmware announces no IOMMU" in capsule.ctl("plan", check=False).stdout
        return
    plan = capsule.ctl("plan", check=False)
    if example.stem == "bonds":  # the lab has the driver
        assert plan.rc == 2 and "+ bond/bond0" in plan.stdout, plan
        return
    # a card that this machine does not have is waited for, and nothing else is to be done
    assert plan.rc == (0 if example.stem == "sriov" else 2), plan
    assert everything(capsule) == before, "plan changed something"
    capsule.ctl("apply")
    again = capsule.ctl("plan", check=False)
    assert again.rc == 0, again
    assert "nothing to do" in again.stdout or "waiting" in again.stdout
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert everything(capsule) == before
    assert capsule.ctl("plan").rc == 0
