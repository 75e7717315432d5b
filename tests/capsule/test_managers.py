# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon that configured a card leaves it alone while a bridge of ours has it, and gets it back."""
import json
import re

import pytest
from documents import EMPTY, put, settle
from harness import INSTANT, Netns, Pings, wait_until
from manager_documents import ifupdown, netplan, networkd, write_networkmanager
from test_crash import killed, points

BRIDGE = "version: 1\nbridges:\n  br0: {ports: [eth0]}\n"
CARD = ("eth0", "203.0.113.2/24", "203.0.113.1")
ROUTER = """\
[Unit]
DefaultDependencies=no
[Service]
Type=exec
ExecStartPre=ip -n world addr replace 2001:db8:5::1/64 dev eth0 nodad
ExecStart=ip netns exec world dnsmasq -k -C /dev/null -p 0 -i eth0 --bind-interfaces --enable-ra \\
  --dhcp-range=2001:db8:5::,slaac,64,300 --ra-param=eth0,4,20
[Install]
WantedBy=multi-user.target
"""
# Whom to ask for names, and a table for what the host answers by its address.
MORE = """\
DNS=203.0.113.1
[Route]
Gateway=203.0.113.1
Table=52
[RoutingPolicyRule]
From=203.0.113.2
Table=52
"""
# What is masked in capsules: cards that were there before udevd are told of.
TRIGGER = """\
[Unit]
After=systemd-udevd.service
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=udevadm trigger --settle --action=add --subsystem-match=net
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def machine(request, another):
    """A capsule with a card that nobody has configured yet, and the world behind it."""
    host = another(re.sub(r"\W+", "-", request.node.name.removeprefix("test_")).strip("-"), kvmhost=True)
    host.world = Netns(host, "world", "203.0.113.1")
    host.router = False  # whether a router advertises itself
    host.more = False  # whether its manager sets up what is not the card's own
    host.plug("ip netns add world\nip link add eth0 type veth peer name eth0 netns world\n"
              "ip -n world link set lo up\nip -n world link set eth0 up\nip -n world addr add 203.0.113.1/24 dev eth0\n")
    host.write("/etc/systemd/system/trigger.service", TRIGGER)
    host.run("systemctl daemon-reload; systemctl enable trigger kvmhostd")
    return host


def addresses(host, link):
    found = json.loads(host.run(f"ip -j -4 addr show {link}", check=False).stdout or "[]")
    return [f"{a['local']}/{a['prefixlen']}" for a in found[0]["addr_info"]] if found else []


def has_card(host):
    wait_until(lambda: addresses(host, "eth0") == ["203.0.113.2/24"] and
               "default via 203.0.113.1 dev eth0" in host.run("ip route").stdout, 30, "eth0 set up by its manager")


def in_bridge(host):
    assert addresses(host, "br0") == ["203.0.113.2/24"] and addresses(host, "eth0") == []
    assert "default via 203.0.113.1 dev br0" in host.run("ip route").stdout
    link = host.run("ip link show eth0").stdout
    assert "master br0" in link and ",UP" in link, link
    assert host.ctl("plan", check=False).rc == 0
    if host.more:
        assert "203.0.113.1" in host.run("resolvectl dns br0").stdout, "the host knows no names"
        assert host.run("ip rule").stdout.count("from 203.0.113.2 lookup 52") == 1, "what the manager had set up for the card"


def flap(host):
    """The cable is pulled and put back; a manager has time to think about it."""
    host.world.run("ip link set eth0 down; sleep 1; ip link set eth0 up; sleep 2")


def with_router(host):
    """A router that advertises itself and a prefix, and what came of it."""
    host.write("/etc/systemd/system/router.service", ROUTER)
    host.run("systemctl daemon-reload; systemctl enable --now router")
    host.router = True


def heard_router(host, link):
    return (re.search(rf"^default (nhid \d+ )?via fe80::\S+ dev {link} proto ra ", host.run("ip -6 route").stdout, re.M) and
            "2001:db8:5:" in host.run(f"ip -6 addr show dev {link} scope global -tentative").stdout)


def takes_and_gives_back(host, provoke, managed, content=lambda: True):
    """The whole life of a bridge beside a manager that is `managed`() while it has the card in hand, and `content`() with it."""
    has_card(host)
    assert managed()
    wait_until(content, 30, "all done with the card")
    pings = Pings(host.world, "203.0.113.2")
    settle(host, BRIDGE)
    assert pings.lost() <= INSTANT
    in_bridge(host)
    assert not managed()
    if host.router:
        # Longer than what came with the card lasts without another advertisement.
        host.run("sleep 22")
        assert heard_router(host, "br0"), host.run("ip -6 route; ip -6 addr").stdout
        in_bridge(host)
    for what in provoke:
        what()
        in_bridge(host)
    host.run("systemctl enable kvmhostd; systemctl add-wants multi-user.target network-online.target")
    host.reboot()
    assert host.run("systemctl is-active kvmhostd network-online.target").stdout.split() == ["active", "active"]
    in_bridge(host)
    assert not managed()
    moment = "systemctl show -P ActiveEnterTimestampMonotonic "
    assert int(host.run(moment + "kvmhostd").stdout) < int(host.run(moment + "network-online.target").stdout) < 55e6 + int(
        host.run("systemctl show -P UserspaceTimestampMonotonic").stdout)
    settle(host, EMPTY, "--allow-mass-removal")
    has_card(host)
    assert managed()
    wait_until(content, 30, "all done with the card")
    if host.more:
        assert "203.0.113.1" in host.run("resolvectl dns eth0").stdout
        assert host.run("ip rule").stdout.count("from 203.0.113.2 lookup 52") == 1
    assert host.run("find /etc -name '*kvmhost*' -type f ! -path '/etc/kvmhost/*'").stdout == ""
    host.reboot()
    has_card(host)


def networkd_has(host):
    return lambda: host.run("networkctl list eth0 --no-legend --no-pager").stdout.split()[4] not in ("unmanaged", "pending")


def networkd_is_content(host):
    """Also with the router that it heard of, which it asks itself."""
    return lambda: (host.run("networkctl list eth0 --no-legend --no-pager").stdout.split()[4] == "configured" and
                    heard_router(host, "eth0"))


def provoked(host):
    return [lambda: flap(host), lambda: host.run("systemctl restart systemd-networkd; sleep 2"),
            lambda: host.run("networkctl reload; networkctl reconfigure eth0; sleep 2", check=False)]


# The administrator's file comes before all others by any usual name.
@pytest.mark.parametrize("name", ["10-eth0", "00-eth0"])
def test_networkd(machine, name):
    machine.more = name == "10-eth0"
    machine.write(f"/etc/systemd/network/{name}.network", networkd(*CARD) + (MORE if machine.more else ""))
    if machine.more:
        machine.run("systemctl enable --now systemd-resolved")
    machine.run("systemctl enable --now systemd-networkd systemd-networkd-wait-online")
    with_router(machine)
    takes_and_gives_back(machine, provoked(machine), networkd_has(machine), networkd_is_content(machine))


def test_netplan(machine):
    machine.write("/etc/netplan/01-eth0.yaml", netplan(*CARD), 0o600)
    machine.run("systemctl enable --now systemd-networkd; netplan apply")
    with_router(machine)
    takes_and_gives_back(machine, [lambda: machine.run("netplan apply; sleep 2"), lambda: flap(machine)],
                         networkd_has(machine), networkd_is_content(machine))


def test_networkmanager(machine):
    write_networkmanager(machine, *CARD)
    machine.run("systemctl enable NetworkManager NetworkManager-wait-online; systemctl start NetworkManager")
    with_router(machine)
    takes_and_gives_back(
        machine, [lambda: flap(machine), lambda: machine.run("systemctl reload NetworkManager; sleep 1"),
                  lambda: machine.run("systemctl restart NetworkManager; sleep 2"),
                  lambda: machine.run("nmcli connection up eth0", check=False)],
        lambda: "connected" == machine.run("nmcli -g GENERAL.STATE device show eth0").stdout.split("(")[-1].strip(")\n"),
        lambda: heard_router(machine, "eth0"))


def hears_later(machine, deaf=lambda: None):
    """A router that comes once the card is in its bridge is heard there; not so where the manager was told to hear none."""
    has_card(machine)
    settle(machine, BRIDGE)
    with_router(machine)
    wait_until(lambda: heard_router(machine, "br0"), 40, "the router heard by the bridge")
    settle(machine, EMPTY, "--allow-mass-removal")
    machine.run("systemctl stop router")
    deaf()
    has_card(machine)
    settle(machine, BRIDGE)
    machine.run("systemctl start router; sleep 8")
    assert not heard_router(machine, "br0") and machine.read("/proc/sys/net/ipv6/conf/br0/accept_ra").strip() == "0"


@pytest.mark.parametrize("where", ["file", "drop-in"])
def test_networkd_and_a_router_that_comes_later(machine, where):
    def deaf():
        name = f"/etc/systemd/network/10-eth0.network{'.d/ra.conf' if where == 'drop-in' else ''}"
        text = "" if where == "drop-in" else networkd(*CARD)
        machine.write(name, text + "[Network]\n# IPv6AcceptRA=yes\nIPv6AcceptRA = no\n")
        machine.run("networkctl reload; networkctl reconfigure eth0; sleep 2")

    machine.write("/etc/systemd/network/10-eth0.network", networkd(*CARD))
    machine.run("systemctl enable --now systemd-networkd")
    hears_later(machine, deaf)


@pytest.mark.parametrize("how", ["IPv6AcceptRA=no", "DHCP=yes"])
def test_networkd_with_a_file_for_every_link(machine, how):
    """It hears of our links before they are made: of a new bridge it would take hold, and leave it deaf to routers."""
    machine.write("/etc/systemd/network/10-eth0.network", networkd(*CARD))
    machine.write("/etc/systemd/network/50-all.network", f"[Match]\nName=*\n[Network]\n{how}\n")
    machine.run("systemctl enable --now systemd-networkd")
    has_card(machine)
    wait_until(networkd_has(machine), 30, "eth0 managed by networkd")
    settle(machine, BRIDGE.rstrip() + "\n  br1: {}\n")
    machine.run("sleep 3")
    in_bridge(machine)
    told = machine.run("journalctl -u systemd-networkd -o cat").stdout
    for link in "br0", "br1":
        assert machine.read(f"/proc/sys/net/ipv6/conf/{link}/accept_ra").strip() == "1", told
        assert f"{link}: Link UP" in told and not re.search(f"{link}: (Configuring|DHCP)", told), told
    with_router(machine)
    wait_until(lambda: heard_router(machine, "br0"), 40, "the router heard by the bridge")


def test_networkmanager_and_a_router_that_comes_later(machine):
    def deaf():
        machine.run("nmcli connection modify eth0 ipv6.method link-local && nmcli connection up eth0")

    write_networkmanager(machine, *CARD)
    machine.run("systemctl start NetworkManager")
    hears_later(machine, deaf)


def test_a_card_set_up_anew_meanwhile(machine):
    """As it is when it goes down and comes up on its way into a bond: the manager's routes do not stay on it."""
    write_networkmanager(machine, *CARD)
    machine.write("/etc/systemd/system/NetworkManager.service.d/late.conf",
                  "[Service]\nExecStopPost=sh -c 'ip route append default via 203.0.113.1 dev eth0 onlink metric 7 && >/run/late'\n")
    machine.run("systemctl daemon-reload; systemctl start NetworkManager")
    has_card(machine)
    settle(machine, BRIDGE)
    assert machine.exists("/run/late")
    in_bridge(machine)
    assert "eth0" not in machine.run("ip route").stdout


def test_ifupdown(machine):
    """It sets a card up and ends: what it gave moves at each boot, and it needs no word of ours."""
    machine.write("/etc/network/interfaces.d/eth0", ifupdown(*CARD))
    machine.run("systemctl enable --now networking")
    with_router(machine)
    takes_and_gives_back(machine, [lambda: flap(machine)], lambda: "master" not in machine.run("ip link show eth0").stdout,
                         lambda: heard_router(machine, "eth0"))


def test_a_manager_that_starts_later(machine):
    """Enabled, and not running while kvmhost took its card."""
    machine.write("/etc/systemd/network/10-eth0.network", networkd(*CARD))
    machine.run("systemctl enable systemd-networkd; ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up; "
                "ip route add default via 203.0.113.1")
    put(machine, BRIDGE)
    assert "manager/networkd  systemd-networkd.service is started at boot" in machine.ctl("plan", check=False).stdout
    settle(machine, BRIDGE)
    in_bridge(machine)
    machine.run("systemctl start systemd-networkd; sleep 2")
    in_bridge(machine)


def test_none_here(machine):
    """A machine without any of them hears nothing of managers."""
    machine.run("ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    put(machine, BRIDGE)
    assert "manager" not in machine.ctl("plan", check=False).stdout
    settle(machine, BRIDGE)
    assert machine.run("find /etc -name '*kvmhost*' -type f ! -path '/etc/kvmhost/*'").stdout == ""


def test_drift_and_failures(machine):
    machine.write("/etc/systemd/network/10-eth0.network", networkd(*CARD))
    machine.run("systemctl start systemd-networkd")
    has_card(machine)
    put(machine, BRIDGE)
    plan = machine.ctl("plan", check=False).stdout
    assert "manager/networkd  systemd-networkd.service runs" in plan and "[br0, eth0]" in plan, plan
    settle(machine, BRIDGE)
    # somebody took our file away, and told networkd
    machine.run("rm /etc/systemd/network/0-kvmhost.network; networkctl reload; sleep 2")
    plan = machine.ctl("plan", check=False)
    assert plan.rc == 2 and "managed" in plan.stdout and "eth0" in plan.stdout, plan
    machine.ctl("apply")
    in_bridge(machine)
    # a file of that name that is not ours stays, and nothing is lost
    settle(machine, EMPTY, "--allow-mass-removal")
    has_card(machine)
    machine.write("/etc/systemd/network/0-kvmhost.network", "[Match]\nName=nobody\n[Network]\nDHCP=no\n")
    put(machine, BRIDGE)
    done = machine.ctl("apply", check=False)
    assert done.rc == 1 and "kvmhost did not write it" in done.stdout + done.stderr, done
    assert "Name=nobody" in machine.read("/etc/systemd/network/0-kvmhost.network")
    assert machine.world.pings("203.0.113.2")


def test_a_port_that_is_down_is_drift(machine):
    machine.run("ip addr add 203.0.113.2/24 dev eth0; ip link set eth0 up")
    settle(machine, BRIDGE)
    machine.run("ip link set eth0 down")
    assert machine.ctl("plan", check=False).rc == 2
    machine.ctl("apply")
    wait_until(lambda: machine.world.pings("203.0.113.2"), 30, "the port up again")


def under_networkd(machine):
    machine.write("/etc/systemd/network/10-eth0.network", networkd(*CARD))
    machine.run("systemctl start systemd-networkd")
    has_card(machine)


def test_a_card_that_is_being_set_up(machine):
    """It has its address then, and no way out yet."""
    under_networkd(machine)
    put(machine, BRIDGE)
    machine.run("ip link set eth0 down; ip link set eth0 up; kvmhostctl apply")
    in_bridge(machine)


def given_back(machine):
    has_card(machine)
    wait_until(networkd_has(machine), 30, "eth0 managed by networkd")
    assert machine.run("find /etc /run/kvmhost -name '*0-kvmhost*' -o -name 'untold*'").stdout == ""


def test_unconfirmed_the_manager_has_it_again(machine):
    under_networkd(machine)
    put(machine, BRIDGE)
    machine.run("systemd-run --quiet --unit=trial kvmhostctl apply --confirm 5s")
    wait_until(lambda: addresses(machine, "br0") == ["203.0.113.2/24"], 30, "the bridge")
    wait_until(lambda: not machine.exists("/sys/class/net/br0"), 30, "the bridge to go")
    # Nobody waits for who puts it back.
    wait_until(networkd_has(machine), 30, "eth0 managed by networkd")
    wait_until(lambda: not machine.exists("/run/kvmhost/untold.networkd"), 30, "networkd told of it")
    given_back(machine)


def test_killed_anywhere(machine):
    under_networkd(machine)
    put(machine, BRIDGE)
    where = points(machine, 14)
    put(machine, EMPTY)
    hits = killed(machine, where[0], "--allow-mass-removal")
    for point in where:
        settle(machine, EMPTY, "--allow-mass-removal")
        given_back(machine)
        put(machine, BRIDGE)
        hits += killed(machine, point)
        settle(machine, BRIDGE)
        in_bridge(machine)
        assert not networkd_has(machine)()
        put(machine, EMPTY)
        hits += killed(machine, point, "--allow-mass-removal")
    assert hits > len(where)
