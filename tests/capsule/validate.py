# SPDX-License-Identifier: GPL-2.0-or-later
"""What libvirt's virt-host-validate says of a machine, beside what `kvmhostctl doctor` says."""
import json
import re

CHECKS = {
    "hardware virtualization": "cpu-virtualization",
    "device /dev/kvm exists": "kvm-device",
    "device /dev/kvm is accessible": "kvm-access",
    "device /dev/vhost-net exists": "vhost-net",
    "device /dev/net/tun exists": "tun",
    "cgroup 'cpu' controller support": "cgroup-cpu",
    "cgroup 'cpuacct' controller support": "cgroup-cpu",
    "cgroup 'cpuset' controller support": "cgroup-cpuset",
    "cgroup 'memory' controller support": "cgroup-memory",
    "cgroup 'devices' controller support": "cgroup-devices",
    "cgroup 'blkio' controller support": "cgroup-io",
    "device assignment IOMMU support": "iommu-firmware",
    "IOMMU is enabled by kernel": "iommu",
    "secure guest support": "secure-guests",
}
# Where the two differ, (check, libvirt's word, ours), and why.
OLD_CGROUPS = "libvirt takes the old hierarchies too; the limits that kvmhost sets need the unified one"
REASONS = {
    ("secure-guests", "warn", "unknown"): "kvmhost makes no such guests, so it is no reason to warn",
    ("cgroup-cpu", "pass", "warn"): OLD_CGROUPS,
    ("cgroup-cpuset", "pass", "warn"): OLD_CGROUPS,
    ("cgroup-memory", "pass", "warn"): OLD_CGROUPS,
    ("cgroup-io", "pass", "warn"): OLD_CGROUPS,
    ("cgroup-devices", "pass", "unknown"): OLD_CGROUPS,
}


def libvirt_says(host):
    """{what is checked: pass, warn, fail or note}"""
    said = host.run(["env", "LC_ALL=C", "virt-host-validate", "qemu"], check=False).stdout
    said = re.sub(r"\x1b\[[0-9;]*m", "", said)
    lines = re.findall(r"^ *QEMU: Checking (?:for|if) (.*?) *: (PASS|WARN|FAIL|NOTE)", said, re.M)
    assert len(lines) >= 5, said
    return {what.replace("'/", "/").replace("' exists", " exists"): state.lower() for what, state in lines}


def doctor_says(host):
    """{name: the check}"""
    result = host.run(["kvmhostctl", "--json", "doctor"], check=False)
    assert result.rc in (0, 1, 2), result
    return {check["name"]: check for check in json.loads(result.stdout)["checks"]}


def disagreements(host):
    """{(name, libvirt's word, ours)}; what libvirt checks and we do not know is an error."""
    ours, found = doctor_says(host), set()
    for what, state in libvirt_says(host).items():
        name = CHECKS[what]
        if ours[name]["state"] != state:
            found.add((name, state, ours[name]["state"]))
    return found
