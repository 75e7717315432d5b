# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines on which a device cannot be given away, or not yet."""
import os

import pytest
from assigned import IOMMU, drivers, hush, put, refused
from conftest import boot

NIC = "0000:01:00.0"
DEVICES = f'devices:\n  nic: {{address: "{NIC}"}}\n'


@pytest.fixture
def machine(request):
    def make(**hardware):
        lab = boot(request, warm=False, **hardware)
        lab.push(os.environ["KVMHOST_STAGE"])
        hush(lab)
        return lab
    return make


def test_no_iommu(machine):
    host = machine(profile="none")
    assert "the firmware announces no IOMMU" in refused(host, IOMMU + DEVICES)
    assert "the firmware announces no IOMMU" in refused(host, "version: 1\n" + DEVICES)


def test_iommu_is_off(machine):
    host = machine(cmdline="intel_iommu=off")
    before = drivers(host)
    put(host, IOMMU + DEVICES)
    plan = host.ctl("plan", check=False).stdout
    assert "iommu/host, which waits for a reboot: the running kernel was started with intel_iommu=off" in plan, plan
    assert host.ctl("apply", check=False, timeout=180).rc == 3
    assert drivers(host) == before
    text = refused(host, "version: 1\n" + DEVICES)
    assert "no IOMMU works yet; it needs a reboot" in text and "iommu: {enabled: true}" in text
