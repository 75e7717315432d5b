# SPDX-License-Identifier: GPL-2.0-or-later
"""Reboots of a machine whose card is in a bridge: as before where nobody confirmed it, else the same, in time for others."""
import pytest
from harness import wait_until

OLD = "version: 1\nbridges:\n  brm: {addressing: [192.0.2.1/24]}\n"
NEW = OLD + "  br0: {ports: [%s]}\n"
# What is there when others may count on the network.
ONLINE = """\
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
ExecStart=sh -c 'ip -o -4 addr show br0 >/run/at-online'
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def host(lab):
    lab.nic = lab.run("ip -o link | sed -n '/52:54:00:1a:b1:01/s/^[0-9]*: \\([^:@]*\\).*/\\1/p'").stdout.strip()
    lab.write("/etc/network/interfaces", f"auto lo\niface lo inet loopback\nauto {lab.nic}\niface {lab.nic} inet static\n"
                                         "    address 10.101.0.50/24\n    gateway 10.101.0.2\n")
    lab.write("/etc/systemd/system/online.service", ONLINE)
    lab.run(f"ifup {lab.nic}; systemctl enable -q kvmhostd online networking", timeout=120)
    lab.write("/etc/kvmhost/host.yaml", OLD)
    lab.ctl("apply")
    return lab


def up(host):
    wait_until(lambda: host.run("systemctl is-active kvmhostd", check=False).stdout == "active\n", 120, "kvmhostd", 1)


def addresses(host, link):
    return host.run(f"ip -o -4 addr show {link}", check=False).stdout


def pings(host):
    return wait_until(lambda: host.run("ping -n -q -c 1 -W 2 10.101.0.2", check=False).rc == 0, 20, "the gateway", 1)


def test_unconfirmed_when_its_power_fails(host):
    host.write("/etc/kvmhost/host.yaml", NEW % host.nic)
    host.run("systemd-run --quiet --unit=trial kvmhostctl apply --confirm 900s")
    wait_until(lambda: "10.101.0.50" in addresses(host, "br0"), 60, "the bridge", 0.5)
    pings(host)
    host.power_cut()
    up(host)
    assert "10.101.0.50" in addresses(host, host.nic) and "192.0.2.1" in addresses(host, "brm")
    assert "br0" not in host.run("ip -o link").stdout
    status = host.ctl("status", check=False).stdout
    assert "held" in status and "the machine was rebooted before anybody confirmed it" in status, status
    pings(host)


def test_the_same_after_a_reboot_in_time_for_others(host):
    host.ctl("apply")  # said by a person, it is tried again
    assert "10.101.0.50" in addresses(host, "br0")
    host.reboot()
    up(host)
    wait_until(lambda: host.exists("/run/at-online"), 120, "network-online.target", 1)
    assert "10.101.0.50" in host.read("/run/at-online")
    assert "10.101.0.50" in addresses(host, "br0") and "master br0" in host.run(f"ip -o link show {host.nic}").stdout
    assert "default via 10.101.0.2 dev br0" in host.run("ip route").stdout
    assert host.ctl("plan", check=False).rc == 0
    pings(host)
