# SPDX-License-Identifier: GPL-2.0-or-later
"""A host with two NUMA nodes: a guest's memory, and its hugepages, come from the one that the document names."""
import re
from pathlib import Path

import pytest
from harness import wait_until

HARDWARE = {"warm": False, "nics": 0, "qemu": "-object memory-backend-ram,id=m0,size=1280M -numa node,cpus=0,memdev=m0 "
            "-object memory-backend-ram,id=m1,size=1280M -numa node,cpus=1,memdev=m1"}
DOCUMENT = """\
version: 1
%s
guests:
  web1:
    cpu: {count: 2, pinning: [0, 1]}
    memory: {size: 192MiB%s}
    numa: [%s]
    kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet"}
    shutdown: {timeout: 1s}
    on_change: restart
    restart: no
"""
GUEST = "echo nodes $(cat /sys/devices/system/node/online)\necho guest is up\nwhile :; do sleep 60; done\n"
LOG = "/var/log/kvmhost/web1.console.log"
PAGES = "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/free_hugepages"


@pytest.fixture(scope="module")
def host(lab):
    assert lab.read("/sys/devices/system/node/online") == "0-1\n"
    lab.write("/root/guest", GUEST)
    lab.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    lab.run("nested-initrd /root/guest.img /root/guest virtio_pci && cp /boot/vmlinuz-$(uname -r) /root/vmlinuz", timeout=120)
    return lab


def put(host, nodes, memory="", section=""):
    host.run(f"[ ! -e {LOG} ] || truncate -s 0 {LOG}")
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (section, memory, nodes))


def settle(host, *document):
    put(host, *document)
    host.ctl("apply", timeout=180)
    assert host.ctl("plan").rc == 0
    wait_until(lambda: "guest is up" in host.read(LOG), 240, "the guest is up")
    return host.read(LOG)


def numa_maps(host):
    return host.run("cat /proc/$(pgrep -f '[q]emu.*guest=web1')/numa_maps").stdout


def bound(host):
    """What QEMU's memory is bound to, and how many pages of it are on which of the host's nodes."""
    maps, out = numa_maps(host), {}
    for line in maps.splitlines():
        if policy := re.search(r" bind:(\S+)", line):
            pages = out.setdefault(policy[1], {})
            for node, n in re.findall(r" N(\d)=(\d+)", line):
                pages[node] = pages.get(node, 0) + int(n)
    return out


def hugepages(host):
    """QEMU's own hugepages, by the host's node that they are on."""
    huge = [line for line in numa_maps(host).splitlines() if " huge " in line and "kernelpagesize_kB=2048" in line]
    assert huge and all(" bind:" in line for line in huge), huge
    pages = {}
    for node, n in re.findall(r" N(\d)=(\d+)", "\n".join(huge)):
        pages[node] = pages.get(node, 0) + int(n)
    return pages


@pytest.mark.parametrize("node", ["1", "0"])
def test_memory_is_of_its_node(host, node):
    settle(host, f"{{host_node: {node}}}")
    seen = bound(host)
    assert list(seen) == [node] and list(seen[node]) == [node] and seen[node][node] > 1000, seen


def test_two_nodes_on_two(host):
    said = settle(host, "{host_node: 1, cpus: 0-0}, {host_node: 0, cpus: '1'}")
    assert "nodes 0-1" in said
    seen = bound(host)
    assert set(seen) == {"0", "1"} and all(list(pages) == [node] for node, pages in seen.items()), seen


def test_hugepages_of_its_node(host):
    """Enough are free, but on the other one."""
    pages = "host: {memory: {hugepages: {2MiB: {nodes: {%s}}}}}"
    put(host, "{host_node: 1}", ", hugepages: true", pages % "0: 110")
    refused = host.ctl("apply", check=False, timeout=180)
    said = refused.stdout + refused.stderr
    assert refused.rc == 1 and "takes 96 hugepages of 2048 KiB from NUMA node 1, which has 0 free" in said, said
    assert "hugepages: {2MiB: {nodes: {1: 96}}}" in said and "NUMA node 1" in host.ctl("status", check=False).stdout
    settle(host, "{host_node: 1}", ", hugepages: true", pages % "0: 10, 1: 100")
    assert [int(host.read(PAGES % node)) for node in (0, 1)] == [10, 4]
    assert hugepages(host) == {"1": 96}
    put(host, "{host_node: 1}", "", pages % "0: 0, 1: 0")
    refused = host.ctl("apply", check=False, timeout=180)
    assert refused.rc == 1 and "96 2MiB pages of node1 are in use, and 0 are asked for" in str(refused), refused
    host.ctl("apply", timeout=180)  # the guest was restarted without
    assert [int(host.read(PAGES % node)) for node in (0, 1)] == [0, 0]
