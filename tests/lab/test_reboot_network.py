# SPDX-License-Identifier: GPL-2.0-or-later
"""Reboots of a machine whose card is in a bridge: as before where nobody confirmed it, else the same, in time for others."""
import pytest
from harness import wait_until
from manager_documents import ifupdown, networkd, write_networkmanager

OLD = "version: 1\nbridges:\n  brm: {addressing: [192.0.2.1/24]}\n"
NEW = OLD + "  br0: {ports: [%s]}\n"
GATEWAY = "10.101.0.2"
ADDRESS = "10.101.0.50/24"
# What is there when others may count on the network.
ONLINE = """\
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
Type=oneshot
ExecStart=sh -c '(ip -o -4 addr show br0; ip route) >/run/at-online.part 2>&1; mv /run/at-online.part /run/at-online'
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture(scope="module")
def host(lab):
    """The card is ifupdown's and nobody else's."""
    lab.nic = lab.run("ip -o link | sed -n '/52:54:00:1a:b1:01/s/^[0-9]*: \\([^:@]*\\).*/\\1/p'").stdout.strip()
    lab.run("systemctl disable -q --now NetworkManager NetworkManager-wait-online firewalld; "
            f"ip addr flush dev {lab.nic}", timeout=120)
    lab.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\n" + ifupdown(lab.nic, ADDRESS, GATEWAY))
    lab.write("/etc/systemd/system/online.service", ONLINE)
    lab.run(f"ifup {lab.nic} && systemctl enable -q networking kvmhostd online", timeout=120)
    lab.write("/etc/kvmhost/host.yaml", OLD)
    lab.ctl("apply")
    lab.run("sync")  # the administrator's own files
    assert addresses(lab, lab.nic) == ADDRESS + "\n" and pings(lab)
    return lab


def addresses(host, link):
    return host.run(f"ip -o -4 addr show {link} | sed 's/.* inet \\([^ ]*\\).*/\\1/'", check=False).stdout


def up(host):
    """kvmhostd is, and so is the network."""
    wait_until(lambda: host.run("systemctl is-active kvmhostd", check=False).stdout == "active\n", 120, "kvmhostd", 1)
    wait_until(lambda: host.exists("/run/at-online"), 120, "network-online.target", 1)


def pings(host):
    return wait_until(lambda: host.run(f"ping -n -q -c 1 -W 2 {GATEWAY}", check=False).rc == 0, 20, "the gateway", 1)


def in_bridge(host):
    assert addresses(host, "br0") == ADDRESS + "\n" and addresses(host, host.nic) == ""
    assert "master br0" in host.run(f"ip -o link show {host.nic}").stdout
    assert f"default via {GATEWAY} dev br0" in host.run("ip route").stdout
    assert pings(host)


def begin(host, command):
    """The bridge in the document; what applies it is told in /root/trial."""
    host.write("/etc/kvmhost/host.yaml", NEW % host.nic)
    host.run("sync; systemctl stop kvmhostd; rm -f /root/trial; systemd-run -q --collect --unit=trial "
             f"-p StandardOutput=append:/root/trial -p StandardError=append:/root/trial {command}")


def as_before(host, reason):
    up(host)
    assert addresses(host, host.nic) == ADDRESS + "\n" and addresses(host, "brm") == "192.0.2.1/24\n"
    assert "br0" not in host.run("ip -o link").stdout
    assert f"default via {GATEWAY} dev {host.nic}" in host.run("ip route").stdout
    status = host.ctl("status", check=False).stdout
    assert "held" in status and reason in status, status
    assert host.ctl("confirm", check=False).rc == 1
    assert pings(host)


@pytest.mark.parametrize("how", ["power_cut", "reboot"])
def test_nobody_confirmed_it_before(host, how):
    begin(host, "kvmhostctl apply --confirm 900s")
    wait_until(lambda: "kvmhostctl confirm" in host.read("/root/trial"), 60, "the wait to be confirmed", 0.5)
    in_bridge(host)
    getattr(host, how)()
    as_before(host, "before anybody confirmed it")


def test_power_fails_in_the_middle_of_the_change(host):
    """The bridge has the card's address, and so has the card still."""
    begin(host, "strace -f -qq -o /dev/null -e trace=sendmsg,sendto -e inject=sendmsg,sendto:signal=STOP:when=1+ kvmhostctl apply")
    for _ in range(200):
        if addresses(host, "br0") == addresses(host, host.nic) == ADDRESS + "\n":
            break
        host.run("systemctl kill -s CONT trial")
    else:
        pytest.fail("never half done")
    host.power_cut()
    as_before(host, "it was cut off while it was applied")


def in_time(host, manager):
    """Booted once more, whoever waited for the network found the bridge with the card's address and way out."""
    in_bridge(host)
    host.reboot()
    up(host)
    then = host.read("/run/at-online")
    assert ADDRESS in then and f"default via {GATEWAY} dev br0" in then, then
    moment = lambda unit: int(host.run(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}").stdout)  # noqa: E731
    assert 0 < moment(manager) < moment("kvmhostd") < moment("network-online.target")
    in_bridge(host)
    assert host.ctl("plan", check=False).rc == 0


def test_the_same_after_a_reboot_in_time_for_others(host):
    host.write("/etc/kvmhost/host.yaml", NEW % host.nic)
    host.ctl("apply")  # said by a person, it is tried again
    in_time(host, "networking")


@pytest.mark.parametrize("manager", ["systemd-networkd", "NetworkManager"])
def test_the_same_beside_a_manager(host, manager):
    """It has the card in hand before, leaves it alone through the boot, and has it again in the end."""
    host.write("/etc/kvmhost/host.yaml", OLD)
    host.ctl("apply")
    host.write("/etc/network/interfaces", "auto lo\niface lo inet loopback\n")
    host.run(f"systemctl disable -q --now networking; ip addr flush dev {host.nic}", timeout=120)
    if manager == "NetworkManager":
        write_networkmanager(host, host.nic, ADDRESS, GATEWAY, ipv6=False)
    else:
        host.write("/etc/systemd/network/10-wired.network", networkd(host.nic, ADDRESS, GATEWAY))
    host.run(f"systemctl enable -q {manager} {manager}-wait-online && systemctl start {manager}", timeout=120)
    has_it = lambda: addresses(host, host.nic) == ADDRESS + "\n"  # noqa: E731
    wait_until(lambda: has_it() and pings(host), 60, f"{host.nic} set up by {manager}", 1)
    host.write("/etc/kvmhost/host.yaml", NEW % host.nic)
    host.ctl("apply")
    in_time(host, manager)
    host.write("/etc/kvmhost/host.yaml", OLD)
    host.ctl("apply")
    wait_until(has_it, 60, f"{host.nic} {manager}'s again", 1)
    host.run(f"rm -f /etc/systemd/network/10-wired.network /etc/NetworkManager/system-connections/{host.nic}.nmconnection; "
             f"systemctl disable -q --now {manager} {manager}-wait-online; ip addr flush dev {host.nic}", timeout=120)
