# SPDX-License-Identifier: GPL-2.0-or-later
"""The /sys of a large machine as files: 64 PFs of 64 VFs each behind 64 ports, 2,112 IOMMU groups. Any root directory
with it can be planned against and listed (kvmhostctl --root)."""
import json
from pathlib import Path

PFS, VFS = 64, 64


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


class Machine:
    def __init__(self, root):
        self.root, self.sys, self.groups = Path(root), Path(root) / "sys", set()

    def device(self, path, ids, kind, group, driver=None):
        """A function at `path` below sys/devices; its directory."""
        address, here = path.rsplit("/", 1)[1], self.sys / "devices" / path
        vendor, device = ids.split(":")
        put(here / "uevent", (f"DRIVER={driver}\n" if driver else "") +
            f"PCI_CLASS={kind}\nPCI_ID={ids}\nPCI_SUBSYS_ID=15B3:0016\nPCI_SLOT_NAME={address}\n"
            f"MODALIAS=pci:v0000{vendor}d0000{device}sv000015B3sd00000016bc{kind[:-4]:0>2}sc{kind[-4:-2]}i{kind[-2:]}\n")
        put(here / "numa_node", f"{int(address.split(':')[1], 16) % 2}\n")
        put(here / "driver_override", "(null)\n")
        link(here / "iommu_group", f"../../../../kernel/iommu_groups/{group}")
        link(self.sys / "bus/pci/devices" / address, f"../../../devices/{path}")
        link(self.sys / f"kernel/iommu_groups/{group}/devices" / address, f"../../../../devices/{path}")
        if driver:
            link(here / "driver", f"../../../../bus/pci/drivers/{driver}")
            link(self.sys / "bus/pci/drivers" / driver / address, f"../../../../devices/{path}")
        self.groups.add(group)
        return here

    def pf(self, i):
        bus, port = f"{i + 1:02x}", f"pci0000:00/0000:00:{2 + i // 8:02x}.{i % 8}"
        self.device(port, "8086:2F04", "60400", 10000 + i, "pcieport")
        pf = self.device(f"{port}/0000:{bus}:00.0", "15B3:101B", "20000", i, "mlx5_core")
        for name, value in (("totalvfs", VFS), ("numvfs", VFS), ("drivers_autoprobe", 0)):
            put(pf / f"sriov_{name}", f"{value}\n")
        put(pf / f"net/ens{i}/address", f"02:00:00:00:00:{i:02x}\n")
        link(self.sys / f"class/net/ens{i}", f"../../devices/{port}/0000:{bus}:00.0/net/ens{i}")
        for n in range(VFS):
            address = f"0000:{bus}:{0x10 + n // 8:02x}.{n % 8}"
            vf = self.device(f"{port}/{address}", "15B3:101C", "20000", 1000 + i * VFS // 2 + n // 2)
            link(vf / "physfn", f"../0000:{bus}:00.0")
            link(pf / f"virtfn{n}", f"../{address}")


def document():
    return "version: 1\nsriov:\n" + "".join(
        f'  card{i}: {{device: {{address: "0000:{i + 1:02x}:00.0"}}, max_vfs: {VFS}}}\n' for i in range(PFS))


def record():
    """As if the document had been applied there."""
    before = {"max_vfs": 0, "drivers_autoprobe": True}
    return {"format": 1, "resources": {
        f"sriov/card{i}": {"before": {"device": {"address": f"0000:{i + 1:02x}:00.0"}, **before}, "after": []}
        for i in range(PFS)}}


def make(root):
    machine = Machine(root)
    for i in range(PFS):
        machine.pf(i)
    put(machine.root / "sys/firmware/acpi/tables/DMAR", "")
    put(machine.root / "proc/interrupts", "  0:  2  IR-IO-APIC  2-edge  timer\n")
    put(machine.root / "var/lib/kvmhost/record.json", json.dumps(record()))
    put(machine.root / "etc/kvmhost/host.yaml", document())
    (machine.root / "etc/kvmhost/host.yaml").chmod(0o644)
    return machine
