# SPDX-License-Identifier: GPL-2.0-or-later
"""Bonds beside the daemons that have the cards in hand, and bonds whose addresses come from a DHCP server."""
import re

import pytest
from harness import wait_until
from manager_documents import networkd, write_networkmanager
from test_bond import EMPTY, has, settle

PLAIN = "version: 1\nbonds:\n  bond0: {ports: [eth7, eth8], primary: eth7}\n"
CARD = ("eth7", "192.0.2.2/24", "192.0.2.1")
LEASED = "version: 1\nbonds:\n  bond0: {ports: [eth7, eth8], addressing: dhcp}\n"
# The card may have nothing of its own to come back to.
RELEASED = EMPTY + "host: {rollback: {probe: none}}\n"
STANDS = ("ip -d link; ip addr; ip route; ip neigh; cat /proc/net/bonding/bond0; bridge -n far fdb; ip -n far neigh; nmcli device; "
          "networkctl --no-pager; kvmhostctl --no-color plan; journalctl --no-pager -n 60 -u NetworkManager -u systemd-networkd")
OURS = "find /etc/systemd/network /etc/NetworkManager -name '*kvmhost*'"


@pytest.fixture(scope="module")
def host(lab):
    """eth7 and eth8 lead to one switch in the namespace `far`, where a DHCP server is."""
    lab.run("systemctl disable -q --now firewalld; ip netns add far && ip -n far link add sw type bridge forward_delay 0 && "
            "ip -n far link set lo up && "
            "for i in 7 8; do ip link add eth$i type veth peer name far$i netns far && ip -n far link set far$i master sw up; "
            "done; ip -n far link set sw up; ip -n far addr add 192.0.2.1/24 dev sw", timeout=120)
    return lab


@pytest.fixture(params=["NetworkManager", "systemd-networkd"])
def manager(host, request):
    # By its socket networkd would be started again.
    other = {"NetworkManager": "systemd-networkd.socket systemd-networkd", "systemd-networkd": "NetworkManager"}[request.param]
    host.run(f"systemctl stop {other}; systemctl start {request.param}", timeout=90)
    yield request.param
    # Without a carrier networkd would not set up the next test's card.
    host.run("for i in 7 8; do ip -n far link set far$i up; done; systemctl stop dhcp-server 2>/dev/null", check=False)
    settle(host, RELEASED, "--allow-mass-removal")


def pings(host):
    return host.run("ping -n -q -c 1 -W 2 192.0.2.1", check=False).rc == 0


def reaches(host, how):
    """A failure that shows how all stood."""
    try:
        wait_until(lambda: pings(host), 20, f"a ping {how}", 0.5)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{host.run(STANDS, check=False).stdout}") from None


def works_by_either_leg(host):
    reaches(host, "by both legs")
    for leg in ("far7", "far8"):
        host.run(f"ip -n far link set {leg} down")
        reaches(host, f"without {leg}")
        host.run(f"ip -n far link set {leg} up")
        wait_until(lambda: "MII Status: down" not in host.read("/proc/net/bonding/bond0"), 10, "both legs")


def test_its_manager_leaves_it_alone_and_has_it_again(host, manager):
    if manager == "NetworkManager":
        write_networkmanager(host, *CARD, ipv6=False)
        host.run("nmcli connection reload")
        wait_until(lambda: host.run("nmcli connection up eth7", check=False).rc == 0, 30, "eth7 known to it", 0.5)
    else:
        host.write("/etc/systemd/network/10-eth7.network", networkd(*CARD))
        host.run("networkctl reload")
    wait_until(lambda: has(host, "eth7", "192.0.2.2/24") and has(host, "eth7", "default via 192.0.2.1"), 30, "eth7 set up")
    settle(host, PLAIN)
    for provoke in ("true", f"systemctl restart {manager}; sleep 3"):
        host.run(provoke, timeout=90)
        assert has(host, "bond0", "192.0.2.2/24") and has(host, "bond0", "default via 192.0.2.1")
        assert not has(host, "eth7", "192.0.2.")
        assert host.ctl("plan", check=False).rc == 0
        works_by_either_leg(host)
    settle(host, RELEASED, "--allow-mass-removal")
    wait_until(lambda: has(host, "eth7", "192.0.2.2/24") and has(host, "eth7", "default via 192.0.2.1"), 30, "eth7 as before")
    assert host.run(OURS).stdout == "" and pings(host)
    host.run("rm -f /etc/systemd/network/10-eth7.network; nmcli connection delete eth7 2>/dev/null; ip addr flush dev eth7")


def test_a_lease_for_the_bond(host, manager):
    host.run("ip link set eth7 up; ip link set eth8 up; systemd-run -q --collect --unit=dhcp-server "
             "ip netns exec far dnsmasq -k -C /dev/null --port=0 --interface=sw --bind-interfaces --leasefile-ro "
             "--dhcp-range=192.0.2.100,192.0.2.150,1h")
    settle(host, LEASED)
    assert re.search(r"inet 192\.0\.2\.1[0-5]\d/", host.run("ip -o -4 addr show bond0").stdout)
    wait_until(lambda: has(host, "bond0", "default via 192.0.2.1"), 20, "the lease's route")
    assert not has(host, "eth7", "inet 192.0.2.") and not has(host, "eth8", "inet 192.0.2.")
    works_by_either_leg(host)
    clients = host.run("pgrep -a 'dhclient|dhcpcd'", check=False).stdout
    assert ("bond0" in clients) == (manager == "NetworkManager"), clients
    settle(host, RELEASED, "--allow-mass-removal")
    assert not host.exists("/sys/class/net/bond0") and host.run(OURS).stdout == ""
    assert "bond0" not in host.run("pgrep -a 'dhclient|dhcpcd'", check=False).stdout
