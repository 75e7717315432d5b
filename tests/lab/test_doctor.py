# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmhostctl doctor where there is KVM, an IOMMU and the unified cgroup hierarchy, beside virt-host-validate."""
from validate import REASONS, disagreements, doctor_says

# libvirt 9.0 goes by the processor's maker and looks for IVRS with an AMD one; this machine's IOMMU is VT-d.
IVRS = {("iommu-firmware", "warn", "pass"), ("iommu-firmware", "fail", "pass")}


def test_beside_virt_host_validate(lab):
    lab.run("modprobe vhost_net")
    found = disagreements(lab)
    assert found <= set(REASONS) | IVRS, found


def test_what_is_really_so_here(lab):
    checks = doctor_says(lab)
    for name in ("cpu-virtualization", "kvm-device", "kvm-access", "kvm-nested", "iommu-firmware", "iommu",
                 "interrupt-remapping", "vhost-net", "tun", "cgroup-cpu", "cgroup-cpuset", "cgroup-memory", "cgroup-io",
                 "cgroup-devices", "modules", "boot-loader", "qemu", "reboot"):
        assert checks[name]["state"] == "pass", checks[name]


def test_kvm_is_missing(lab):
    lab.run("modprobe -r kvm_amd")
    check = doctor_says(lab)["kvm-device"]
    assert check["state"] == "fail" and check["cure"].startswith("modprobe kvm_amd"), check
    lab.run(check["cure"])
    assert doctor_says(lab)["kvm-access"]["state"] == "pass"
