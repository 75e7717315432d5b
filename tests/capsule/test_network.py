# SPDX-License-Identifier: GPL-2.0-or-later
"""A NAT network, with traffic, beside a firewall that others use."""
import json
import re

from documents import EMPTY, FOREIGN, NAT, everything, foreign_state, put, rules, settle
from harness import Netns, Pings, wait_until

BACKENDS = ["iptables", "nftables"]


def test_nat_with_traffic(capsule):
    world = capsule.uplink()
    world.serve(80)
    settle(capsule, NAT)
    client = capsule.client("client", "virbr0", "192.168.122.10/24", "192.168.122.1")
    assert client.pings("192.168.122.1")
    assert client.pings(world.address)
    assert client.ask(world.address, 80) == "203.0.113.2", "not masqueraded"
    # nobody outside opens a connection to the inside
    world.run("ip route add 192.168.122.0/24 via 203.0.113.2")
    client.serve(8000)
    assert world.ask("192.168.122.10", 8000, timeout=1) == ""
    capsule.unplug("client")


def test_drift_is_planned_and_repaired(capsule):
    settle(capsule, NAT)
    capsule.run("ip addr del 192.168.122.1/24 dev virbr0")
    capsule.run("iptables-legacy -t nat -F" if capsule.backend == "iptables" else
                "nft flush chain ip kvmhost postrouting; nft delete set ip kvmhost hidden")
    plan = json.loads(capsule.ctl("--json", "plan", check=False).stdout)
    assert {s["resource"] for s in plan["steps"]} - {"firewall/ip-filter"} == {"network/default", "firewall/ip-nat"}
    capsule.ctl("apply")
    assert "192.168.122.1/24" in capsule.run("ip -4 addr show virbr0").stdout
    assert "masquerade" in rules(capsule).lower()
    assert capsule.ctl("plan").rc == 0


def test_a_plan_says_of_rules_that_it_does_not_show_whether_they_come_or_go(capsule):
    settle(capsule, NAT)
    many = NAT + "    forwards: [" + ", ".join(f"{{host_port: {8000 + i}, to: '192.168.122.10:80'}}" for i in range(12)) + "]\n"
    put(capsule, many)
    came = capsule.ctl("plan", check=False)
    settle(capsule, many)
    put(capsule, NAT)
    went = capsule.ctl("plan", check=False)
    settle(capsule, NAT)
    assert re.search(r"rules +\(none\) -> [0-9]+ more rules?\n", came.stdout), came
    assert re.search(r"rules +[0-9]+ more rules? -> \(none\)\n", went.stdout), went
    assert "more differences" not in came.stdout + went.stdout


def test_a_deleted_bridge_comes_back(capsule):
    settle(capsule, NAT)
    capsule.run("ip link del virbr0")
    capsule.ctl("apply")
    assert "192.168.122.1/24" in capsule.run("ip -4 addr show virbr0").stdout


def state_of_rules(capsule):
    """What would change if rules of the network `default` were written again: counters, or handles."""
    text = capsule.run("iptables-legacy-save -c; nft -a list ruleset").stdout
    return [line for line in text.splitlines() if "network/default" in line or "# handle" in line]


def test_unchanged_rules_are_left_alone(capsule):
    """An apply that changes one network leaves the other's rules and their counters in place."""
    settle(capsule, NAT)
    client = capsule.client("counted", "virbr0", "192.168.122.11/24", "192.168.122.1")
    assert client.pings("203.0.113.1")
    before = state_of_rules(capsule)
    settle(capsule, NAT + "  more: {mode: isolated, bridge: vbm, addresses: [10.3.0.1/24]}\n")
    after = state_of_rules(capsule)
    assert any(not line.startswith("[0:0]") for line in before)
    if capsule.backend == "nftables":
        before, after = [[line for line in v if "# handle" in line] for v in (before, after)]
    assert before and before == after
    capsule.unplug("counted")


def test_a_change_of_backend_lets_nothing_through(capsule):
    """While rules move from one to the other and back, nobody outside gets in and those inside stay connected."""
    other = {"iptables": "nftables", "nftables": "iptables"}[capsule.backend]
    world = Netns(capsule, "world-eth0", "203.0.113.1")
    settle(capsule, NAT)
    inside = capsule.client("moved", "virbr0", "192.168.122.12/24", "192.168.122.1")
    world.run("ip route replace 192.168.122.0/24 via 203.0.113.2")
    leak = Pings(world, "192.168.122.12", 0.005, "leak")
    kept = Pings(inside, "203.0.113.1", 0.005, "kept")
    try:
        for _ in range(10):
            for backend in (other, capsule.backend):
                put(capsule, NAT + f"host: {{firewall: {{backend: {backend}}}}}\n")
                plan = capsule.ctl("plan", check=False)
                assert plan.rc == 2 and f"-> {backend}" in plan.stdout, plan
                capsule.ctl("apply")
                assert capsule.ctl("plan").rc == 0
                found = rules(capsule)
                assert ("KVMHOST-INTO" in found) == (backend == "iptables")
                assert ("table ip kvmhost" in found) == (backend == "nftables")
        assert kept.lost() == 0, [line for line in capsule.read("/run/kept").splitlines() if " ms" not in line]
    finally:
        leaked = leak.stop()
        capsule.run("systemctl stop kept", check=False)
        world.run("ip route del 192.168.122.0/24")
        capsule.unplug("moved")
    assert " 0 received" in leaked and "Destination Port Unreachable" in leaked, leaked[-600:]


def test_sets_are_full_before_rules_look_them_up(capsule):
    """And rules are gone before their sets are: a packet in between would come to the rule that rejects."""
    settle(capsule, NAT + "host: {firewall: {backend: iptables}}\n")
    capsule.run("systemd-run --quiet --collect --unit=monitor sh -c 'exec stdbuf -oL nft monitor >/run/monitor'; sleep 1")
    for backend in ("nftables", "iptables"):
        settle(capsule, NAT + f"host: {{firewall: {{backend: {backend}}}}}\n")
    capsule.run("systemctl stop monitor")
    said = [line for line in capsule.read("/run/monitor").splitlines() if " ip kvmhost" in line or "new generation" in line]
    full, ruled, bare, gone = (
        max(i for i, line in enumerate(said) if line.startswith(("add element", "create element"))),
        min(i for i, line in enumerate(said) if line.startswith(("add rule", "create rule"))),
        max(i for i, line in enumerate(said) if line.startswith("delete rule")),
        min(i for i, line in enumerate(said) if line.startswith(("delete element", "delete set", "delete table"))))
    assert full < ruled < bare < gone, said
    assert all(any("new generation" in line for line in said[a:b]) for a, b in ((full, ruled), (bare, gone))), said
    settle(capsule, NAT)


def test_a_reload_loses_no_packet_of_networks_that_stay(capsule):
    """Reloads that change nothing, another network, or only what is around: pings and a connection through NAT go on."""
    world, run = "world-eth0", lambda unit, space, what: capsule.run(
        ["systemd-run", "--quiet", "--collect", f"--unit={unit}", "ip", "netns", "exec", space, "bash", "-c", what])
    settle(capsule, NAT)
    staying = capsule.client("staying", "virbr0", "192.168.122.13/24", "192.168.122.1")
    capsule.run("systemctl start kvmhostd; rm -f /run/ticks")
    run("sink", world, "exec socat -u TCP4-LISTEN:7000,reuseaddr OPEN:/run/ticks,creat,append")
    wait_until(lambda: ":7000 " in capsule.run(f"ip netns exec {world} ss -ltn").stdout, 30)
    run("source", "staying", "i=0; while sleep 0.01; do echo $((i += 1)); done | socat -u - TCP4:203.0.113.1:7000")
    stays = Pings(staying, "203.0.113.1", 0.002, "stays")
    try:
        wait_until(lambda: capsule.run("cat /run/ticks", check=False).stdout, 30, "a connection")
        other = "  more: {mode: nat, bridge: vbm, addresses: [10.3.0.1/24], dns: {}}\n"
        for text in (NAT, NAT + other, NAT + other.replace("10.3", "10.4"), NAT + other.replace("nat", "routed"),
                     NAT + "    dns: {}\n", NAT):
            put(capsule, text)
            capsule.reload_daemon()
            assert capsule.ctl("plan").rc == 0
        seen = len(capsule.read("/run/ticks").splitlines())
        wait_until(lambda: len(capsule.read("/run/ticks").splitlines()) > seen + 20, 30, "the connection still there")
        assert stays.lost() == 0, capsule.read("/run/stays")[-600:]
    finally:
        capsule.run("systemctl stop stays", check=False)
        capsule.run("systemctl stop source; while systemctl -q is-active sink; do sleep 0.05; done; systemctl stop kvmhostd")
        capsule.unplug("staying")
    assert int(capsule.read("/run/stays").partition(" packets transmitted")[0].split()[-1]) > 500
    ticks = capsule.read("/run/ticks").split()
    assert ticks == [str(i + 1) for i in range(len(ticks))]


def test_foreign_things_survive(another):
    capsule = another("foreign", kvmhost=True)
    capsule.run(FOREIGN)
    before, all_before = foreign_state(capsule), everything(capsule)
    settle(capsule, NAT)
    assert foreign_state(capsule) == before
    settle(capsule, NAT.replace("192.168.122", "192.168.123"))
    assert foreign_state(capsule) == before
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert foreign_state(capsule) == before
    assert everything(capsule) == all_before


def test_a_link_that_is_no_bridge_is_refused(capsule):
    settle(capsule, EMPTY, "--allow-mass-removal")
    capsule.run("ip link add virbr0 type veth peer name other0")
    put(capsule, NAT)
    r = capsule.ctl("apply", check=False)
    assert r.rc == 1
    assert "virbr0" in r.stdout + r.stderr and "veth" in r.stdout + r.stderr
    assert "veth" in capsule.run("ip -d link show virbr0").stdout
    capsule.run("ip link del virbr0")
    settle(capsule, NAT)
    settle(capsule, EMPTY, "--allow-mass-removal")


def test_ip_forward_returns_to_what_it_was(capsule):
    capsule.run("echo 0 >/proc/sys/net/ipv4/ip_forward")
    settle(capsule, NAT)
    assert capsule.read("/proc/sys/net/ipv4/ip_forward") == "1\n"
    assert "net.ipv4.ip_forward" in capsule.read("/etc/sysctl.d/90-kvmhost.conf")
    settle(capsule, EMPTY, "--allow-mass-removal")
    assert capsule.read("/proc/sys/net/ipv4/ip_forward") == "0\n"
    assert not capsule.exists("/etc/sysctl.d/90-kvmhost.conf")


def test_an_adopted_bridge_is_given_back(capsule):
    capsule.run("ip link add br9 type bridge forward_delay 700 && ip link set br9 up mtu 1400")
    before = capsule.run("ip -d -o link show br9 | sed 's/state [A-Z]*//'").stdout
    settle(capsule, "version: 1\nbridges:\n  br9: {forward_delay: 0s, mtu: 1500}\n")
    assert "forward_delay 0" in capsule.run("ip -d link show br9").stdout
    settle(capsule, EMPTY, "--allow-mass-removal")
    after = capsule.run("ip -d -o link show br9 | sed 's/state [A-Z]*//'").stdout
    assert "forward_delay 700" in after and "mtu 1400" in after
    assert "alias" not in after and before.split("mtu")[1].split()[0] == after.split("mtu")[1].split()[0]
    capsule.run("ip link del br9")
