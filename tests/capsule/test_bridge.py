# SPDX-License-Identifier: GPL-2.0-or-later
"""A card goes into a bridge and comes back, under the connections that run through it."""
import pytest
from documents import EMPTY, put, settle
from harness import INSTANT, Netns, Pings, wait_until
from test_crash import killed, points

INHERIT = "version: 1\nbridges:\n  br0: {ports: [eth0]}\n"
# What the card's link and everybody's addresses and routes are; not what the kernel does by itself in its own time.
STATE = ("ip -o addr | grep -v -e fe80 -e ' lo ' | sed 's/^[0-9]*: //'; ip -4 route show table all | sed 's/ linkdown//'; "
         "ip rule; ip -6 rule; ip -6 route show table all | grep -v -e fe80 -e ff00 -e '^local' -e '^any' | sed 's/ linkdown//'; "
         "ip -o link show eth0 | sed 's/^[0-9]*: //'; ip -o link | wc -l; ip neigh show nud permanent | sort")


def state(capsule):
    return capsule.run(STATE).stdout


@pytest.fixture(scope="module")
def machine(capsule):
    capsule.run("for i in all default; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done")
    world = capsule.world = capsule.uplink()
    world.run("for i in all default eth0; do echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad; done; "
              "ip addr add 2001:db8:1::1/64 dev eth0; ip addr add 198.51.100.1/32 dev lo")
    capsule.run("ip addr add 203.0.113.3/24 dev eth0 label eth0:web; ip addr add 2001:db8:1::2/64 dev eth0; "
                "ip addr add 2001:db8:1::3/64 dev eth0; ip -6 route add default via 2001:db8:1::1 dev eth0; "
                "ip route add 10.9.0.0/16 via 203.0.113.1 table 77 src 203.0.113.3 mtu 1400; "
                "ip neigh add 203.0.113.77 lladdr 52:54:00:00:00:77 dev eth0 nud permanent; "
                "ip neigh add 2001:db8:1::77 lladdr 52:54:00:00:00:77 dev eth0 nud permanent; "
                "ip addr add 203.0.113.4/24 dev eth0 preferred_lft 0; ip route add multicast 239.1.0.0/16 dev eth0; "
                "ip route add 10.10.0.0/16 nexthop via 203.0.113.1 dev eth0 weight 2 nexthop via 203.0.113.9 dev eth0 weight 5; "
                "ip route add 2001:db8:9::/48 nexthop via 2001:db8:1::1 dev eth0 weight 2 nexthop via 2001:db8:1::9 dev eth0 weight 5; "
                "ip rule add from 203.0.113.3 table 77 pref 102; ip -6 rule add from 2001:db8:1::3 table 77 pref 102; "
                "ip rule add iif eth0 fwmark 7 table 77 pref 103; ip -6 rule add oif eth0 to 2001:db8:7::/48 unreachable pref 103; "
                "ip rule add from 192.0.2.200 table 99 pref 104; "
                "ip link add other type veth peer name other1; ip link set other up; "
                "ip addr add 192.0.2.9/24 dev other; "
                "ip route add 10.11.0.0/16 nexthop via 203.0.113.1 dev eth0 nexthop via 192.0.2.1 dev other; ip route add 10.8.0.0/16 dev other src 203.0.113.2")
    capsule.before = state(capsule)
    yield capsule
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal", check=False)


class Stream:
    """Numbered lines through one TCP connection, a hundred in a second."""

    patience = 10

    def __init__(self, capsule, name, sender, receiver, address, port):
        self.capsule, self.name = capsule, name
        family = "6" if ":" in address else "4"
        target = f"[{address}]" if family == "6" else address
        capsule.write(f"/run/{name}.send", "i=0; while [ ! -e /run/enough ]; do printf '%08d\\n' $i; i=$((i + 1)); "
                                           "sleep 0.01; done; echo end\n")
        self._start("to", receiver, f"socat -u TCP{family}-LISTEN:{port},reuseaddr OPEN:/run/{name},creat,trunc")
        wait_until(lambda: f":{port} " in capsule.run([*receiver, "ss", "-ltn"]).stdout, 30, "a listener")
        self._start("from", sender, f"sh /run/{name}.send | socat -u - TCP{family}:{target}:{port}")
        wait_until(lambda: self.lines() > 20, self.patience, f"a stream {name}")

    def _start(self, what, where, command):
        self.capsule.run(["systemd-run", "--quiet", f"--unit={self.name}-{what}", *where, "sh", "-c", command])

    def lines(self):
        return int(self.capsule.run(f"wc -l </run/{self.name}", check=False).stdout or 0)

    def flows(self):
        """More arrives from now on."""
        now = self.lines()
        wait_until(lambda: self.lines() > now + 20, self.patience, f"more of the stream {self.name}")

    def ended_whole(self):
        wait_until(lambda: self.capsule.run(f"tail -1 /run/{self.name}").stdout == "end\n", 30, "the last line")
        lines = self.capsule.read(f"/run/{self.name}").splitlines()
        assert lines[:-1] == [f"{i:08}" for i in range(len(lines) - 1)]


def resets(capsule):
    """TCP resets sent by the host and by the world."""
    read = "awk '/^Tcp: [0-9]/ {print $15}' /proc/net/snmp; awk '/^Tcp: [0-9]/ {print $8}' /proc/net/snmp"
    return capsule.run(read).stdout, capsule.world.run(read).stdout


def test_connections_survive_takeover_and_release(machine):
    outside = ["ip", "netns", "exec", machine.world.name]
    before = resets(machine)
    streams = [Stream(machine, "in4", outside, [], "203.0.113.2", 5001),
               Stream(machine, "in6", outside, [], "2001:db8:1::2", 5002),
               Stream(machine, "second", outside, [], "203.0.113.3", 5003),
               Stream(machine, "routed", [], outside, "198.51.100.1", 5004)]
    for _ in range(2):
        settle(machine, INHERIT)
        for stream in streams:
            stream.flows()
        assert "master br0" in machine.run("ip link show eth0").stdout
        assert machine.run("cat /sys/class/net/br0/address").stdout == machine.run("cat /sys/class/net/eth0/address").stdout
        assert "default via 203.0.113.1 dev br0" in machine.run("ip route").stdout
        assert "default via 2001:db8:1::1 dev br0" in machine.run("ip -6 route").stdout
        assert "src 203.0.113.2" in machine.run("ip route show dev other").stdout
        routes = machine.run("ip route; ip -6 route").stdout
        assert "via 203.0.113.9 dev br0 weight 5" in routes and "via 2001:db8:1::9 dev br0 weight 5" in routes
        assert "via 203.0.113.1 dev br0 weight 1" in routes and "via 192.0.2.1 dev other weight 1" in routes
        assert "multicast 239.1.0.0/16 dev br0" in routes and "deprecated br0" in machine.run("ip addr show br0").stdout
        rules = machine.run("ip rule; ip -6 rule").stdout
        assert "iif br0 lookup 77" in rules and "oif br0 unreachable" in rules and "eth0" not in rules
        assert rules.count("from 203.0.113.3 lookup 77") == 1 and rules.count("from 2001:db8:1::3 lookup 77") == 1
        neighbours = machine.run("ip neigh show nud permanent").stdout
        assert "203.0.113.77 dev br0" in neighbours and "2001:db8:1::77 dev br0" in neighbours and "eth0" not in neighbours
        settle(machine, EMPTY, "--allow-mass-removal")
        for stream in streams:
            stream.flows()
        assert state(machine) == machine.before
    machine.run("touch /run/enough")
    for stream in streams:
        stream.ended_whole()
    assert resets(machine) == before


@pytest.mark.parametrize("by", ["kvmhostctl", "kvmhostd"])
def test_neighbours_hear_of_another_mac_address(machine, by):
    """They have just spoken with the host by its old one, which they would keep for half a minute."""
    def heard(seconds=1):
        for address in "203.0.113.2", "203.0.113.3", "2001:db8:1::2", "2001:db8:1::3":
            machine.world.run(f"ping -n -q -c 1 -W {seconds} {address}")

    def settle(machine, document, *args):
        """Also by the daemon, whose unit may keep it from what kvmhostctl may do."""
        put(machine, document)
        if by == "kvmhostd" and not args:
            machine.reload_daemon()
        else:
            machine.ctl("apply", *args)
        assert machine.ctl("plan", check=False).rc == 0

    if by == "kvmhostd":
        put(machine, EMPTY)
        machine.run("systemctl start kvmhostd")
    card = machine.read("/sys/class/net/eth0/address").strip()
    heard(5)
    settle(machine, INHERIT.replace("[eth0]", "[eth0], mac: 02:00:00:00:0b:0b"))
    heard()
    known = machine.world.run("ip neigh show dev eth0 | grep -v ^fe80").stdout
    assert card not in known and known.count("02:00:00:00:0b:0b") == 4, known
    settle(machine, INHERIT)
    heard()
    settle(machine, INHERIT.replace("[eth0]", "[eth0], mac: 02:00:00:00:0b:0b"))
    heard()
    settle(machine, EMPTY, "--allow-mass-removal")
    heard()
    known = machine.world.run("ip neigh show dev eth0 | grep -v ^fe80").stdout
    assert "02:00:00:00:0b:0b" not in known and known.count(card) == 4, known
    assert state(machine) == machine.before
    machine.run("systemctl stop kvmhostd")


def test_answers_go_out_all_the_time(machine):
    """Also to questions that come at each millisecond: by another order of the steps four to a hundred and thirty had none."""
    for document, more in ((INHERIT, ()), (EMPTY, ("--allow-mass-removal",))) * 3:
        pings = [Pings(machine.world, "203.0.113.2", 0.001), Pings(machine.world, "2001:db8:1::2", 0.001, "pings6")]
        settle(machine, document, *more)
        assert max(p.lost() for p in pings) <= 3 * INSTANT, document
    assert state(machine) == machine.before


def test_a_failed_step_puts_all_back(machine):
    put(machine, INHERIT + "vlans:\n  v9: {link: br0, id: 9}\n")
    r = machine.ctl("apply", check=False)
    if r.rc == 0:
        pytest.skip("this kernel has vlans: nothing fails")
    assert "8021q" in r.stdout + r.stderr
    assert state(machine) == machine.before
    assert machine.world.pings("203.0.113.2")


def test_unconfirmed_goes_back(machine):
    """Under a connection that runs through the card; kvmhostctl's own session might be such a one."""
    machine.run("rm -f /run/enough")
    stream = Stream(machine, "watched", ["ip", "netns", "exec", machine.world.name], [], "203.0.113.2", 5005)
    put(machine, INHERIT)
    machine.run("systemd-run --quiet --unit=trial kvmhostctl apply --confirm 5s")
    wait_until(lambda: "master br0" in machine.run("ip link show eth0").stdout, 30, "the bridge")
    stream.flows()
    wait_until(lambda: state(machine) == machine.before, 30, "the card as it was")
    stream.flows()
    wait_until(lambda: not machine.active("trial"), what="kvmhostctl has ended")
    machine.run("touch /run/enough")
    stream.ended_whole()
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def over_the_link(machine, script, output):
    """A shell of the host's, on a connection that comes in through the card; what it says goes back the same way."""
    machine.run(["systemd-run", "--quiet", "--collect", "ip", "netns", "exec", machine.world.name, "sh", "-c",
                 f"(echo '{script}'; sleep 60) | socat -T 120 - TCP4:203.0.113.2:2222 >{output}"])


@pytest.fixture
def shell(machine):
    machine.run(["systemd-run", "--quiet", "--collect", "--unit=shell", "socat", "TCP4-LISTEN:2222,reuseaddr,fork", "EXEC:bash,stderr"])
    wait_until(lambda: ":2222 " in machine.run("ss -ltn").stdout, 30, "a shell")
    yield machine
    machine.run("systemctl stop shell")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_through_the_card_that_the_host_is_driven_by_confirmed(shell):
    put(shell, INHERIT)
    over_the_link(shell, "kvmhostctl apply --confirm 50s; echo status $?", "/run/session1")
    wait_until(lambda: "kvmhostctl confirm" in shell.run("cat /run/session1", check=False).stdout, 30, "the wait, told over it")
    over_the_link(shell, "kvmhostctl confirm; echo status $?", "/run/session2")
    for session in ("/run/session2", "/run/session1"):
        wait_until(lambda: "status 0" in shell.run(f"cat {session}", check=False).stdout, 30, "told over " + session)
    assert "master br0" in shell.run("ip link show eth0").stdout and shell.ctl("plan").rc == 0


def test_through_the_card_that_the_host_is_driven_by_unconfirmed(shell):
    put(shell, INHERIT)
    over_the_link(shell, "kvmhostctl apply --confirm 5s; echo status $?", "/run/session3")
    wait_until(lambda: "status 1" in shell.run("cat /run/session3", check=False).stdout, 30, "told over it")
    assert "put back" in shell.read("/run/session3")
    assert state(shell) == shell.before
    over_the_link(shell, "kvmhostctl status; echo status $?", "/run/session4")
    wait_until(lambda: "nobody confirmed it in time" in shell.run("cat /run/session4", check=False).stdout, 30, "it is held")


def test_a_route_of_a_nexthop_object_is_refused(machine):
    """It is an object of its own, which others may use too, and whoever made it keeps it as it was."""
    machine.run("ip nexthop add id 7 via 203.0.113.1 dev eth0")
    machine.run("ip route add 10.7.0.0/16 nhid 7")
    put(machine, INHERIT)
    r = machine.ctl("apply", check=False)
    said = r.stdout + r.stderr
    assert r.rc == 1 and "10.7.0.0/16" in said and "nexthop object" in said and "`via` and `dev`" in said, r
    machine.run("ip route del 10.7.0.0/16; ip nexthop del id 7")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_a_routers_nexthop_object_is_no_obstacle(machine):
    """As systemd-networkd makes them from 257 on (Debian 13); it removes them itself when it leaves the card alone."""
    machine.run("ip nexthop add id 8 via fe80::1 dev eth0 proto ra && ip -6 route add default nhid 8 proto ra metric 600 expires 600")
    put(machine, INHERIT)
    machine.ctl("apply")
    routes = machine.run("ip -6 route show default").stdout
    assert "via fe80::1 dev br0 proto ra" in routes and "dev eth0" not in routes, routes
    settle(machine, EMPTY, "--allow-mass-removal")
    routes = machine.run("ip -6 route show default").stdout
    assert "via fe80::1 dev eth0 proto ra metric 60" in routes and "br0" not in routes and "nhid" not in routes, routes
    machine.run("ip -6 route del default via fe80::1; ip nexthop del id 8")
    assert state(machine) == machine.before


def test_nexthop_objects_that_the_kernel_does_not_explain(machine):
    machine.run("sysctl -q net.ipv4.nexthop_compat_mode=0; ip nexthop add id 7 via 203.0.113.1 dev eth0; ip route add 10.7.0.0/16 nhid 7")
    try:
        put(machine, INHERIT)
        r = machine.ctl("apply", check=False)
        assert r.rc == 1 and "10.7.0.0/16" in r.stdout + r.stderr and "nexthop_compat_mode=1" in r.stdout + r.stderr, r
    finally:
        machine.run("ip route del 10.7.0.0/16; ip nexthop del id 7; sysctl -q net.ipv4.nexthop_compat_mode=1")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


@pytest.mark.parametrize("link, port, said", [
    ("mine link eth0 type macvlan", "eth0", "mine, a macvlan device, shares the card eth0"),
    ("mine link eth0 type macvlan; ip link set mine netns world-eth0", "eth0", "a macvlan of a container"),
    ("mine type dummy; ip tuntap add mine mode tun", "mine", "mine is a tun device without Ethernet frames")])
def test_what_cannot_be_a_port(machine, link, port, said):
    machine.run(f"ip link add {link}", check=False)
    put(machine, INHERIT.replace("eth0", port))
    r = machine.ctl("apply", check=False)
    assert r.rc == 1 and said in r.stdout + r.stderr and "= " in r.stdout + r.stderr, r
    machine.run("ip link del mine || ip -n world-eth0 link del mine")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_listed_addresses_that_reach_no_gateway(machine):
    """Told by the plan; before, the kernel refused the route in the middle and all went back."""
    def listed(*addresses):
        return f"version: 1\nbridges:\n  br0: {{ports: [eth0], addressing: [{', '.join(addresses)}]}}\n"

    machine.run("ip route add 10.77.0.0/16 via 203.0.113.1 dev eth0 onlink")
    for document in listed("203.0.113.2/24"), listed("2001:db8:1::2/64"):
        put(machine, document)
        plan = machine.ctl("plan", check=False)
        gateway = "2001:db8:1::1" if "203" in document else "203.0.113.1"
        assert plan.rc == 1 and f"via {gateway}" in plan.stdout + plan.stderr, plan
        assert f"cannot go along: of the addresses of br0 none reaches {gateway}" in plan.stdout + plan.stderr, plan
        assert machine.ctl("apply", check=False).rc == 1 and not machine.exists("/sys/class/net/br0")
    machine.run("ip route del 10.77.0.0/16")
    # one of a route's two gateways
    put(machine, listed("203.0.113.2/29", "2001:db8:1::2/64"))
    plan = machine.ctl("plan", check=False)
    said = plan.stdout + plan.stderr
    assert plan.rc == 1 and "the route 10.10.0.0/16 via 203.0.113.1 via 203.0.113.9 cannot go along" in said, plan
    assert "of br0 none reaches 203.0.113.9" in said and "host.yaml:3:" in said and "= list one that does" in said, plan
    assert machine.ctl("apply", check=False).rc == 1 and not machine.exists("/sys/class/net/br0")
    assert state(machine) == machine.before
    # also where the bridge is there, and its addresses change
    settle(machine, INHERIT)
    before = state(machine)
    put(machine, listed("203.0.113.7/24"))
    plan = machine.ctl("plan", check=False)
    assert plan.rc == 1 and "none reaches 2001:db8:1::1" in plan.stdout + plan.stderr, plan
    assert machine.ctl("apply", check=False).rc == 1 and state(machine) == before
    # and where one leaves the list; another port's way to the gateway is one, too
    settle(machine, listed("203.0.113.2/24", "2001:db8:1::7/64"))
    put(machine, listed("203.0.113.2/24"))
    plan = machine.ctl("plan", check=False)
    assert plan.rc == 1 and "none reaches 2001:db8:1::1" in plan.stdout + plan.stderr, plan
    settle(machine, EMPTY, "--allow-mass-removal")
    machine.run("ip link add card type veth peer name cable; ip link set card up; ip link set cable up; "
                "ip route add 2001:db8:1::1 dev card; ip route add 2001:db8:1::9 dev card")
    put(machine, listed("203.0.113.3/24").replace("eth0", "eth0, card"))
    assert machine.ctl("plan", check=False).rc == 2
    machine.run("ip route del 2001:db8:1::1 dev card")
    assert machine.ctl("plan", check=False).rc == 1
    machine.run("ip link del card")
    assert state(machine) == machine.before


def test_routes_that_speak_from_an_address_that_goes(machine):
    """The kernel drops them from its main table, and refuses them in others: they speak from a listed one."""
    machine.run("ip route add 10.78.0.0/16 via 203.0.113.1 src 203.0.113.3; ip -6 route add 2001:db8:78::/48 via 2001:db8:1::1 src 2001:db8:1::3")
    before = state(machine)
    settle(machine, "version: 1\nbridges:\n  br0: {ports: [eth0], addressing: [203.0.113.2/24, '2001:db8:1::7/64']}\n")
    routes = machine.run("ip route; ip route show table 77; ip -6 route").stdout
    for there in "10.78.0.0/16 via 203.0.113.1 dev br0", "10.9.0.0/16 via 203.0.113.1 dev br0", "2001:db8:78::/48 via 2001:db8:1::1 dev br0":
        assert f"{there} " in routes, routes
    assert "203.0.113.3" not in routes and "src 2001:db8:1::3" not in routes, routes
    assert machine.ctl("plan").rc == 0
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == before
    machine.run("ip route del 10.78.0.0/16; ip -6 route del 2001:db8:78::/48")


def test_ports_of_others_stay(machine):
    settle(machine, INHERIT)
    box = machine.client("box", "br0", "203.0.113.50/24", "203.0.113.1")
    assert box.pings("203.0.113.1") and box.pings("203.0.113.2")
    assert machine.ctl("plan").rc == 0
    settle(machine, INHERIT.replace("}", ", mtu: 1500}"))
    assert "master br0" in machine.run("ip link show port-box").stdout
    put(machine, EMPTY)
    r = machine.ctl("apply", "--allow-mass-removal", check=False)
    assert r.rc == 1 and "port-box" in r.stdout + r.stderr
    assert box.pings("203.0.113.1") and machine.world.pings("203.0.113.2")
    machine.unplug("box")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_a_card_as_clouds_set_it_up(machine):
    """An address by itself, a gateway that is outside of every network, and for IPv6 one that is of the link alone."""
    machine.run("ip netns add cloud; ip link add eth9 type veth peer name eth0 netns cloud; ip link set eth9 up")
    cloud = Netns(machine, "cloud", None)
    cloud.run("ip link set lo up; ip link set eth0 up; ip addr add 172.31.1.1/32 dev eth0; ip addr add fe80::1/64 dev eth0 nodad; "
              "ip addr add 100.64.0.1/32 dev lo; ip addr add 2001:db8:6::1/128 dev lo; "
              "ip route add 198.51.100.200 dev eth0 src 100.64.0.1; ip route add 2001:db8:5::/64 dev eth0 src 2001:db8:6::1")
    machine.run("ip addr add 198.51.100.200/32 dev eth9; ip addr add 2001:db8:5::2/64 dev eth9; "
                "ip route add 100.64.0.0/10 via 172.31.1.1 dev eth9 onlink; ip route add 2001:db8:6::/48 via fe80::1 dev eth9")
    before = machine.run("ip -o addr show eth9; ip route; ip -6 route show dev eth9").stdout
    reaches = "ping -n -q -c 1 -W 2 100.64.0.1 && ping -n -q -c 1 -W 2 2001:db8:6::1"
    pings = Pings(cloud, "198.51.100.200"), Pings(cloud, "2001:db8:5::2", name="pings6")
    settle(machine, "version: 1\nbridges:\n  br9: {ports: [eth9]}\n")
    machine.run(reaches)
    assert "via 172.31.1.1 dev br9 onlink" in machine.run("ip route").stdout
    settle(machine, EMPTY, "--allow-mass-removal")
    machine.run(reaches)
    assert max(p.lost() for p in pings) <= INSTANT
    assert machine.run("ip -o addr show eth9; ip route; ip -6 route show dev eth9").stdout == before
    machine.run("ip link del eth9; ip netns del cloud")
    assert state(machine) == machine.before


@pytest.mark.parametrize("setting, value", [("disable_ipv6", 1), ("accept_ra", 0)])
def test_a_bridge_speaks_no_more_ipv6_than_its_card(machine, setting, value):
    """Nor does what the bridge knows of IPv6 keep the card from coming back."""
    sysctl = "/proc/sys/net/ipv6/conf/"
    machine.run(f"ip link add eth9 type veth peer name peer9; ip link set eth9 up; ip link set peer9 up; echo {value} >{sysctl}eth9/{setting}; "
                "ip addr add 198.51.100.200/24 dev eth9")
    settle(machine, "version: 1\nbridges:\n  br9: {ports: [eth9]}\n")
    assert machine.read(f"{sysctl}br9/{setting}") == f"{value}\n"
    machine.run("ip link del br9")
    machine.ctl("apply")
    assert machine.read(f"{sysctl}br9/{setting}") == f"{value}\n" and machine.ctl("plan").rc == 0
    machine.run(f"echo 0 >{sysctl}br9/disable_ipv6; ip neigh add fe80::99 lladdr 02:00:00:00:00:99 dev br9 nud stale")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert "198.51.100.200/24" in machine.run("ip addr show eth9").stdout and machine.read(f"{sysctl}eth9/{setting}") == f"{value}\n"
    machine.run("ip link del eth9")
    assert state(machine) == machine.before


def test_settings_and_proxies_of_the_card(machine):
    """What somebody set for the card alone, and whom the host answers for by it, by packets too."""
    conf = "/proc/sys/net/{}/conf/{}/{}"
    values = {("ipv4", "rp_filter"): "2", ("ipv4", "proxy_arp"): "1", ("ipv4", "arp_ignore"): "1", ("ipv4", "forwarding"): "1",
              ("ipv6", "proxy_ndp"): "1"}

    def read(link):
        return {key: machine.read(conf.format(key[0], link, key[1])).strip() for key in values}

    usual = read("default")
    assert not set(usual.items()) & set(values.items())
    for key, value in values.items():
        machine.run(f"echo {value} >{conf.format(key[0], 'eth0', key[1])}")
    machine.run("ip neigh add proxy 192.0.2.55 dev eth0; ip -6 neigh add proxy 2001:db8:1::55 dev eth0")
    try:
        settle(machine, INHERIT)
        assert read("br0") == values and read("default") == usual
        proxies = machine.run("ip neigh show proxy; ip -6 neigh show proxy").stdout
        assert "192.0.2.55 dev br0" in proxies and "2001:db8:1::55 dev br0" in proxies and "eth0" not in proxies
        # what somebody says of the bridge counts
        machine.run(f"echo 0 >{conf.format('ipv4', 'br0', 'proxy_arp')}")
        assert machine.ctl("plan").rc == 0 and machine.ctl("apply").rc == 0
        assert machine.read(conf.format("ipv4", "br0", "proxy_arp")).strip() == "0"
        # asked who has it, the host answers, and not for its neighbour
        machine.world.run("busybox arping -c 1 -w 5 -I eth0 192.0.2.55 && ! busybox arping -c 1 -w 2 -I eth0 192.0.2.56")
        settle(machine, EMPTY, "--allow-mass-removal")
        proxies = machine.run("ip neigh show proxy; ip -6 neigh show proxy").stdout
        assert "192.0.2.55 dev eth0" in proxies and "2001:db8:1::55 dev eth0" in proxies and "br0" not in proxies
        assert read("eth0") == values
    finally:
        machine.run("ip neigh del proxy 192.0.2.55 dev eth0; ip -6 neigh del proxy 2001:db8:1::55 dev eth0", check=False)
        for key, value in usual.items():
            machine.run(f"echo {value} >{conf.format(key[0], 'eth0', key[1])}")
    assert state(machine) == machine.before


def test_from_one_bridge_to_another(machine):
    settle(machine, INHERIT)
    settle(machine, "version: 1\nbridges:\n  br1: {ports: [eth0]}\n")
    assert machine.world.pings("203.0.113.2")
    assert "203.0.113.2/24" in machine.run("ip addr show br1").stdout
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_after_a_deleted_bridge(machine):
    settle(machine, INHERIT)
    machine.run("ip link del br0")
    assert not machine.world.pings("203.0.113.2")
    machine.ctl("apply")
    assert machine.world.pings("203.0.113.2")
    assert machine.ctl("plan").rc == 0
    # the other card's route went with the address it speaks from; whoever made it makes it again
    machine.run("ip route add 10.8.0.0/16 dev other src 203.0.113.2")
    settle(machine, EMPTY, "--allow-mass-removal")
    assert state(machine) == machine.before


def test_after_a_deleted_bridge_of_somebody_else(machine):
    """It was there before kvmhost, took a card by kvmhost, and was deleted by hand before the document dropped it."""
    machine.run("ip link add br0 type bridge; ip link set br0 up")
    settle(machine, INHERIT)
    machine.run("ip link del br0; ip route add 10.8.0.0/16 dev other")
    settle(machine, EMPTY, "--allow-mass-removal")
    machine.run("ip route replace 10.8.0.0/16 dev other src 203.0.113.2")
    assert state(machine) == machine.before


def test_the_host_keeps_its_way_out(machine):
    """A bridge that is set down loses its routes; one through a port hears no answer. Both are heard of and put right."""
    settle(machine, INHERIT)
    machine.run("systemctl start kvmhostd")
    try:
        since = machine.cursor()
        machine.run("ip link set br0 down; ip link set br0 up")
        wait_until(lambda: machine.run("ping -n -q -c 1 -W 1 198.51.100.1", check=False).rc == 0, 5, "the world by the default route")
        assert "2001:db8:1::1 dev br0" in machine.run("ip -6 route show default").stdout
        assert "10.9.0.0/16" in machine.run("ip route show table 77").stdout
        machine.run("ip route del default")
        wait_until(lambda: machine.run("ping -n -q -c 1 -W 1 198.51.100.1", check=False).rc == 0, 5, "the default route again")
        machine.run("ip route add 198.51.100.1 via 203.0.113.1 dev eth0 onlink")
        wait_until(lambda: machine.run("ping -n -q -c 1 -W 1 198.51.100.1", check=False).rc == 0, 5, "the world, not through the port")
        assert machine.run("ip route show dev eth0").stdout == "" and "dev br0" in machine.run("ip route get 198.51.100.1").stdout
        wait_until(lambda: "route through eth0" in machine.said("kvmhostd", since), 10, "a line in the journal")
        said = machine.said("kvmhostd", since)
        assert "route through br0" in said, said
        assert machine.ctl("plan", check=False).rc == 0
    finally:
        machine.run("systemctl stop kvmhostd")
    settle(machine, EMPTY, "--allow-mass-removal")
    machine.run("ip route del 198.51.100.1 dev eth0")  # it was set up for the card, and came back to it
    assert state(machine) == machine.before


def test_killed_while_taking_and_giving_back(machine):
    put(machine, INHERIT)
    where = points(machine, 16)
    applied = state(machine)
    put(machine, EMPTY)
    machine.ctl("apply", "--allow-mass-removal")
    hits = 0
    for n in where:
        put(machine, INHERIT)
        hits += killed(machine, n)
        machine.ctl("apply")
        assert state(machine) == applied, f"killed at {n}"
        assert machine.ctl("plan").rc == 0
        put(machine, EMPTY)
        hits += killed(machine, n, "--allow-mass-removal")
        machine.ctl("apply", "--allow-mass-removal")
        assert state(machine) == machine.before, f"killed at {n}"
    assert hits >= len(where) - 2


def test_the_same_after_a_reboot(machine):
    """Whoever set up the card does it again, and kvmhostd takes it again."""
    settle(machine, INHERIT)
    machine.run("systemctl enable kvmhostd")
    machine.reboot()
    wait_until(lambda: "203.0.113.2/24" in machine.run("ip addr show br0", check=False).stdout, 30, "the bridge")
    assert machine.world.pings("203.0.113.2")
    assert "default via 203.0.113.1 dev br0" in machine.run("ip route").stdout
    wait_until(lambda: machine.active("kvmhostd"), what="kvmhostd up")
    assert machine.ctl("plan").rc == 0
