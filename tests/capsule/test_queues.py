# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces of guests with several queues and packets of another size, as QEMU and the guest's kernel see them."""
import pytest
from documents import GUEST, put, settle

SOCKET = "/run/kvmhost/guests/web1/console.sock"
NIC = '{network: default, mac: "52:54:00:1a:b3:4a"}'


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.uplink()
    return capsule


def document(*options):
    return GUEST.replace("memory: {size: 192MiB}", "memory: {size: 192MiB}\n    cpu: {count: 2}").replace(
        NIC, NIC[:-1] + "".join(", " + option for option in options) + "}")


def flags(host):
    return host.read("/sys/class/net/web1-tap0/tun_flags").strip()


def test_two_queues_and_a_smaller_mtu(host):
    assert NIC in GUEST
    settle(host, document("queues: 2", "mtu: 1400", "rx_queue_size: 512"))
    console = host.console(SOCKET)
    console.ready(120)
    assert console.run("ls -d /sys/class/net/eth0/queues/rx-* | wc -l").strip() == "2"
    assert console.run("cat /sys/class/net/eth0/mtu").strip() == "1400"
    assert "mtu 1400" in host.run("ip link show web1-tap0").stdout
    console.run("ping -c 2 -W 3 -s 1372 192.168.122.1")
    console.close()
    assert int(flags(host), 16) & 0x0100, "IFF_MULTI_QUEUE"
    assert host.run("ls /sys/class/net/web1-tap0/queues | grep -c rx-").stdout == "2\n"
    # one queue again is another tap, for which the guest has to stop
    put(host, document())
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "the guest to be restarted" in plan.stdout, plan
    changes = [line.split()[0] for line in plan.stdout.splitlines() if line.startswith("      interfaces")]
    assert sorted(changes) == [f"interfaces[0].{key}" for key in ("mtu", "queues", "rx_queue_size")] and "waits for a restart" in plan.stdout, plan
    host.ctl("apply", check=False)
    host.ctl("guest", "stop", "web1", timeout=120)
    settle(host, document())
    assert not int(flags(host), 16) & 0x0100
    host.ctl("guest", "start", "web1")
    console = host.console(SOCKET, 30)
    console.ready(120)
    assert console.run("ls -d /sys/class/net/eth0/queues/rx-* | wc -l").strip() == "1"
    console.run("ping -c 2 -W 3 192.168.122.1")
    console.close()
    assert host.ctl("plan", check=False).rc == 0
