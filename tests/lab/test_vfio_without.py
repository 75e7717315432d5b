# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines on which a device cannot be given away, or not yet, or only by saying so."""
import os

import pytest
from assigned import IOMMU, driver, drivers, hush, put, refused, settle
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


def test_no_interrupt_remapping(machine):
    host = machine(profile="amd", cmdline="")
    before = drivers(host)
    text = refused(host, IOMMU + DEVICES)
    assert "this machine does not remap interrupts" in text and "unsafe_interrupts: true" in text
    unsafe = "version: 1\nhost: {iommu: {enabled: true, unsafe_interrupts: true}}\n"
    settle(host, unsafe + DEVICES)
    assert driver(host, NIC) == "vfio-pci"
    host.run("modprobe vfio_iommu_type1")
    assert host.read("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y\n"
    settle(host, unsafe, "--allow-mass-removal")
    assert drivers(host) == before
