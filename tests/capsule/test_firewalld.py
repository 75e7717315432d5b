# SPDX-License-Identifier: GPL-2.0-or-later
"""firewalld, with each of its backends: our bridges have a place in it, guests are served and get out."""
import json

import pytest
from documents import EMPTY, put, settle
from harness import wait_until
from test_dhcp import LEASE, client

BACKENDS = ["nftables", "iptables"]  # firewalld's; ours is chosen by `auto`
SERVED = """\
version: 1
networks:
  default:
    bridge: virbr0
    addresses: [192.168.122.1/24]
    dhcp: {range: [192.168.122.100, 192.168.122.200]}
    dns: {domain: guests.internal}
    forwards: [{host_port: 8080, to: "192.168.122.10:80"}]
  open: {mode: routed, bridge: virbr2, addresses: [10.10.0.1/24]}
  lab: {mode: isolated, bridge: virbr1, addresses: [10.9.0.1/24], dhcp: {range: [10.9.0.2, 10.9.0.254]}}
"""


@pytest.fixture(scope="module")
def host(capsule):
    backend, capsule.backend = capsule.backend, None
    capsule.write("/usr/local/bin/lease", LEASE, 0o755)
    capsule.run("rm -f /etc/resolv.conf; echo nameserver 203.0.113.1 >/etc/resolv.conf")
    capsule.run(f"sed -i 's/^FirewallBackend=.*/FirewallBackend={backend}/' /etc/firewalld/firewalld.conf")
    capsule.run("systemctl start firewalld", timeout=90)
    capsule.world = capsule.uplink()
    capsule.world.serve(80)
    capsule.world.run("ip route add 10.10.0.0/24 via 203.0.113.2; ip route add 192.168.122.0/24 via 203.0.113.2")
    capsule.before = zones(capsule)
    settle(capsule, SERVED)
    assert zones(capsule) == "kvmhost\n  interfaces: virbr0 virbr1 virbr2\n"
    return capsule


def zones(host):
    """Those with interfaces; newer ones name the default zone as well, whatever it has."""
    said = host.run("firewall-cmd --get-active-zones").stdout.splitlines()
    return "".join(f"{zone.split(' ')[0]}\n  {' '.join(['interfaces:', *sorted(has.split()[1:])])}\n"
                   for zone, has in zip(said, said[1:]) if has.startswith("  interfaces:"))


def dropped(host):
    return json.loads(host.ctl("--json", "status", check=False).stdout)["dropped_by_others"]


def passes(host):
    """All that a network is for, by packets."""
    guest = client(host, "guest")
    try:
        assert guest.ask(host.world.address, 80) == "203.0.113.2", "no way out, or not masqueraded"
        assert guest.run("busybox nslookup guest.guests.internal 192.168.122.1", check=False).rc == 0 or \
            "NXDOMAIN" in guest.run("busybox nslookup nobody.guests.internal 192.168.122.1", check=False).stdout
        assert guest.pings("192.168.122.1")
        # the host's other services stay behind firewalld
        assert guest.ask("192.168.122.1", 8000, timeout=1) == ""
        assert not host.world.pings(guest.address), "somebody came in from outside"
    finally:
        host.unplug("guest")
    assert client(host, "inside", "virbr1").pings("10.9.0.1")
    host.unplug("inside")
    server = host.client("server", "virbr0", "192.168.122.10/24", "192.168.122.1")
    server.serve(80)
    try:
        assert host.world.ask("203.0.113.2", 8080) == "203.0.113.1", "the forward"
    finally:
        host.unplug("server")
    reachable = host.client("open", "virbr2", "10.10.0.2/24", "10.10.0.1")
    try:
        assert host.world.pings("10.10.0.2") and reachable.pings(host.world.address)
    finally:
        host.unplug("open")
    return True


def test_guests_are_served_and_get_out(host):
    host.run("systemd-run -q --collect --unit=own socat TCP4-LISTEN:8000,reuseaddr,fork SYSTEM:'echo reached'")
    wait_until(lambda: ":8000 " in host.run("ss -ltn").stdout, what="a service of the host's")
    assert passes(host) and not dropped(host)
    host.run("systemctl stop own")


def test_a_reload_keeps_it(host):
    for how in ("--reload", "--complete-reload"):
        host.run(f"firewall-cmd {how}", timeout=90)
        host.ctl("apply")  # firewalld's iptables backend takes all rules out, ours as well
        assert host.ctl("plan").rc == 0 and passes(host)


def test_what_a_restart_forgot_is_put_back_by_event(host):
    host.run("systemctl start kvmhostd")
    try:
        host.run("systemctl restart firewalld", timeout=90)
        wait_until(lambda: "virbr0" in zones(host) and host.ctl("plan", check=False).rc == 0, 30, "the zone again")
        assert passes(host)
        host.run("firewall-cmd --zone=kvmhost --remove-interface=virbr0")
        wait_until(lambda: "virbr0" in zones(host), 30, "the interface that was taken out")
        host.run("firewall-cmd --reload", timeout=90)
        wait_until(lambda: host.ctl("plan", check=False).rc == 0, 30, "all after a reload")
        assert passes(host)
    finally:
        host.run("systemctl stop kvmhostd")


def test_somebodys_own_zone_for_a_bridge_stays(host):
    host.run("firewall-cmd --zone=work --change-interface=virbr0")
    assert host.ctl("plan").rc == 0
    found = dropped(host)
    assert {(one["network"], one["owner"]) for one in found} == {("default", "firewalld")}, found
    host.run(found[0]["cure"].split(",")[0])
    assert "kvmhost" in host.run("firewall-cmd --get-zone-of-interface=virbr0").stdout
    assert not dropped(host) and host.ctl("plan").rc == 0


def test_released(host):
    settle(host, SERVED.replace("  lab:", "  #lab:"))
    assert "virbr1" not in zones(host) and "virbr2" in zones(host)
    settle(host, EMPTY, "--allow-mass-removal")
    assert zones(host) == host.before
    settle(host, SERVED)


def test_a_firewalld_that_does_not_know_the_zone(host):
    zone = "/usr/lib/firewalld/zones/kvmhost.xml"
    settle(host, EMPTY, "--allow-mass-removal")
    host.run(f"mv /usr/lib/firewalld/policies/kvmhost-into.xml /root; mv {zone} /root; systemctl restart firewalld", timeout=90)
    put(host, SERVED)
    said = host.ctl("apply", check=False)
    assert "waits for firewalld to know the zone kvmhost: firewall-cmd --reload" in host.ctl("plan", check=False).stdout, said
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
    host.run(f"mv /root/kvmhost-into.xml /usr/lib/firewalld/policies; mv /root/kvmhost.xml {zone}; firewall-cmd --reload", timeout=90)
    host.ctl("apply")
    assert host.ctl("plan").rc == 0 and passes(host)
