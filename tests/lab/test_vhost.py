# SPDX-License-Identifier: GPL-2.0-or-later
"""vhost-net, a module here: loaded by the document, under a guest's traffic, off for one interface, off for the host."""
from pathlib import Path

import pytest
from harness import wait_until

DOCUMENT = """\
version: 1
%s
networks:
  default: {mode: nat, bridge: virbr0, addresses: [192.168.122.1/24]}
guests:
  web1:
    memory: {size: 192MiB}
    kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet"}
    interfaces: [{network: default%s}]
    shutdown: {timeout: 1s}
"""
GUEST = """\
ip link set eth0 up; ip addr add 192.168.122.10/24 dev eth0; echo guest is up; while :; do sleep 60; done
"""


@pytest.fixture(scope="module")
def host(lab):
    lab.write("/root/guest", GUEST)
    lab.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    lab.run("nested-initrd /root/guest.img /root/guest virtio_pci virtio_net && cp /boot/vmlinuz-$(uname -r) /root/vmlinuz",
            timeout=120)
    return lab


def put(host, line="", interface=""):
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (line, interface))


def uses_vhost(host):
    """Of the running guest, which answers: whether its QEMU has vhost-net open and the kernel works for it."""
    wait_until(lambda: host.run("ping -n -q -c 1 -W 2 192.168.122.10", check=False).rc == 0, 90, "an answer of the guest")
    pid = host.run("pgrep -f '[q]emu.*guest=web1'").stdout.split()[0]
    held = "/dev/vhost-net" in host.run(f"ls -l /proc/{pid}/fd").stdout
    worker = host.run(f"ps -eLo comm | grep -x vhost-{pid}", check=False).rc == 0
    assert held == worker
    return held


def test_loaded_and_used(host):
    assert not host.loaded("vhost_net")
    put(host, "host: {vhost_net: true}")
    host.ctl("apply", timeout=180)
    assert host.loaded("vhost_net")
    assert "vhost_net" in host.read("/etc/modules-load.d/kvmhost.conf")
    assert uses_vhost(host)
    assert host.ctl("plan").rc == 0


def test_off_for_one_interface(host):
    put(host, "host: {vhost_net: true}", ", vhost: false")
    host.ctl("apply")
    assert "guest restart web1" in host.ctl("plan", check=False).stdout, "it waits for the guest"
    assert uses_vhost(host)
    host.ctl("guest", "restart", "web1", timeout=180)
    assert not uses_vhost(host)
    assert host.ctl("plan").rc == 0


def test_off_for_the_host_while_a_guest_uses_it(host):
    put(host, "host: {vhost_net: true}")
    host.ctl("apply")
    host.ctl("guest", "restart", "web1", timeout=180)
    assert uses_vhost(host)
    put(host, "host: {vhost_net: false}")
    host.ctl("apply")
    assert host.loaded("vhost_net"), "it is in use"
    plan = host.ctl("plan", check=False).stdout
    assert "module/vhost_net" in plan and "guest restart web1" in plan, plan
    host.ctl("guest", "restart", "web1", timeout=180)
    assert not uses_vhost(host)
    host.ctl("apply")
    assert not host.loaded("vhost_net")
    assert host.run("modprobe vhost_net", check=False).rc != 0
    assert host.ctl("plan").rc == 0


def test_asked_for_where_it_cannot_be_had(host):
    put(host, "host: {vhost_net: false}", ", vhost: true")
    host.ctl("apply")
    r = host.ctl("guest", "restart", "web1", check=False, timeout=180)
    assert r.rc != 0
    status = host.ctl("status", "guest/web1", check=False)
    assert "/dev/vhost-net" in r.stderr + status.stdout, r.stderr + status.stdout


def test_left_out_it_is_used_where_the_machine_has_it(host):
    put(host)
    host.ctl("apply", timeout=180)
    host.ctl("guest", "restart", "web1", timeout=180)
    assert uses_vhost(host)
    assert not host.exists("/etc/modprobe.d/zz-kvmhost.conf") or "vhost" not in host.read("/etc/modprobe.d/zz-kvmhost.conf")
