# SPDX-License-Identifier: GPL-2.0-or-later
"""host.iommu where the IOMMU is AMD's and remaps no interrupts, and where there is none at all."""
import os

import pytest
from validate import doctor_says

from conftest import BOOTED, boot

DOCUMENT = "version: 1\nhost:\n  iommu: {enabled: true, passthrough: true%s}\n"


def machine(request, profile):
    while BOOTED:  # one machine at a time
        BOOTED.pop().stop()
    lab = boot(request, warm=False, profile=profile, cmdline="")
    lab.push(os.environ["KVMHOST_STAGE"])
    return lab


@pytest.fixture(scope="module")
def amd(request):
    return machine(request, "amd")


def test_amd_needs_no_parameter_to_be_on(amd):
    """IVRS: the kernel turned it on by itself; only iommu=pt is for the command line."""
    checks = doctor_says(amd)
    assert (checks["iommu-firmware"]["seen"], checks["iommu"]["state"]) == ("IVRS (AMD-Vi)", "pass"), checks["iommu"]
    assert checks["interrupt-remapping"]["state"] == "warn"
    amd.write("/etc/kvmhost/host.yaml", DOCUMENT % "")
    plan = amd.ctl("plan", check=False)
    assert "cmdline/iommu=pt" in plan.stdout and "intel_iommu" not in plan.stdout, plan
    assert "interrupt remapping, which this machine does not have" in plan.stdout, plan


def test_unsafe_interrupts_where_nothing_remaps(amd):
    amd.write("/etc/kvmhost/host.yaml", DOCUMENT % ", unsafe_interrupts: true")
    result = amd.ctl("apply", check=False, timeout=180)
    assert result.rc == 3, result  # iommu=pt
    assert "allow_unsafe_interrupts=1" in amd.read("/etc/modprobe.d/zz-kvmhost.conf")
    amd.run("modprobe vfio_iommu_type1")
    assert amd.read("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts") == "Y\n"
    status = amd.ctl("status", check=False)
    assert "iommu/host" not in status.stdout, status


def test_none_is_told(request):
    lab = machine(request, "none")
    lab.write("/etc/kvmhost/host.yaml", DOCUMENT % "")
    plan = lab.ctl("plan", check=False)
    assert plan.rc == 1 and "the firmware announces no IOMMU" in plan.stdout and "enabled: false" in plan.stdout, plan
