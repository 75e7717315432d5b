# SPDX-License-Identifier: GPL-2.0-or-later
"""`addressing: dhcp`: a bridge asks for what its card had, by the machine's own client or by a unit of ours."""
import json

import pytest
from documents import EMPTY, put, settle
from harness import INSTANT, Pings, wait_until
from manager_documents import ifupdown, networkd, write_networkmanager
from test_managers import BRIDGE, addresses, flap, machine  # noqa: F401 a fixture

DHCP = "version: 1\nbridges:\n  br0: {ports: [eth0], addressing: dhcp}\n"
# The card may have nothing of its own to come back to.
RELEASED = "version: 1\nhost: {rollback: {probe: none}}\n"
INHERIT = DHCP.replace("dhcp", "inherit")
SERVER = """\
[Unit]
DefaultDependencies=no
Before=network-pre.target
[Service]
Type=exec
ExecStart=ip netns exec world dnsmasq -k -C /dev/null -p 0 --leasefile-ro -i eth0 --bind-interfaces --no-ping \\
  --dhcp-range=203.0.113.50,203.0.113.99,255.255.255.0,2m --dhcp-option=3,203.0.113.1 --dhcp-option=58,6 \\
  --dhcp-option=59,60 --log-facility=/run/server.log
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def host(machine):  # noqa: F811
    """A machine whose world hands out 203.0.113.50 to .99 and has leases prolonged every six seconds."""
    machine.write("/etc/systemd/system/server.service", SERVER)
    machine.run("systemctl daemon-reload; systemctl enable --now server")
    return machine


def leased(host, link):
    return next((a for a in addresses(host, link) if a.startswith("203.0.113.") and a != "203.0.113.2/24"), None)


def prolonged(host):
    """The server hears again of the lease, from the bridge, and the card stays empty."""
    before = host.read("/run/server.log").count("DHCPACK")
    wait_until(lambda: host.read("/run/server.log").count("DHCPACK") > before, 30, "a lease prolonged")
    assert addresses(host, "eth0") == []


def on_bridge(host):
    wait_until(lambda: leased(host, "br0"), 30, "a lease on br0")
    assert addresses(host, "eth0") == []
    wait_until(lambda: "default via 203.0.113.1 dev br0" in host.run("ip route").stdout, 30, "a default route")
    assert host.ctl("plan", check=False).rc == 0
    assert host.world.pings(leased(host, "br0").split("/")[0])


def life(host, client):
    settle(host, DHCP)
    on_bridge(host)
    assert client in host.run("networkctl status br0; systemctl list-units 'kvmhost-*'", check=False).stdout
    prolonged(host)
    flap(host)
    on_bridge(host)
    host.run("systemctl add-wants multi-user.target network-online.target")
    host.reboot()
    assert host.run("systemctl is-active kvmhostd network-online.target").stdout.split() == ["active", "active"]
    on_bridge(host)
    settle(host, RELEASED, "--allow-mass-removal")
    assert "kvmhost-dh" not in host.run("systemctl list-units --all --no-legend --plain 'kvmhost-dh*' --state=active").stdout


def refused(host, manager):
    """Nothing was touched, nor told: no file of ours, and the manager runs on undisturbed."""
    put(host, INHERIT)
    moment = "systemctl show -P InvocationID -P StateChangeTimestampMonotonic " + manager
    before = host.run(moment).stdout
    was = leased(host, "eth0")
    done = host.ctl("apply", check=False)
    assert done.rc == 1 and f"by {manager}.service" in done.stderr + done.stdout, done
    assert "write addressing: dhcp" in done.stdout + done.stderr + host.ctl("status", check=False).stdout
    assert leased(host, "eth0") == was and host.run(moment).stdout == before
    assert host.run("find /etc -name '*kvmhost*' -type f ! -path '/etc/kvmhost/*'").stdout == ""
    assert "differs" not in done.stdout + done.stderr and "1 failed" in done.stderr, done


def test_by_networkd(host):
    host.write("/etc/systemd/network/10-eth0.network", networkd("eth0"))
    host.run("systemctl enable --now systemd-networkd")
    wait_until(lambda: leased(host, "eth0"), 30, "a lease on eth0")
    was = leased(host, "eth0")
    refused(host, "systemd-networkd")
    settle(host, DHCP)
    assert leased(host, "br0") == was
    life(host, "0-kvmhost-dhcp.network")
    wait_until(lambda: leased(host, "eth0"), 30, "a lease on eth0 again")


def test_beside_networkmanager(host):
    write_networkmanager(host, "eth0")
    host.run("systemctl enable --now NetworkManager")
    wait_until(lambda: leased(host, "eth0"), 30, "a lease on eth0")
    refused(host, "NetworkManager")
    life(host, "kvmhost-dhcpcd@br0.service")
    wait_until(lambda: leased(host, "eth0"), 30, "a lease on eth0 again")


def test_by_a_client_of_its_own(host):
    host.run("ip link set eth0 up")
    life(host, "kvmhost-dhcpcd@br0.service")
    # another client is as good; none is told before anything is touched
    host.run("mv /usr/sbin/dhcpcd /usr/sbin/dhcpcd.away || mv /sbin/dhcpcd /sbin/dhcpcd.away; ip link set eth0 up")
    settle(host, DHCP)
    assert "kvmhost-dhclient@br0.service" in host.run("systemctl list-units 'kvmhost-*'").stdout
    on_bridge(host)
    prolonged(host)
    settle(host, RELEASED, "--allow-mass-removal")
    host.run("mv /sbin/dhclient /sbin/dhclient.away; ip addr flush eth0; ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    put(host, DHCP)
    done = host.ctl("apply", check=False)
    assert done.rc == 1 and "neither dhcpcd nor dhclient is installed" in done.stdout + done.stderr, done
    assert host.world.pings("203.0.113.2")


def test_somebody_else_asks_for_the_card(host):
    """As ifupdown's `inet dhcp` does; the cure that is told works."""
    host.write("/etc/network/interfaces.d/eth0", ifupdown("eth0"))
    host.run("systemctl start networking", timeout=60)
    was = leased(host, "eth0")
    for document in (INHERIT, DHCP):
        put(host, document)
        done = host.ctl("apply", check=False)
        text = done.stdout + done.stderr + host.ctl("status", check=False).stdout
        assert done.rc == 1 and "dhclient (process " in text and "iface eth0 inet manual" in text, text
        assert leased(host, "eth0") == was and not host.exists("/sys/class/net/br0")
    host.write("/etc/network/interfaces.d/eth0", "iface eth0 inet manual\n")
    host.run("kill $(pgrep dhclient)")
    pings = Pings(host.world, was.split("/")[0])
    settle(host, DHCP)
    on_bridge(host)
    assert leased(host, "br0") == was and pings.lost() <= INSTANT


def test_nobody_answers(host):
    """The card had an address of its own, and has it again."""
    host.run("systemctl stop server; ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    put(host, DHCP)
    done = host.ctl("apply", check=False)
    assert done.rc == 1 and "no DHCP server answered on br0 within 30 s" in done.stdout + done.stderr, done
    assert addresses(host, "eth0") == ["203.0.113.2/24"] and not host.exists("/sys/class/net/br0")
    assert host.world.pings("203.0.113.2")
    assert "active" not in host.run("systemctl is-active kvmhost-dhcpcd@br0", check=False).stdout.split()


ROUTER = ("systemd-run -q --unit=router ip netns exec world dnsmasq -k -C /dev/null -p 0 -i eth0 --bind-interfaces --enable-ra "
          "--dhcp-range=2001:db8:5::,ra-only,64,300 --ra-param=eth0,4,60")


def announced(host, link):
    """{address: seconds that it is valid} of what the kernel made of routers' announcements."""
    found = json.loads(host.run(f"ip -j -6 addr show dev {link} scope global", check=False).stdout or "[]")
    return {a["local"]: a["valid_life_time"] for one in found for a in one.get("addr_info", []) if a.get("dynamic")}


def test_what_a_router_announces(machine):  # noqa: F811
    """The kernel's own addresses and routes move too, live on by what the router says to the bridge, and come back."""
    machine.run("ip link set eth0 up; ip addr add 203.0.113.2/24 dev eth0; "
                "ip -n world addr add 2001:db8:5::1/64 dev eth0 nodad; " + ROUTER)
    wait_until(lambda: announced(machine, "eth0") and "proto ra" in machine.run("ip -6 route show default dev eth0").stdout,
               30, "an advertisement")
    before = list(announced(machine, "eth0"))
    settle(machine, BRIDGE)
    machine.run("systemctl start kvmhostd")
    assert list(announced(machine, "br0")) == before and not announced(machine, "eth0")
    left = []  # what is valid for longer than a moment ago has been heard of again

    def heard():
        left.append(min(announced(machine, "br0").values()))
        return left[-1] > min(left)
    wait_until(heard, 60, "the router's next word, heard by the bridge", 1)
    assert list(announced(machine, "br0")) == before and not announced(machine, "eth0")
    assert machine.ctl("plan", check=False).rc == 0
    assert "drift" not in machine.journal()
    assert "default" in machine.run("ip -6 route show default dev br0").stdout
    assert machine.run("ping -n -q -c 1 -W 2 2001:db8:5::1", check=False).rc == 0
    machine.run("systemctl stop kvmhostd")
    settle(machine, EMPTY, "--allow-mass-removal")
    wait_until(lambda: list(announced(machine, "eth0")) == before, 20, "the card's again")
    wait_until(lambda: "default" in machine.run("ip -6 route show default dev eth0").stdout, 20, "its route")
