# SPDX-License-Identifier: GPL-2.0-or-later
"""Every check of the doctor on trees of files: one that passes, and those in which it warns or fails, with the cure."""
import json
import os
import pathlib
import subprocess

import pytest

CTL = os.path.abspath(os.environ.get("KVMHOSTCTL", "kvmhostctl"))
DEBIAN = {"etc/os-release": "ID=debian\n"}
SUSE = {"etc/os-release": 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n'}
CGROUP = "sys/fs/cgroup/cgroup.controllers"
CPUINFO = "proc/cpuinfo"


def cpu(flags):
    return {CPUINFO: f"processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: {flags}\nbugs\t\t:\n\nprocessor\t: 1\n"}


def disk(size, form="raw"):
    return {"etc/kvmhost/host.yaml": "version: 1\nguests:\n  web1:\n    memory: {size: 1GiB}\n    cpu: {count: 2}\n"
            f"    disks: [{{path: /var/lib/kvmhost/images/web1.img, size: {size}, format: {form}}}]\n", "var/lib/x": ""}


def macvtap(more):
    return {"etc/kvmhost/host.yaml": "version: 1\nbridges: {br0: {}}\nguests:\n  web1:\n    kernel: {image: /k}\n"
            f"    interfaces: [{{macvtap: eth0}}{more}]\n"}


HUGE = {"etc/kvmhost/host.yaml": "version: 1\nhost:\n  memory: {hugepages: {2MiB: 300, 1GiB: 2}}\nguests:\n  a1:\n"
        "    kernel: {image: /k}\n    memory: {size: 1GiB, hugepages: true}\n"}


def huge_of_nodes(pages, *now):
    """Two nodes; half of the guest's memory comes from each."""
    nodes = {f"sys/devices/system/node/node{i}/hugepages/hugepages-2048kB/nr_hugepages": f"{n}\n" for i, n in enumerate(now)}
    return nodes | {"proc/meminfo": f"HugePages_Total: {sum(now)}\nHugepagesize: 2048 kB\n",
                    "etc/kvmhost/host.yaml": f"version: 1\nhost:\n  memory: {{hugepages: {{2MiB: {pages}}}}}\nguests:\n  a1:\n"
                    "    kernel: {image: /k}\n    cpu: {count: 2}\n    memory: {size: 1GiB, hugepages: true}\n"
                    "    numa: [{host_node: 1, memory: 512MiB}, {host_node: 0, memory: 512MiB}]\n"}


MEMORY = {"proc/meminfo": "MemTotal:        8000000 kB\nHugetlb:         2097152 kB\n"}
ONLINE = "sys/devices/system/cpu/online"
# check, files, state, part of what was seen, part of the cure
CASES = [
    ("cpu-virtualization", cpu("fpu lm vmx"), "pass", "vmx, 64 bits", None),
    ("cpu-virtualization", {CPUINFO: cpu("fpu lm svm")[CPUINFO] * 300000}, "pass", "svm, 64 bits", None),
    ("cpu-virtualization", cpu("fpu lm vmxon svmlock"), "fail", "neither vmx nor svm", "firmware's setup"),
    ("cpu-virtualization", cpu("fpu lm hypervisor"), "fail", "neither vmx nor svm", "nested virtualization"),
    ("cpu-virtualization", cpu("fpu svm"), "fail", "not a 64-bit one", None),
    ("cpu-virtualization", {}, "unknown", "cannot be read", None),
    ("kvm-device", {"dev/kvm": ""}, "pass", "/dev/kvm", None),
    ("kvm-device", cpu("svm lm"), "fail", "no /dev/kvm", "modprobe kvm_amd"),
    ("kvm-device", cpu("vmx lm") | {"sys/module/kvm/version": ""}, "fail", "no /dev/kvm", "firmware's setup"),
    ("kvm-device", {}, "fail", "no /dev/kvm", "see cpu-virtualization"),
    ("kvm-access", {}, "unknown", "no /dev/kvm", None),
    ("kvm-nested", {"sys/module/kvm_intel/parameters/nested": "N\n"}, "pass", "cannot be KVM hosts", None),
    ("kvm-nested", {"sys/module/kvm_amd/parameters/nested": "1\n"}, "pass", "can be KVM hosts", None),
    ("kvm-nested", {}, "unknown", "not loaded", None),
    ("constant-tsc", cpu("tsc constant_tsc"), "pass", "constant_tsc", None),
    ("constant-tsc", cpu("tsc"), "warn", "no constant_tsc", "max_cstate: auto"),
    ("clocksource", {"sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n"}, "pass", "tsc", None),
    ("clocksource", {"sys/devices/system/clocksource/clocksource0/current_clocksource": "hpet\n"}, "warn", "hpet", "dmesg"),
    ("cpu-flaws", {"sys/devices/system/cpu/vulnerabilities/l1tf": "Mitigation: PTE Inversion\n"}, "pass", "none of 1", None),
    ("cpu-flaws", {"sys/devices/system/cpu/vulnerabilities/mds": "Mitigation: Clear CPU buffers; SMT vulnerable\n",
                   "sys/devices/system/cpu/vulnerabilities/srbds": "Vulnerable: No microcode\n"},
     "warn", "mds, srbds", "smt: false"),
    ("cpu-flaws", {"sys/devices/system/cpu/vulnerabilities/l1tf": "Mitigation: PTE Inversion; VMX: vulnerable\n",
                   "sys/devices/system/cpu/vulnerabilities/itlb_multihit": "KVM: Vulnerable\n",
                   "sys/devices/system/cpu/vulnerabilities/mds": "Not affected\n"}, "warn", "itlb_multihit, l1tf", "smt: false"),
    ("iommu-firmware", {"sys/firmware/acpi/tables/DMAR": ""}, "pass", "VT-d", None),
    ("iommu-firmware", {"sys/firmware/acpi/tables/IVRS": ""}, "pass", "AMD-Vi", None),
    ("iommu-firmware", {}, "warn", "no DMAR or IVRS", "turn VT-d"),
    ("iommu", {"sys/kernel/iommu_groups/0/type": ""}, "pass", "1 groups", None),
    ("iommu", {"sys/firmware/acpi/tables/DMAR": ""}, "warn", "no groups", "iommu: {enabled: true}"),
    ("iommu", {}, "warn", "no groups", "see iommu-firmware"),
    ("interrupt-remapping", {"sys/kernel/iommu_groups/0/type": "", "proc/interrupts": " 1: 0 IR-PCI-MSI\n"}, "pass", "IR-", None),
    ("interrupt-remapping", {"sys/kernel/iommu_groups/0/type": "", "proc/interrupts": " 1: 0 PCI-MSI\n"},
     "warn", "no interrupt", "unsafe_interrupts"),
    ("interrupt-remapping", {}, "unknown", "no IOMMU", None),
    ("secure-guests", {"sys/module/kvm_amd/parameters/sev": "Y\n"}, "pass", "SEV", None),
    ("secure-guests", {}, "unknown", "neither SEV", None),
    ("vhost-net", {"dev/vhost-net": ""}, "pass", "/dev/vhost-net", None),
    ("vhost-net", {}, "warn", "no /dev/vhost-net", "vhost_net"),
    ("tun", {"dev/net/tun": ""}, "pass", "/dev/net/tun", None),
    ("tun", {}, "fail", "no /dev/net/tun", "modprobe tun"),
    ("cgroup-cpu", {CGROUP: "cpuset cpu io memory\n"}, "pass", "controller cpu", None),
    ("cgroup-cpu", {CGROUP: "cpuset io memory\n"}, "warn", "no controller cpu", "cgroup_disable=cpu"),
    ("cgroup-cpu", {}, "warn", "no unified cgroup hierarchy", "systemd.unified_cgroup_hierarchy=1"),
    ("cgroup-cpuset", {CGROUP: "cpuset\n"}, "pass", "cpuset", None),
    ("cgroup-memory", {CGROUP: "cpuset\n"}, "warn", "memory_max", "cgroup_disable=memory"),
    ("cgroup-io", {CGROUP: "io\n"}, "pass", "io", None),
    ("cgroup-devices", {CGROUP: "io\n"}, "pass", "BPF", None),
    ("cgroup-devices", {}, "unknown", "there is no", None),
    ("memory", MEMORY, "pass", "7812 MiB", None),
    ("memory", {"proc/meminfo": "MemTotal:  1000000 kB\n"}, "warn", "976 MiB", "add memory"),
    ("memory", {}, "unknown", "cannot be read", None),
    ("disk-space", {}, "unknown", "cannot be looked at", None),
    ("modules", {}, "unknown", "no kernel runs", None),
    ("lockdown", {"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}, "pass", "signed", None),
    ("boot-loader", {"usr/sbin/grub-mkconfig": "/etc/default/grub.d/"}, "pass", "GRUB", None),
    ("boot-loader", {}, "warn", "cannot tell how this machine boots", "by hand"),
    ("reboot", {}, "pass", "no /run/reboot-required", None),
    ("reboot", {"run/reboot-required": "x", "run/reboot-required.pkgs": "linux-image\nkvmhost\n"},
     "warn", "by linux-image kvmhost", "kvmhostctl status"),
    ("time", {}, "unknown", "cannot be asked", None),
    ("qemu", {"usr/libexec/qemu-kvm": ""}, "pass", "/usr/libexec/qemu-kvm", None),
    ("qemu", DEBIAN, "fail", "QEMU is not installed", "apt install qemu-system-x86"),
    ("qemu", SUSE, "fail", "QEMU is not installed", "zypper install qemu-x86"),
    ("qemu", {"etc/os-release": "ID=void\n"}, "fail", "not installed", "other distributions call qemu-system-x86"),
    ("qemu-img", {"etc/os-release": 'ID="rocky"\nID_LIKE="rhel centos fedora"\n'}, "fail", "not installed", "dnf install qemu-img"),
    ("dnsmasq", {"etc/os-release": "ID=arch\n"}, "warn", "not installed", "pacman -S dnsmasq"),
    ("libarchive", {"usr/lib64/libarchive.so.13": ""}, "pass", "libarchive.so.13", None),
    ("libarchive", {"etc/os-release": "ID=debian\n"}, "warn", "not installed", "apt install libarchive13"),
    ("curl", {"usr/bin/curl": ""}, "pass", "/usr/bin/curl", None),
    ("curl", {"etc/os-release": "ID=fedora\n"}, "warn", "not installed", "dnf install curl"),
    ("ovmf", {"usr/share/OVMF/OVMF_CODE_4M.fd": ""}, "pass", "OVMF", None),
    ("swtpm", {"usr/bin/swtpm": ""}, "pass", "swtpm", None),
    ("swtpm", {"etc/os-release": "ID=fedora\n"}, "warn", "swtpm", "dnf install swtpm"),
    ("ovmf", {"etc/os-release": "ID=ubuntu\nID_LIKE=debian\n"}, "warn", "OVMF", "apt install ovmf"),
    ("dhcp-port", {"proc/net/udp": "  1: 00000000:0043 00000000:0000 07\n"}, "warn", "port 67", "ss -ulpn sport = 67"),
    ("dhcp-port", {"proc/net/udp": "  1: 017AA8C0:0043 00000000:0000 07\n"}, "pass", "nobody", None),
    ("dns-port", {"proc/net/udp": "  1: 0100007F:0035 00000000:0000 07\n"}, "pass", "nobody", None),
    ("dns-port", {"proc/net/udp": "  1: 00000000:0035 00000000:0000 07\n"}, "warn", "port 53", "ss -ulpn"),
    ("bridge-filter", {}, "pass", "not loaded", None),
    ("bridge-filter", {"proc/sys/net/bridge/bridge-nf-call-iptables": "1\n"}, "warn", "is 1", "bridge-nf-call-iptables: 0"),
    ("document", {}, "unknown", "there is none", None),
    ("document", {"etc/kvmhost/host.yaml": "version: 1\n"}, "pass", "0 resources", None),
    ("document", {"etc/kvmhost/host.yaml": "version: 2\n"}, "fail", "host.yaml:1:10: version: must be 1", "kvmhostctl check"),
    ("guest-cpus", disk("1GiB") | {ONLINE: "0-3\n"}, "pass", "none has more than 4", None),
    ("cpu-overcommit", disk("1GiB") | {ONLINE: "0-3\n"}, "pass", "2 processors of guests on 4 threads", None),
    ("guest-cpus", disk("1GiB") | {ONLINE: "0\n"}, "warn", "web1 has more processors", "{web1: {cpu: {count: 1}}}"),
    ("cpu-overcommit", disk("1GiB") | {ONLINE: "0-1\n"}, "warn", "2 processors of guests and 1 for the host", "steal"),
    ("guest-memory", disk("1GiB") | MEMORY, "pass", "3072 MiB for guests", None),
    ("guest-memory", disk("1GiB") | {"proc/meminfo": "MemTotal: 3000000 kB\nHugetlb: 1572864 kB\n"}, "warn",
     "1024 MiB for guests, 1536 MiB in hugepages", "fewer guests"),
    ("guest-memory", {"etc/kvmhost/host.yaml": "version: 1\nhost:\n  memory: {hugepages: {1GiB: 7}}\nguests:\n  a1: {kernel: {image: /k}}\n",
                      "proc/meminfo": "MemTotal: 8388608 kB\nHugetlb: 0 kB\n"}, "warn", "1024 MiB for guests, 7168 MiB in hugepages", "fewer"),
    ("guest-hugepages", HUGE | {"proc/meminfo": "HugePages_Total: 10\nHugepagesize: 2048 kB\n"}, "warn",
     "take 512 hugepages of 2048 KiB, and 300 are set aside", "hugepages: {2MiB: 512}"),
    ("guest-hugepages", HUGE | {"proc/meminfo": "HugePages_Total: 512\nHugepagesize: 2048 kB\n"}, "pass", "512 are", None),
    ("guest-hugepages", huge_of_nodes("{nodes: {0: 512}}", 0, 0), "warn", "256 hugepages of 2048 KiB from NUMA node 1, and 0 are", "{2MiB: {nodes: {0: 512, 1: 256}}}"),
    ("guest-hugepages", huge_of_nodes("{nodes: {0: 256, 1: 256}}", 0, 0), "pass", "512 are", None),
    ("guest-hugepages", huge_of_nodes("512", 0, 0), "pass", "512 are", None),
    ("guest-hugepages", huge_of_nodes("600", 600, 0), "pass", "600 are", None),
    ("guest-hugepages", huge_of_nodes("10", 612, 255), "warn", "256 hugepages of 2048 KiB from NUMA node 1, and 255 are", "{nodes: {0: 612, 1: 256}}"),
    ("guest-hugepages", huge_of_nodes("10", 612, 256), "pass", "868 are", None),
    ("guest-hugepages", HUGE, "unknown", "no hugepages", None),
    ("guest-macvtap", macvtap(""), "warn", "this host and web1 do not hear each other", "mode: isolated"),
    ("guest-macvtap", macvtap(", {bridge: br0}"), "pass", "none is by macvtap alone", None),
    ("guest-macvtap", disk("1MiB"), "pass", "none is by macvtap alone", None),
    ("guest-images", disk("1MiB"), "pass", "none is open to every user", None),
    ("guest-storage", disk("1MiB"), "pass", "may take 1 MiB more", None),
    ("guest-storage", disk("40TiB", "qcow2"), "warn", "may take 42362470 MiB more", "make room"),
]


def doctor(tree, *args):
    result = subprocess.run([CTL, "--json", "--root", str(tree), "doctor", *args], capture_output=True, text=True, timeout=60)
    return result, json.loads(result.stdout) if result.stdout else None


IMAGES = [
    (0o600, 0o755, "", "pass", "none is open"),
    (0o640, 0o755, "", "pass", "none is open"),
    (0o644, 0o700, "", "pass", "none is open"),
    (0o644, 0o755, ", readonly: true", "pass", "none is open"),
    (0o644, 0o755, ", device: cdrom", "pass", "none is open"),
    (0o644, 0o755, "", "warn", "every user of the host can read: /srv/deep/a.raw of web1"),
    (0o666, 0o711, "", "warn", "every user of the host can read or write: /srv/deep/a.raw of web1"),
]


@pytest.mark.parametrize("mode, above, more, state, seen", IMAGES)
def test_images_that_everybody_can_read(tmp_path, mode, above, more, state, seen):
    (tmp_path / "etc/kvmhost").mkdir(parents=True)
    (tmp_path / "srv/deep").mkdir(parents=True)
    (tmp_path / "srv/deep/a.raw").touch()
    (tmp_path / "srv/deep/a.raw").chmod(mode)
    (tmp_path / "srv/deep").chmod(above)
    (tmp_path / "etc/kvmhost/host.yaml").write_text(
        f"version: 1\nguests: {{web1: {{kernel: {{image: /k}}, disks: [{{path: /srv/deep/a.raw, format: raw{more}}}]}}}}\n")
    [check] = doctor(tmp_path, "guest-images")[1]["checks"]
    assert (check["state"], check["seen"]) == (state, seen if state == "warn" else check["seen"]) and seen in check["seen"], check
    assert check["cure"] == ("chmod o= /srv/deep/a.raw" if state == "warn" else None), check


def test_two_hundred_images_are_one_short_message(tmp_path):
    (tmp_path / "etc/kvmhost").mkdir(parents=True)
    (tmp_path / "srv").mkdir()
    for i in range(200):
        (tmp_path / f"srv/{i}.raw").touch(0o644)
    (tmp_path / "etc/kvmhost/host.yaml").write_text(
        "version: 1\nguests:\n" + "".join(f"  v{i}: {{disks: [{{path: /srv/{i}.raw, format: raw}}]}}\n" for i in range(200)))
    [check] = doctor(tmp_path, "guest-images")[1]["checks"]
    assert check["seen"].startswith("every user of the host can read 200 images: /srv/0.raw of v0, ") and check["seen"].endswith(", ..."), check
    assert check["cure"] == "chmod o= /srv/0.raw /srv/1.raw /srv/2.raw /srv/3.raw; then ask again for the others", check


@pytest.mark.parametrize("name, files, state, seen, cure", CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES])
def test_check(tmp_path, name, files, state, seen, cure):
    for path, text in files.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    result, report = doctor(tmp_path, name)
    [check] = report["checks"]
    assert (check["name"], check["state"]) == (name, state), check
    assert seen in check["seen"], check
    assert (cure or "") in (check["cure"] or ""), check
    assert check["why"] and check["title"]
    if state in ("warn", "fail") and cure:
        assert check["cure"]
    assert result.returncode == {"pass": 0, "unknown": 0, "warn": 2, "fail": 1}[state]


def test_every_check_has_a_case_and_a_place_in_the_manual():
    names = subprocess.run([CTL, "doctor", "--list"], capture_output=True, text=True, check=True).stdout.split()
    assert set(names) == {case[0] for case in CASES} and len(names) == len(set(names)) > 30
    manual = subprocess.run([CTL, "doctor", "--man"], capture_output=True, text=True, check=True).stdout
    assert [line[3:].replace("\\", "") for line in manual.splitlines() if line.startswith(".B ")] == names


def test_all_at_once(tmp_path):
    before = sorted(pathlib.Path(tmp_path).rglob("*"))
    result, report = doctor(tmp_path)
    assert report["format"] == 1 and len(report["checks"]) > 30 and result.returncode == 1
    assert sorted(pathlib.Path(tmp_path).rglob("*")) == before, "it wrote something"


def test_bytes_that_are_no_utf8(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/reboot-required").touch()
    (tmp_path / "run/reboot-required.pkgs").write_bytes(b"linux\xff\n")
    _, report = doctor(tmp_path, "reboot", "tun")
    assert [check and check["name"] for check in report["checks"]] == ["reboot", "tun"]
    assert "by linux?" in report["checks"][0]["seen"]


def test_no_such_check(tmp_path):
    result, _ = doctor(tmp_path, "kvm")
    assert result.returncode == 1 and "there is no check `kvm`" in result.stderr
