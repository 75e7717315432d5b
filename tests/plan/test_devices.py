# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmhostctl devices and plan over machines made of files: a small one with something of everything, a large one, one
without PCI. Names come from the hwdb of the machine that runs the test, so they are not compared."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
import large_machine  # noqa: E402
from large_machine import link, put  # noqa: E402

CTL = os.environ.get("KVMHOSTCTL", "kvmhostctl")
PORT = "pci0000:00/0000:00:1c.0"


def ctl(root, *words, rc=0):
    done = subprocess.run([CTL, "--no-color", "--root", root, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout if rc == 0 else done.stderr


def inventory(root, *addresses):
    told = json.loads(ctl(root, "--json", "devices", *addresses))
    assert told["format"] == 1
    return told, {device["address"]: device for device in told["devices"]}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An igb with two VFs, one of them in a guest; a NIC with the default route; an NVMe with the root file system;
    two functions in one group."""
    root = tmp_path_factory.mktemp("small")
    machine = large_machine.Machine(root)
    machine.device(PORT, "1B36:000C", "60400", 3, "pcieport")
    pf = machine.device(f"{PORT}/0000:01:00.0", "8086:10C9", "20000", 14, "igb")
    for name, value in (("totalvfs", 7), ("numvfs", 2), ("drivers_autoprobe", 0)):
        put(pf / f"sriov_{name}", f"{value}\n")
    link(root / "sys/class/net/enp1s0", f"../../devices/{PORT}/0000:01:00.0/net/enp1s0")
    for n, driver in ((0, "vfio-pci"), (1, None)):
        vf = machine.device(f"{PORT}/0000:01:10.{n}", "8086:10CA", "20000", 20 + n, driver)
        link(vf / "physfn", "../0000:01:00.0")
        link(pf / f"virtfn{n}", f"../0000:01:10.{n}")
    link(root / "proc/4711/fd/9", "/dev/vfio/20")
    put(root / "proc/4711/comm", "qemu-system-x86\n")
    put(root / "proc/4711/cgroup", "0::/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service\n")
    machine.device("pci0000:00/0000:00:03.0", "1AF4:1041", "20000", 4, "virtio-pci")
    link(root / "sys/class/net/ens3", "../../devices/pci0000:00/0000:00:03.0/virtio0/net/ens3")
    put(root / "proc/net/route", "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "ens3\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
    machine.device("pci0000:00/0000:00:04.0", "8086:0A54", "10802", 5, "nvme")
    link(root / "sys/dev/block/259:1", "../../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1/nvme0n1p1")
    put(root / "proc/self/mountinfo", "22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n")
    machine.device("pci0000:00/0000:00:1a.0", "8086:1C26", "C0320", 6, "ehci-pci")
    machine.device("pci0000:00/0000:00:1a.1", "8086:1C27", "C0320", 6, "ehci-pci")
    return root


def test_small_machine(small):
    told, devices = inventory(small)
    assert told["iommu"] and list(devices) == sorted(devices) and len(devices) == 8
    assert {address: device["state"] for address, device in devices.items()} == {
        "0000:00:03.0": "host", "0000:00:04.0": "host", "0000:00:1a.0": "no", "0000:00:1a.1": "no",
        "0000:00:1c.0": "no", "0000:01:00.0": "no", "0000:01:10.0": "guest", "0000:01:10.1": "free"}
    pf, vf = devices["0000:01:00.0"], devices["0000:01:10.0"]
    assert pf["pf"] == {"total_vfs": 7, "num_vfs": 2, "drivers_autoprobe": False}
    assert pf["interfaces"] == [{"name": "enp1s0"}] and pf["driver"] == "igb" and pf["iommu_group"] == 14
    assert (pf["vendor"]["id"], pf["device"]["id"], pf["class"]["id"]) == ("8086", "10c9", "020000")
    assert vf["vf"] == {"pf": "0000:01:00.0", "number": 0, "settings": None}
    assert vf["held_by"] == {"guest": "web1", "process": 4711}
    assert devices["0000:01:10.1"]["assignable"] and devices["0000:01:10.1"]["why"] is None


def test_domains_above_ffff(tmp_path):
    """What is behind Intel's VMD: /sys as a machine with one has it, with a card in a group of its own. No such machine was there."""
    root = tmp_path / "root"
    machine = large_machine.Machine(root)
    vmd = "pci0000:00/0000:00:0e.0"
    machine.device(vmd, "8086:467F", "10400", 5, "vmd")
    machine.device(f"{vmd}/pci10000:e0/10000:e0:06.0", "8086:464D", "60400", 6, "pcieport")
    card = f"{vmd}/pci10000:e0/10000:e0:06.0/10000:e1:00.0"
    put(machine.device(card, "8086:10C9", "20000", 7, "igb") / "net/enp1s0/address", "02:00:00:00:00:01\n")
    link(root / "sys/class/net/enp1s0", f"../../devices/{card}/net/enp1s0")
    _, devices = inventory(root)
    assert sorted(devices) == ["0000:00:0e.0", "10000:e0:06.0", "10000:e1:00.0"]
    _, one = inventory(root, "10000:e1:00.0")
    assert one["10000:e1:00.0"]["interfaces"] == [{"name": "enp1s0"}] and one["10000:e1:00.0"]["assignable"], one
    put(tmp_path / "host.yaml", 'version: 1\ndevices:\n  nic: {address: "10000:e1:00.0"}\n'
        'guests:\n  web1: {memory: {size: 64MiB}, kernel: {image: /k}, devices: [nic]}\n')
    ctl(root, "--config", str(tmp_path / "host.yaml"), "check")
    told = subprocess.run([CTL, "--json", "--config", str(tmp_path / "host.yaml"), "--root", root, "plan"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 2, told
    assert {"device/nic", "guest/web1"} <= {step["resource"] for step in json.loads(told.stdout)["steps"]}, told.stdout


def test_why_not(small):
    _, devices = inventory(small)
    assert "default route" in devices["0000:00:03.0"]["why"]
    assert "root file system" in devices["0000:00:04.0"]["why"]
    assert "bridge" in devices["0000:00:1c.0"]["why"]
    assert "group 6 also holds 0000:00:1a.1 (ehci-pci)" in devices["0000:00:1a.0"]["why"]
    assert all(device["cure"] for device in devices.values() if not device["assignable"])


def test_for_people(small):
    lines = ctl(small, "devices").splitlines()
    assert lines[0].split() == ["ADDRESS", "ID", "GROUP", "NODE", "DRIVER", "LINK", "STATE", "DEVICE"]
    assert len({line.index(word) for line in lines[:1] for word in ["STATE"]}) == 1
    column = lines[0].index("STATE")
    assert {line[column:].split("  ")[0] for line in lines[1:]} == {"host", "no", "guest web1", "free"}
    assert any("VF 1 of 0000:01:00.0" in line for line in lines) and any("2 of 7 VFs" in line for line in lines)
    tree = ctl(small, "devices", "--tree")
    group = tree.index("group 6\n")
    assert tree.index("group 5\n") < group < tree.index("0000:00:1a.0") < tree.index("0000:00:1a.1") < tree.index("group 14\n")


def test_one_of_them(small):
    told = ctl(small, "devices", "01:10.0")
    for line in ("  driver       vfio-pci", "  IOMMU group  20", "  VF           0 of 0000:01:00.0",
                 "  held by      guest web1"):
        assert line in told.splitlines(), told
    _, devices = inventory(small, "0000:00:1a.1")
    assert list(devices) == ["0000:00:1a.1"]
    assert "there is no device `07:00.0`" in ctl(small, "devices", "07:00.0", rc=1)


def test_without_iommu_or_pci(small, tmp_path):
    _, devices = inventory(tmp_path)
    assert devices == {}
    assert ctl(tmp_path, "devices").count("\n") == 1 and ctl(tmp_path, "devices", "--tree") == ""
    machine = large_machine.Machine(tmp_path / "bare")
    here = machine.device("pci0000:00/0000:00:05.0", "8086:10D3", "20000", 1, "e1000e")
    (here / "iommu_group").unlink()
    subprocess.run(["rm", "-r", tmp_path / "bare/sys/kernel"], check=True)
    told, devices = inventory(tmp_path / "bare")
    assert not told["iommu"] and devices["0000:00:05.0"]["iommu_group"] is None
    assert not devices["0000:00:05.0"]["assignable"] and "IOMMU" in devices["0000:00:05.0"]["why"]
    assert "in no group" in ctl(tmp_path / "bare", "devices", "--tree")


def test_large_machine(tmp_path):
    machine = large_machine.make(tmp_path)
    pfs, vfs = large_machine.PFS, large_machine.PFS * large_machine.VFS
    assert len(machine.groups) >= 2000
    assert ctl(tmp_path, "plan") == f"{pfs} resources wanted: nothing to do\n"
    _, devices = inventory(tmp_path)
    assert len(devices) == 2 * pfs + vfs
    assert sum(device["vf"] is not None for device in devices.values()) == vfs
    assert sum(device["state"] == "free" for device in devices.values()) == vfs
    last = devices[f"0000:{pfs:02x}:17.7"]
    assert last["vf"]["number"] == 63 and last["vf"]["pf"] == f"0000:{pfs:02x}:00.0"
    assert ctl(tmp_path, "devices", "--tree").count("\ngroup ") == len(machine.groups) - 1
