# SPDX-License-Identifier: GPL-2.0-or-later
"""DHCP, DNS, TFTP and port forwards, with clients in namespaces, real guests, and a guest of ours that boots from the network."""
import json
import re

import pytest
from documents import EMPTY, everything, put, settle
from harness import wait_until
from test_crash import killed, points

BACKENDS = ["iptables", "nftables"]
WEB1_MAC = "52:54:00:1a:b3:4a"
DOCUMENT = """\
version: 1
networks:
  default:
    bridge: virbr0
    addresses: [192.168.122.1/24]
    dhcp:
      range: [192.168.122.100, 192.168.122.200]
      hosts:
        web1: {address: 192.168.122.10}
    dns: {domain: guests.internal}
    tftp: {root: /srv/tftp, boot_file: boot.ipxe}
    forwards:
      - {protocol: tcp, host_port: 8080, to: "192.168.122.10:80"}
  lab:
    mode: isolated
    bridge: virbr1
    addresses: [10.9.0.1/24]
    dhcp: {range: [10.9.0.2, 10.9.0.254], lease_time: infinite}
  open:
    mode: routed
    bridge: virbr2
    addresses: [10.10.0.1/24]
    dns: {}
guests:
  web1:
    state: stopped
    memory: {size: 192MiB}
    kernel:
      image: /srv/boot/vmlinuz
      initrd: /srv/boot/initrd.img
      cmdline: "console=ttyS0 quiet no_timer_check ip=dhcp hostname=web1"
    interfaces: [{network: default, mac: "52:54:00:1a:b3:4a"}]
    shutdown: {timeout: 10s}
  web2:
    state: stopped
    memory: {size: 192MiB}
    kernel:
      image: /srv/boot/vmlinuz
      initrd: /srv/boot/initrd.img
      cmdline: "console=ttyS0 quiet no_timer_check ip=dhcp hostname=localhost"
    interfaces: [{network: default}]
    shutdown: {timeout: 10s}
"""
LEASE = r"""#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev $interface
ip addr add $ip/$mask dev $interface
[ -z "$router" ] || ip route add default via $router
echo "lease ip=$ip router=$router dns=$dns domain=$domain boot_file=$boot_file lease=$lease"
"""
UNIT = "kvmhost-network@default"


# Says of the first packet to a DHCP client whether its UDP checksum is true, as one sees it who looks at packets himself.
CHECKSUM = r"""
import socket, struct
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
s.bind(("eth0", 0x0800))
open("/run/listens", "w").close()
while True:
    p = s.recv(4096)
    udp = p[(p[0] & 15) * 4:struct.unpack("!H", p[2:4])[0]]
    if p[9] == 17 and udp[2:4] == b"\0\x44":
        break
data = p[12:20] + struct.pack("!HH", 17, len(udp)) + udp + b"\0" * (len(udp) % 2)
total = sum(struct.unpack(f"!{len(data) // 2}H", data))
open("/run/checksum", "w").write("true" if total and total % 0xffff == 0 else "false")
"""


@pytest.fixture(scope="module")
def host(capsule):
    capsule.write("/usr/local/bin/lease", LEASE, 0o755)
    capsule.run("mkdir -p /srv/tftp && echo 'hello by tftp' >/srv/tftp/hello")
    capsule.world = capsule.uplink()
    capsule.world.serve(80)
    capsule.run(["systemd-run", "--quiet", "--unit=world-dns", "ip", "netns", "exec", capsule.world.name, "dnsmasq",
                 "-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
                 "--address=/outside.example/203.0.113.77"])
    capsule.run("rm -f /etc/resolv.conf")  # of systemd-resolved, which does not run here, a link to nothing
    capsule.write("/etc/resolv.conf", "search example\nnameserver 203.0.113.1\n")
    wait_until(lambda: capsule.world.pings("203.0.113.2"), 30, "the new card's carrier")
    capsule.clean = state(capsule)
    return capsule


@pytest.fixture
def served(host):
    settle(host, DOCUMENT)
    return host


def state(capsule):
    """All that must come back: everything(), and what is this module's."""
    return re.sub(r"<[^>]*> | state [A-Z]+", "", everything(capsule)) + capsule.run(
        "ls -d /run/kvmhost/networks /var/lib/kvmhost/networks /var/lib/private/kvmhost 2>/dev/null; "
        "systemctl list-units --all --no-legend --plain 'kvmhost-network@*'; pgrep -c dnsmasq", check=False).stdout


def client(host, name, bridge="virbr0", mac=None):
    """A namespace with a lease; what the server told it is in .lease."""
    space = host.client(name, bridge)
    if mac:
        space.run(f"ip link set eth0 address {mac}")
    renew(space)
    return space


def renew(space):
    said = space.run("busybox udhcpc -i eth0 -n -q -f -t 8 -T 1 -s /usr/local/bin/lease", timeout=30).stdout
    space.lease = dict(word.partition("=")[::2] for word in re.search("lease (.*)", said)[1].split(" "))
    space.address = space.lease["ip"]


def leases(host):
    said = json.loads(host.ctl("--json", "status", check=False).stdout)["networks"]
    return {network["name"]: network["leases"] for network in said}["default"]


def resolve(space, name, server="192.168.122.1"):
    said = space.run(f"busybox nslookup -type=a {name} {server}", check=False, timeout=20).stdout
    found = re.findall(r"Address: *([0-9.]+)$", said.split("Name:", 1)[-1], re.M) if "Name:" in said else []
    return found[0] if found else None


def main_pid(host, unit=UNIT):
    return host.run(f"systemctl show -p MainPID --value {unit}").stdout.strip()


def test_lease_names_and_the_world(served):
    a = client(served, "a")
    try:
        assert 100 <= int(a.address.split(".")[3]) <= 200
        assert a.lease["router"] == a.lease["dns"] == "192.168.122.1"
        assert (a.lease["domain"], a.lease["boot_file"], a.lease["lease"]) == ("guests.internal", "boot.ipxe", "43200")
        assert a.ask("203.0.113.1", 80) == "203.0.113.2", "not masqueraded"
        assert resolve(a, "web1.guests.internal") == resolve(a, "web1") == "192.168.122.10"
        assert resolve(a, "outside.example") == "203.0.113.77", "the host's resolvers are not asked"
        assert resolve(a, "nobody.guests.internal") is None
        leases = json.loads(served.ctl("--json", "status", check=False).stdout)["networks"]
        mine = {n["name"]: n["leases"] for n in leases}["default"]
        assert [lease["address"] for lease in mine] == [a.address] and mine[0]["expires"] > 0
        assert a.address in served.ctl("status", check=False).stdout
    finally:
        served.unplug("a")


def test_the_checksum_of_an_offer(served):
    """iptables has it filled in, for old clients; nftables cannot, so that this tells the two apart (docs/design.md)."""
    old = served.client("old", "virbr0")
    try:
        served.write("/run/look.py", CHECKSUM)
        served.run("rm -f /run/listens /run/checksum; systemd-run -q --collect --unit=look ip netns exec old python3 /run/look.py")
        wait_until(lambda: served.exists("/run/listens"), 20, "somebody who looks")
        renew(old)
        wait_until(lambda: served.exists("/run/checksum") and served.read("/run/checksum"), 20, "an offer")
        assert served.read("/run/checksum") == ("true" if served.backend == "iptables" else "false")
    finally:
        served.unplug("old")


def test_fixed_address_and_forward(served):
    web1, other = client(served, "web", mac=WEB1_MAC), client(served, "other")
    try:
        assert web1.address == "192.168.122.10"
        web1.serve(80)
        world = served.world
        assert world.ask("203.0.113.2", 8080) == "203.0.113.1", "from outside, seen as who it is"
        assert world.ask("203.0.113.2", 80, timeout=1) == ""
        assert other.ask("203.0.113.2", 8080) == "192.168.122.1", "by way of the host, and back the same way"
        own = served.run("echo | socat -t3 - TCP:203.0.113.2:8080,connect-timeout=3").stdout.strip()
        assert own in ("203.0.113.2", "192.168.122.1"), "from the host itself"
        # what is not forwarded stays shut, also at the forwarded port of the guest itself
        world.run("ip route replace 192.168.122.0/24 via 203.0.113.2")
        assert world.ask("192.168.122.10", 80, timeout=1) == ""
        world.run("ip route del 192.168.122.0/24")
        if served.backend == "nftables":
            assert "192.168.122.10 . 80" in served.run("nft list table ip kvmhost").stdout
            served.run("nft list ruleset | sed 's/table ip kvmhost/table ip copied/' | nft -c -f -")
        else:
            saved = served.run("iptables-legacy-save").stdout
            assert "--to-destination 192.168.122.10:80" in saved and "unsupported" not in saved
            served.run("iptables-legacy-save | iptables-legacy-restore --test")
    finally:
        served.unplug("web", "other")


def test_an_isolated_network_reaches_nobody(served):
    a, b = client(served, "a", "virbr1"), client(served, "b", "virbr1")
    routed = served.client("r", "virbr2", "10.10.0.5/24", "10.10.0.1")
    try:
        assert a.lease["router"] == "" and a.lease["lease"] == "4294967295"
        assert a.pings(b.address) and a.pings("10.9.0.1")
        # even one that makes itself a route
        a.run("ip route add default via 10.9.0.1")
        routed.serve(80)
        assert a.ask("203.0.113.1", 80, timeout=1) == ""
        assert a.ask("10.10.0.5", 80, timeout=1) == "", "not even another network that lets everybody in"
        assert routed.ask("203.0.113.1", 80, timeout=1) == "", "its addresses are not known out there"
        assert resolve(a, "outside.example", "10.9.0.1") is None, "names are a way out too"
        assert resolve(routed, "outside.example", "10.10.0.1") == "203.0.113.77"
    finally:
        served.unplug("a", "b", "r")


def test_tftp(served):
    a = client(served, "a")
    try:
        a.run("busybox tftp -g -r hello -l /tmp/got 192.168.122.1", timeout=20)
        assert served.read("/tmp/got") == "hello by tftp\n"
        assert a.run("busybox tftp -g -r ../etc/passwd -l /tmp/not 192.168.122.1", check=False, timeout=20).rc
    finally:
        served.unplug("a")


def test_a_host_whose_firewall_refuses(served):
    """Guests' questions are let in by rules of ours where the policy is DROP; `auto` speaks iptables there."""
    put(served, DOCUMENT + "host: {firewall: {backend: auto}}\n")
    served.run("iptables-legacy -P INPUT DROP; iptables-legacy -P OUTPUT DROP; "
               "iptables-legacy -A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; "
               "iptables-legacy -A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT")
    try:
        served.ctl("apply")
        a = client(served, "a")
        assert resolve(a, "web1") == "192.168.122.10"
    finally:
        served.run("iptables-legacy -P INPUT ACCEPT; iptables-legacy -P OUTPUT ACCEPT; "
                   "iptables-legacy -D INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT; "
                   "iptables-legacy -D OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT")
        served.unplug("a")


def test_it_is_confined(served):
    pid = main_pid(served)
    status = dict(line.split(":\t", 1) for line in served.read(f"/proc/{pid}/status").splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split()
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 1 << 10 | 1 << 12 | 1 << 13
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    seen = served.run(f"nsenter -t {pid} -m ls /var/lib/private/kvmhost/networks /var/lib/kvmhost/networks/default").stdout
    assert "lab" not in seen and "leases" in seen
    assert served.run(f"nsenter -t {pid} -m touch /usr/bin/x", check=False).rc
    # CAP_NET_ADMIN would let it
    said = served.run(f"nsenter -t {pid} -m bash -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'", check=False).stderr
    assert "Read-only file system" in said, said
    # anybody may open this one
    said = served.run(f"echo $$ >/sys/fs/cgroup$(sed -n s/^0:://p /proc/{pid}/cgroup)/cgroup.procs; exec 3<>/dev/net/tun",
                      check=False).stderr
    assert "/dev/net/tun: Operation not permitted" in said, said
    assert "inotify" not in served.run(f"ls -l /proc/{pid}/fd").stdout


def test_hosts_change_without_restart(served):
    pid, a = main_pid(served), client(served, "a", mac=WEB1_MAC)
    try:
        put(served, DOCUMENT.replace("web1: {address: 192.168.122.10}", "web1: {address: 192.168.122.12}")
            .replace('forwards:\n      - {protocol: tcp, host_port: 8080, to: "192.168.122.10:80"}', "forwards: []"))
        plan = served.ctl("plan", check=False).stdout
        assert re.search(r"~ dnsmasq/default.*\n +hosts.web1.address +192.168.122.10 -> 192.168.122.12", plan), plan
        served.ctl("apply")
        assert served.ctl("plan").rc == 0
        wait_until(lambda: resolve(a, "web1") == "192.168.122.12", 30, "the new name", 0.3)
        renew(a)
        assert a.address == "192.168.122.12"
        assert main_pid(served) == pid
        served.write("/etc/resolv.conf", "nameserver 203.0.113.1\nnameserver 203.0.113.9\n")
        plan = served.ctl("plan", check=False).stdout
        assert "servers" in plan and "203.0.113.9" in plan
        served.ctl("apply")
        assert main_pid(served) == pid
    finally:
        served.write("/etc/resolv.conf", "nameserver 203.0.113.1\n")
        served.unplug("a")


def test_a_new_range_restarts_and_keeps_leases(served):
    pid, a = main_pid(served), client(served, "a")
    try:
        lab = main_pid(served, "kvmhost-network@lab")
        settle(served, DOCUMENT.replace("192.168.122.200]", "192.168.122.210]"))
        assert main_pid(served) != pid
        assert main_pid(served, "kvmhost-network@lab") == lab, "the other network was left alone"
        assert a.address in served.ctl("status", check=False).stdout
        had = a.address
        renew(a)
        assert a.address == had
        settle(served, DOCUMENT.replace("dns: {domain: guests.internal}", "dns: {}"))
        assert "domain" not in served.read("/run/kvmhost/networks/default/dnsmasq.conf").replace("domain-needed", "")
    finally:
        served.unplug("a")


def test_leases_that_a_change_leaves_behind(served):
    """Of a subnet that is gone, and of an address that the document gives to another guest: told by the plan, and by status
    until the guest has asked again."""
    def trouble(address):
        return [lease["trouble"] for lease in leases(served) if lease["address"] == address and lease["trouble"]]

    a, web = client(served, "a"), served.client("web", "virbr0")
    try:
        had = a.address
        put(served, DOCUMENT.replace("192.168.122.", "192.168.150."))
        plan = served.ctl("plan", check=False).stdout
        assert "dnsmasq is restarted; " in plan and " is leased to " in plan and "of no subnet of the network" in plan, plan
        served.ctl("apply")
        assert [lease["trouble"] for lease in leases(served) if lease["address"] == had] == ["it is of no subnet of the network"]
        assert re.search(rf"{had} .*\n +it is of no subnet of the network\n += restart the guest", served.ctl("status").stdout)
        renew(a)
        assert a.address.startswith("192.168.150.") and not trouble(a.address)
        settle(served, DOCUMENT)
        renew(a)
        text = DOCUMENT.replace("192.168.122.10}", a.address + "}").replace("192.168.122.10:80", a.address + ":80")
        put(served, text)
        plan = served.ctl("plan", check=False).stdout
        assert f"{a.address} is leased to " in plan and "the document gives it to web1" in plan, plan
        served.ctl("apply")
        assert [lease["trouble"] for lease in leases(served) if lease["address"] == a.address] == ["the document gives it to web1"]
        web.run(f"ip link set eth0 address {WEB1_MAC}")
        had = a.address
        renew(a)
        renew(web)
        assert a.address != had == web.address and not trouble(a.address) and not trouble(web.address), leases(served)
    finally:
        served.unplug("a", "web")


def test_killed_it_comes_back(served):
    pid = main_pid(served)
    served.run(f"kill -9 {pid}")
    wait_until(lambda: main_pid(served) not in ("0", pid), 30, "restarted by systemd", 0.05)
    wait_until(lambda: served.active(UNIT), what="it serves")
    plan = served.ctl("plan", check=False)
    assert plan.rc == 0, plan
    served.run(f"systemctl stop {UNIT}")
    plan = served.ctl("plan", check=False)
    assert plan.rc == 2 and "stopped -> running" in plan.stdout
    served.ctl("apply")
    assert main_pid(served) != "0" and served.ctl("plan").rc == 0


def test_systemd_watches_the_right_process(served):
    """It is told which one that is: a guess was a child that ended, once in some thousand starts."""
    for _ in range(5):
        pid = main_pid(served)
        assert pid == served.read("/var/lib/kvmhost/networks/default/pid").strip()
        assert served.read(f"/proc/{pid}/comm") == "dnsmasq\n"
        assert served.run(f"systemctl show -P NRestarts {UNIT}").stdout == "0\n"
        served.run(f"systemctl restart {UNIT}")
    assert main_pid(served) != pid


def test_a_compromised_dnsmasq_is_confined(served):
    """A stand-in plays it. What no setting of the unit names is kept out by its user, its capabilities and its system calls."""
    attacks = {"hostname": 'hostname "$(uname -n)"', "kernel-log": "dmesg -S", "kernel-ring": "head -c 1 /proc/kmsg",
               "real-time": "chrt -r 1 true", "personality": "setarch --addr-no-randomize true", "namespace": "unshare -U true",
               "sysctl": "echo 1 >/proc/sys/net/ipv4/ip_forward", "groups": "mkdir /sys/fs/cgroup/evil && rmdir /sys/fs/cgroup/evil",
               "other-network": "ls /var/lib/private/kvmhost/networks/default", "usr": "touch /usr/bin/evil && rm /usr/bin/evil"}
    served.write("/usr/sbin/stand-in", "#!/bin/bash\n" + "".join(
        f"if ({attack}) >/dev/null 2>&1; then echo attack {name}: open; else echo attack {name}: shut; fi\n"
        for name, attack in attacks.items()) + "exit 1\n", 0o755)  # nobody tries again
    tried = lambda said: dict(re.findall(r"attack ([a-z-]+): (open|shut)", said))  # noqa: E731
    here = tried(served.run("stand-in", check=False).stdout)
    assert here == {name: "open" for name in attacks}, "an attack that root cannot do either proves nothing"
    since = served.cursor()
    served.run("mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.real; mv /usr/sbin/stand-in /usr/sbin/dnsmasq")
    try:
        served.run("systemctl restart kvmhost-network@lab", check=False)
        said = served.said("kvmhost-network@lab", since)
        assert tried(said) == {name: "shut" for name in attacks}, said
    finally:
        served.run("mv /usr/sbin/dnsmasq.real /usr/sbin/dnsmasq; systemctl reset-failed kvmhost-network@lab")
    settle(served, DOCUMENT)


def test_drift(served):
    """Files that somebody changed, and a bridge that was deleted."""
    served.run("echo log-queries >>/run/kvmhost/networks/default/dnsmasq.conf; rm /run/kvmhost/networks/default/names")
    plan = served.ctl("plan", check=False)
    assert plan.rc == 2 and "dnsmasq.conf" in plan.stdout and "names" in plan.stdout
    served.ctl("apply")
    assert served.ctl("plan").rc == 0
    served.run("ip link del virbr0")
    served.ctl("apply")
    assert served.ctl("plan").rc == 0
    a = client(served, "a")
    served.unplug("a")
    served.run("ip link set virbr0 down; ip link set virbr0 name virbr9")
    settle(served, DOCUMENT)
    a = client(served, "a")
    assert resolve(a, "web1") == "192.168.122.10"
    served.unplug("a")
    settle(served, DOCUMENT.replace("bridge: virbr0", "bridge: vnew0").replace("192.168.122.", "192.168.124."))
    a = client(served, "a", "vnew0")
    assert a.address.startswith("192.168.124.")
    served.unplug("a")


@pytest.mark.parametrize("args, port", [("", "port 53 at 0.0.0.0"),
                                        ("--port=0 --dhcp-range=10.1.0.2,10.1.0.9", "port 67 at 0.0.0.0")])
def test_a_taken_port_names_its_holder(host, args, port):
    settle(host, EMPTY, "--allow-mass-removal")
    host.run(f"systemd-run --quiet --unit=somebody dnsmasq -k --conf-file=/dev/null --no-resolv --pid-file= {args}")
    wait_until(lambda: "dnsmasq" in host.run("ss -lunp").stdout, 30, "somebody's dnsmasq listening")
    pid = main_pid(host, "somebody")
    put(host, DOCUMENT)
    try:
        for how in ("ctl", "daemon"):
            if how == "ctl":
                said = str(host.ctl("apply", check=False))
            else:
                host.run("systemctl start kvmhostd", timeout=120)
                assert host.reload_daemon(check=False).rc
                said = host.ctl("status", check=False).stdout
                host.run("systemctl stop kvmhostd")
            assert f"dnsmasq (pid {pid}, somebody.service) has" in said and port in said, said
            assert "systemctl stop somebody.service" in said
    finally:
        host.run("systemctl stop somebody kvmhostd")
    settle(host, DOCUMENT)


def test_a_missing_tftp_root_is_told(host):
    put(host, DOCUMENT.replace("/srv/tftp", "/srv/nothing"))
    r = host.ctl("apply", check=False)
    assert r.rc == 1 and "no directory /srv/nothing" in r.stdout + r.stderr
    settle(host, DOCUMENT)


def test_everything_is_given_back(host):
    settle(host, DOCUMENT)
    # one network stops serving, another goes
    settle(host, DOCUMENT.replace("    dns: {}\n", "").replace("  lab:\n", "  lab2:\n"))
    assert host.run("ls /run/kvmhost/networks").stdout.split() == ["default", "lab2"]
    assert host.run("ls /var/lib/kvmhost/networks /var/lib/private/kvmhost/networks").stdout.count("default") == 2
    settle(host, EMPTY, "--allow-mass-removal")
    assert state(host) == host.clean


def test_the_daemon_may_do_all_of_it(host):
    """Its unit is confined too."""
    settle(host, EMPTY, "--allow-mass-removal")
    put(host, DOCUMENT)
    host.run("systemctl start kvmhostd", timeout=120)
    try:
        pid = main_pid(host)
        assert pid != "0" and host.ctl("plan").rc == 0
        put(host, DOCUMENT.replace("    dns: {}\n", "").replace("  lab:\n", "  lab2:\n").replace("192.168.122.10}", "192.168.122.12}"))
        host.reload_daemon()
        assert main_pid(host) == pid
        assert host.run("ls /run/kvmhost/networks").stdout.split() == ["default", "lab2"]
        assert host.run("ls /var/lib/private/kvmhost/networks").stdout.split() == ["default", "lab2"]
    finally:
        host.run("systemctl stop kvmhostd")


def test_released_without_a_record(host):
    settle(host, DOCUMENT)
    put(host, EMPTY)
    host.run("rm /var/lib/kvmhost/record.json")
    host.ctl("apply", "--allow-mass-removal")
    host.run("echo 0 >/proc/sys/net/ipv4/ip_forward; rm -f /etc/sysctl.d/90-kvmhost.conf")
    assert state(host) == host.clean


def test_a_removal_cut_off_before_its_last_link(host):
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("mkdir -p /var/lib/kvmhost/networks && "
             "ln -s ../../private/kvmhost/networks/gone /var/lib/kvmhost/networks/gone")
    settle(host, EMPTY)
    assert state(host) == host.clean


def test_killed_in_the_middle(host):
    """kill -9 of apply anywhere: the next one ends where an unharmed one does."""
    put(host, DOCUMENT)
    where = points(host, 14)
    settled = host.run("cat /run/kvmhost/networks/*/*").stdout
    clear = re.compile(r'"link":\d+')
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    hits = 0
    for n in where:
        put(host, DOCUMENT)
        hits += killed(host, n)
        host.ctl("apply")
        assert host.ctl("plan").rc == 0, f"killed at {n}"
        assert clear.sub("", host.run("cat /run/kvmhost/networks/*/*").stdout) == clear.sub("", settled)
        assert main_pid(host) != "0"
        put(host, EMPTY)
        hits += killed(host, n, "--allow-mass-removal")
        host.ctl("apply", "--allow-mass-removal")
        assert state(host) == host.clean, f"killed at {n}"
    assert hits >= len(where) - 2


def test_killed_while_changing(host):
    """Between the file and the signal: what dnsmasq was not told is told by the next apply."""
    one = DOCUMENT.replace('forwards:\n      - {protocol: tcp, host_port: 8080, to: "192.168.122.10:80"}', "forwards: []")
    two = one.replace("web1: {address: 192.168.122.10}", "web1: {address: 192.168.122.13}")
    settle(host, one)
    put(host, two)
    where = points(host, 8)
    a = host.client("a", "virbr0", "192.168.122.99/24")
    for n in where:
        settle(host, one)
        put(host, two)
        killed(host, n)
        settle(host, two)
        wait_until(lambda: resolve(a, "web1") == "192.168.122.13", 30, f"the new name, killed at {n}", 0.3)
    host.unplug("a")


def test_real_guests(host):
    host.add_guest_kernel()
    settle(host, DOCUMENT.replace("    state: stopped\n", ""))
    consoles = [host.console(f"/run/kvmhost/guests/{name}/console.sock") for name in ("web1", "web2")]
    for console in consoles:
        console.ready(150)
    one, two = consoles
    assert "lease: 192.168.122.10/24" in one.text
    assert re.search(r"lease: 192\.168\.122\.1\d\d/24 gateway 192.168.122.1 dns 192.168.122.1 domain guests.internal", two.text)
    # web2 gave no name of its own: it is known by its MAC address, which kvmhost made up
    two.run("ping -c 1 -W 3 web1.guests.internal")
    one.run("ping -c 1 -W 3 web2")
    for console in consoles:
        console.run("ping -c 1 -W 3 192.168.122.1")
        assert console.run("nc 203.0.113.1 80 </dev/null || true").strip() == "203.0.113.2"
    one.run("(while :; do echo from web1 | nc -l -p 80; done >/dev/null 2>&1 &)")
    wait_until(lambda: host.world.ask("203.0.113.2", 8080, timeout=2) == "from web1", 30, "the forward to a guest")
    names = {lease["name"] for n in json.loads(host.ctl("--json", "status", check=False).stdout)["networks"]
             for lease in n["leases"]}
    assert {"web1", "web2"} <= names
    for console in consoles:
        console.close()


def test_a_guest_boots_from_the_network(host):
    """Its firmware takes a lease, the boot file by TFTP, and a kernel after it."""
    host.add_guest_kernel()
    host.run("cp /srv/boot/vmlinuz /srv/boot/initrd.img /srv/tftp/ && chmod 644 /srv/tftp/*")
    host.write("/srv/tftp/boot.ipxe", "#!ipxe\nkernel vmlinuz console=ttyS0 quiet no_timer_check initrd=initrd.img ip=dhcp "
               "hostname=pxe1 ready=by-tftp\ninitrd initrd.img\nboot\n")
    settle(host, DOCUMENT + """\
  pxe1:
    memory: {size: 256MiB}
    boot: {order: [network]}
    interfaces: [{network: default}]
    shutdown: {timeout: 10s}
""")
    console = host.console("/run/kvmhost/guests/pxe1/console.sock")
    console.expect("guest ready: .* by-tftp", 240)
    assert "lease: 192.168.122.1" in console.text
    assert "/srv/tftp/boot.ipxe" in host.said("kvmhost-network@default") and "/srv/tftp/initrd.img" in host.said("kvmhost-network@default")
    assert "-kernel" not in host.run("tr '\\0' ' ' </proc/$(pgrep -f '[q]emu-system.*guest=pxe1,')/cmdline").stdout
    console.close()
    settle(host, DOCUMENT, "--allow-mass-removal")


def test_real_guests_of_an_isolated_network(host):
    """They reach each other and the host, and nobody else, whatever routes they make; nor does anybody reach them."""
    host.add_guest_kernel()
    document = DOCUMENT.replace("    state: stopped\n", "").replace("interfaces: [{network: default}]", "interfaces: [{network: lab}]")
    document = document.replace("{network: default, mac", "{network: lab, mac").replace("        web1: {address: 192.168.122.10}\n", "        {}\n")
    address = ["10.9.0.11", "10.9.0.12"]
    document = document.replace("lease_time: infinite}", f"lease_time: infinite, hosts: {{web1: {{address: {address[0]}}}, web2: {{address: {address[1]}}}}}}}")
    settle(host, document)
    consoles = [host.console(f"/run/kvmhost/guests/{name}/console.sock") for name in ("web1", "web2")]
    inside = client(host, "inside")
    try:
        for console in consoles:
            console.ready(150)
        one, two = consoles
        for console, at in zip(consoles, address):
            assert f"lease: {at}/24 gateway none" in console.text, console.text
        one.run(f"ping -c 1 -W 3 {address[1]}")
        for console in consoles:
            console.run("ping -c 1 -W 3 10.9.0.1; ip route replace default via 10.9.0.1")
        inside.serve(80)
        assert inside.run("ss -ltn").stdout.count(":80 ")
        for there in "203.0.113.1", inside.address:
            assert "OUT" in one.run(f"ping -c 1 -W 2 {there} >/dev/null || echo OUT"), there
            assert one.run(f"nc -w 2 {there} 80 </dev/null 2>/dev/null || true").strip() == "", there
        two.run("(while :; do echo from web2 | nc -l -p 80; done >/dev/null 2>&1 &)")
        wait_until(lambda: one.run(f"nc -w 2 {address[1]} 80 </dev/null || true").strip() == "from web2", 30, "the other guest's answer")
        inside.run("ip route replace default via 192.168.122.1")
        host.world.run("ip route replace 10.9.0.0/24 via 203.0.113.2")
        assert inside.ask(address[1], 80, timeout=2) == "" and host.world.ask(address[1], 80, timeout=2) == ""
    finally:
        host.world.run("ip route del 10.9.0.0/24", check=False)
        host.unplug("inside")
        for console in consoles:
            console.close()


def test_many_networks(host):
    """More than the 128 inotify instances that a user has: none of them needs one."""
    settle(host, EMPTY, "--allow-mass-removal")
    many = "version: 1\nnetworks:\n" + "".join(
        f"  n{i}: {{mode: isolated, bridge: vb{i}, addresses: [10.20.{i}.1/24], "
        f"dhcp: {{range: [10.20.{i}.2, 10.20.{i}.9]}}}}\n" for i in range(130))
    put(host, many)
    host.ctl("apply", timeout=300)
    assert host.ctl("plan").rc == 0
    wait_until(lambda: host.run("pgrep -c dnsmasq").stdout.strip() == "131", 30, "all of them, and the world's")
    a = client(host, "a", "vb129")
    assert a.address.startswith("10.20.129.")
    host.unplug("a")
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal", timeout=300)
    assert state(host) == host.clean
