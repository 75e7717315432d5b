# SPDX-License-Identifier: GPL-2.0-or-later
"""firewalld has the host's card in a zone: the bridge and bond that take the card are there too, before and after."""
import pytest
from documents import EMPTY, put, settle
from harness import INSTANT, Pings, wait_until
from manager_documents import write_networkmanager
from test_firewalld import zones
from test_managers import CARD, has_card, in_bridge, machine  # noqa: F401 a fixture

BRIDGE = "version: 1\nbridges:\n  br0: {ports: [eth0]}\n"


@pytest.fixture(scope="module")
def host(capsule):
    """Reached through eth0 alone, which is in the zone `work`; whatever is in no zone is dropped."""
    capsule.world = capsule.uplink()
    capsule.run("sed -i 's/^DefaultZone=.*/DefaultZone=drop/' /etc/firewalld/firewalld.conf; "
                "systemctl start firewalld", timeout=90)
    capsule.run("firewall-cmd -q --permanent --zone=work --add-interface=eth0; "
                "firewall-cmd -q --permanent --zone=work --add-port=8000/tcp; firewall-cmd -q --reload", timeout=90)
    serve(capsule)
    capsule.before = zones(capsule)
    assert capsule.before == "work\n  interfaces: eth0\n" and reached(capsule)
    return capsule


def serve(host):
    host.run("systemd-run -q --collect --unit=own socat TCP4-LISTEN:8000,reuseaddr,fork "
             "SYSTEM:'echo reached; timeout 5 cat >/dev/null'")


def reached(host):
    return host.world.ask("203.0.113.2", 8000, timeout=2) == "reached"


def zone(host, link):
    return host.run(f"firewall-cmd --get-zone-of-interface={link}", check=False).stdout.strip()


def test_the_bridge_has_the_zone_of_its_card(host):
    put(host, BRIDGE)
    plan = host.ctl("plan", check=False).stdout
    assert "zone/br0  firewalld has its card in that zone" in plan and plan.index("zone/br0") < plan.index("bridge/br0"), plan
    pings = Pings(host.world, "203.0.113.2")
    settle(host, BRIDGE)
    assert pings.lost() <= INSTANT
    assert zone(host, "br0") == zone(host, "eth0") == "work" and reached(host)
    pings = Pings(host.world, "203.0.113.2")
    settle(host, EMPTY, "--allow-mass-removal")
    assert pings.lost() <= INSTANT
    assert zones(host) == host.before and reached(host)


def test_unconfirmed_it_goes_with_the_bridge(host):
    put(host, BRIDGE + "networks:\n  default: {bridge: virbr0, addresses: [192.168.122.1/24]}\n")
    host.run("systemd-run --quiet --unit=trial kvmhostctl apply --confirm 5s")
    wait_until(lambda: zone(host, "virbr0") == "kvmhost" and zone(host, "br0") == "work", 10, "both zones")
    wait_until(lambda: host.run("systemctl is-active trial", check=False).stdout != "active\n", 20, "the end of the trial")
    assert zones(host) == host.before and "br0" not in host.run("ip -o link").stdout
    assert reached(host)


def test_what_a_restart_forgot_is_put_back(host):
    settle(host, BRIDGE)
    # as a network manager does when it leaves the card alone
    host.run("firewall-cmd -q --permanent --zone=work --remove-interface=eth0; systemctl start kvmhostd")
    try:
        host.run("systemctl restart firewalld", timeout=90)
        wait_until(lambda: zone(host, "br0") == "work", 15, "the zone again")
        assert zone(host, "eth0") != "work" and reached(host)
    finally:
        host.run("systemctl stop kvmhostd; firewall-cmd -q --permanent --zone=work --add-interface=eth0; "
                 "firewall-cmd -q --zone=work --add-interface=eth0")
    settle(host, EMPTY, "--allow-mass-removal")
    assert zones(host) == host.before and reached(host)


def test_a_zone_of_somebody_elses_stays(host):
    host.run("firewall-cmd -q --zone=home --change-interface=br0")
    settle(host, BRIDGE)
    assert zone(host, "br0") == "home"
    settle(host, EMPTY, "--allow-mass-removal")
    assert zone(host, "br0") == "home"
    host.run("firewall-cmd -q --zone=home --remove-interface=br0")
    settle(host, BRIDGE)
    host.run("firewall-cmd -q --zone=home --change-interface=br0")
    assert host.ctl("plan", check=False).rc == 0
    settle(host, EMPTY, "--allow-mass-removal")
    assert zone(host, "br0") == "home", "somebody moved it"
    host.run("firewall-cmd -q --zone=home --remove-interface=br0")
    assert zones(host) == host.before


def test_the_same_after_a_reboot(host):
    settle(host, BRIDGE)
    host.run("systemctl enable -q firewalld kvmhostd")
    host.reboot()
    wait_until(lambda: host.run("systemctl is-active kvmhostd", check=False).stdout == "active\n", 60, "kvmhostd")
    serve(host)
    assert zone(host, "br0") == "work" and host.ctl("plan", check=False).rc == 0
    wait_until(lambda: reached(host), 10, "the host through its card")
    host.run("systemctl disable -q --now kvmhostd")
    settle(host, EMPTY, "--allow-mass-removal")
    assert zones(host) == host.before and reached(host)


def test_a_zone_that_networkmanager_gave(machine):  # noqa: F811
    """connection.zone of the card's profile: the daemon takes it out of its zone with its hands off it, and puts it back."""
    machine.run("sed -i 's/^DefaultZone=.*/DefaultZone=drop/' /etc/firewalld/firewalld.conf; systemctl enable -q --now firewalld && "
                "firewall-cmd -q --permanent --zone=work --add-port=8000/tcp && firewall-cmd -q --reload", timeout=90)
    write_networkmanager(machine, *CARD, zone="work")
    machine.run("systemctl enable -q NetworkManager; systemctl start NetworkManager")
    has_card(machine)
    wait_until(lambda: zone(machine, "eth0") == "work", 20, "eth0 in its zone")
    serve(machine)
    assert reached(machine)
    settle(machine, BRIDGE)
    for provoke in ("true", "systemctl restart NetworkManager; sleep 2"):
        machine.run(provoke)
        in_bridge(machine)
        assert zone(machine, "br0") == "work" and reached(machine)
    machine.reboot()
    wait_until(lambda: machine.run("systemctl is-active kvmhostd", check=False).stdout == "active\n", 60, "kvmhostd")
    in_bridge(machine)
    serve(machine)
    wait_until(lambda: zone(machine, "br0") == "work", 10, "the bridge in its zone again")
    assert reached(machine) and machine.ctl("plan").rc == 0
    settle(machine, EMPTY, "--allow-mass-removal")
    has_card(machine)
    wait_until(lambda: zone(machine, "eth0") == "work" and reached(machine), 20, "eth0 in its zone again")
    assert "br0" not in zones(machine)
