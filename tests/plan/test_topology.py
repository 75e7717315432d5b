# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmhostctl topology over a machine made of files: two nodes, two threads a core, a guest that is pinned."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
import large_machine  # noqa: E402
from large_machine import put  # noqa: E402

CTL = os.environ.get("KVMHOSTCTL", "kvmhostctl")
CPU, NODE = "sys/devices/system/cpu", "sys/devices/system/node"
SPEC = {"format": 1, "name": "web1", "uid": 1899000000, "uuid": "01234567-89ab-8def-8123-456789abcdef",
        "guest": {"cpu": {"count": 2, "pinning": [5, 1]}, "kernel": {"image": "/k"}}, "interfaces": []}


@pytest.fixture
def root(tmp_path):
    machine = large_machine.Machine(tmp_path)
    put(machine.device("pci0000:80/0000:80:02.0", "8086:10C9", "20000", 3, "igb") / "numa_node", "1\n")
    for cpu in range(8):
        node, core = cpu // 4, cpu % 4 // 2
        for key, value in (("physical_package_id", node), ("die_id", 0), ("core_id", core),
                           ("thread_siblings_list", f"{cpu // 2 * 2}-{cpu // 2 * 2 + 1}")):
            put(tmp_path / f"{CPU}/cpu{cpu}/topology/{key}", f"{value}\n")
        for index, (level, size, cpus) in enumerate(((1, "32K", f"{cpu}"), (3, "8192K", f"{node * 4}-{node * 4 + 3}"))):
            for key, value in (("level", level), ("type", "Unified"), ("size", size), ("shared_cpu_list", cpus)):
                put(tmp_path / f"{CPU}/cpu{cpu}/cache/index{index}/{key}", f"{value}\n")
        put(tmp_path / f"{CPU}/cpu{cpu}/node{node}/x", "")
        if cpu:
            put(tmp_path / f"{CPU}/cpu{cpu}/online", f"{int(cpu != 7)}\n")
    for node in range(2):
        put(tmp_path / f"{NODE}/node{node}/meminfo", f"Node {node} MemTotal:  2097152 kB\nNode {node} MemFree:  1048576 kB\n")
        put(tmp_path / f"{NODE}/node{node}/cpulist", f"{node * 4}-{node * 4 + 3}\n")
        put(tmp_path / f"{NODE}/node{node}/distance", "10 21\n" if node == 0 else "21 10\n")
    put(tmp_path / "run/kvmhost/guests/web1/spec.json", json.dumps(SPEC))
    return tmp_path


def ctl(root, *words):
    return subprocess.run([CTL, "--no-color", "--root", root, *words], capture_output=True, text=True, timeout=60, check=True).stdout


def test_json(root):
    told = json.loads(ctl(root, "--json", "topology"))
    assert told["format"] == 1 and [cpu["cpu"] for cpu in told["cpus"]] == list(range(8))
    five = told["cpus"][5]
    assert (five["socket"], five["core"], five["node"], five["threads"], five["online"]) == (1, 0, 1, "4-5", True)
    assert five["guests"] == [{"guest": "web1", "cpu": 0}] and told["cpus"][1]["guests"] == [{"guest": "web1", "cpu": 1}]
    assert five["caches"][-1] == {"level": 3, "type": "Unified", "size": "8192K", "cpus": "4-7"}
    assert not told["cpus"][7]["online"] and told["cpus"][0]["online"]
    assert told["nodes"][1] == {"node": 1, "memory": 2 << 30, "free": 1 << 30, "cpus": "4-7", "distances": "21 10",
                                "devices": ["0000:80:02.0"]}


def test_table(root):
    lines = ctl(root, "topology").splitlines()
    assert lines[2].split() == ["1", "2048", "1024", "4-7", "0000:80:02.0"]
    rows = {line.split()[0]: line.split() for line in lines[5:]}
    assert rows["5"] == ["5", "1", "1", "0", "4-5", "L3", "8192K", "4-7", "web1/0"]
    assert rows["7"][-1] == "offline" and rows["0"][-1] == "-"


def test_a_machine_without_numa(tmp_path):
    put(tmp_path / f"{CPU}/cpu0/topology/core_id", "0\n")
    told = json.loads(ctl(tmp_path, "--json", "topology"))
    assert told["nodes"] == [] and told["cpus"][0]["core"] == 0
