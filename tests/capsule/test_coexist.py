# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside firewalls of others: guests get out, or who keeps them in is named, with a cure that works."""
import json
import re

import pytest
from documents import EMPTY, NAT, put, settle
from harness import wait_until

# What Docker sets up, by either iptables.
DOCKER = r"""
set -e
ip link add docker0 type bridge
{0} -P FORWARD DROP
{0} -N DOCKER-USER
{0} -N DOCKER-ISOLATION-STAGE-1
{0} -A DOCKER-USER -j RETURN
{0} -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j RETURN
{0} -A DOCKER-ISOLATION-STAGE-1 -j RETURN
{0} -A FORWARD -j DOCKER-USER
{0} -A FORWARD -j DOCKER-ISOLATION-STAGE-1
{0} -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{0} -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
{0} -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
"""
OWN_NFT = """\
table inet mine {
    chain elsewhere {
        ct state established,related accept
        iifname "lan*" accept
    }
    chain forward {
        type filter hook forward priority 10; policy accept;
        jump elsewhere
        iifname != "lan0" counter reject
    }
}
"""


@pytest.fixture
def host(another):
    made = another("x", kvmhost=True)
    made.world = made.uplink()
    made.world.serve(80)
    return made


def reaches(host):
    client = host.client("client", "virbr0", "192.168.122.10/24", "192.168.122.1")
    try:
        return client.ask(host.world.address, 80, timeout=2) == "203.0.113.2"
    finally:
        host.unplug("client")


def told(host):
    """What status says of others, by its JSON; the same stands in its text and on plan's stderr."""
    found = json.loads(host.ctl("--json", "status", check=False).stdout)["dropped_by_others"]
    text, warning = host.ctl("status", check=False).stdout, host.ctl("plan", check=False).stderr
    for one in found:
        assert one["where"] in text and one["cure"] in text
        assert one["where"] in warning and one["cure"] in warning
    assert ("warning" in warning) == bool(found)
    return found


def test_docker_by_iptables_legacy(host):
    """auto speaks iptables there, and our chains stand first."""
    host.run(DOCKER.format("iptables-legacy"))
    before = foreign_rules(host)
    settle(host, NAT)
    assert "KVMHOST-FORWARD" in host.run("iptables-legacy -S FORWARD").stdout.splitlines()[1]
    assert reaches(host) and not told(host)
    # a restart of Docker puts its own first again
    host.run("iptables-legacy -D FORWARD -j DOCKER-USER; iptables-legacy -I FORWARD -j DOCKER-USER")
    assert reaches(host) and host.ctl("plan").rc == 0
    host.run("iptables-legacy -D FORWARD -j DOCKER-USER; iptables-legacy -I FORWARD 2 -j DOCKER-USER")
    settle(host, EMPTY, "--allow-mass-removal")
    assert foreign_rules(host) == before


def foreign_rules(host):
    return host.run("iptables-legacy-save | grep -v '^#' | sed 's/\\[[0-9]*:[0-9]*\\]//' | sort").stdout


def test_a_policy_against_rules_in_nftables(host):
    host.run("iptables-legacy -P FORWARD DROP")
    settle(host, NAT + "host: {firewall: {backend: nftables}}\n")
    assert not reaches(host)
    found = told(host)
    assert [one["network"] for one in found] == ["default"] and "policy of the chain FORWARD" in found[0]["where"]
    settle(host, NAT)
    assert reaches(host) and not told(host)


def docker_user(host, tool="iptables-nft"):
    return host.run(f"{tool} -S DOCKER-USER").stdout.splitlines()


def nft_rules(host):
    return host.run("iptables-nft-save | grep -v '^#' | sed 's/\\[[0-9]*:[0-9]*\\]//' | sort; nft list tables").stdout


ACCEPTS = ['-A DOCKER-USER -i virbr0 -m comment --comment "kvmhost:docker/ip" -j ACCEPT',
           '-A DOCKER-USER -o virbr0 -m comment --comment "kvmhost:docker/ip" -j ACCEPT']


def test_docker_by_iptables_nft(host):
    """Our rules stand in its chain for others, outlive its restart, and go with the network."""
    host.run(DOCKER.format("iptables-nft"))
    before = nft_rules(host)
    settle(host, NAT)
    chain = docker_user(host)
    assert sorted(chain[1:3]) == ACCEPTS and chain[3:] == ["-A DOCKER-USER -j RETURN"]
    assert reaches(host) and not told(host)
    # Docker starts: its own chains are made anew, DOCKER-USER is left alone
    host.run("iptables-nft -F FORWARD; iptables-nft -A FORWARD -j DOCKER-USER; "
             "iptables-nft -A FORWARD -i docker0 ! -o docker0 -j ACCEPT")
    assert reaches(host) and host.ctl("plan").rc == 0
    # what somebody made of ours is put right, and nothing else is touched
    host.run("iptables-nft -D DOCKER-USER -i virbr0 -m comment --comment kvmhost:docker/ip -j ACCEPT; "
             "iptables-nft -I DOCKER-USER -s 10.77.0.0/16 -j DROP; "
             "iptables-nft -I DOCKER-USER -i virbr9 -m comment --comment kvmhost:docker/ip -j ACCEPT")
    assert not reaches(host) and host.ctl("plan", check=False).rc == 2
    settle(host, NAT)
    assert sorted(docker_user(host)[1:]) == sorted([*ACCEPTS, "-A DOCKER-USER -s 10.77.0.0/16 -j DROP",
                                                    "-A DOCKER-USER -j RETURN"])
    assert reaches(host)
    # as netfilter-persistent does at boot: what comes back is still known as ours
    host.run("iptables-nft-save >/run/saved; nft flush ruleset; iptables-nft-restore </run/saved")
    settle(host, NAT)
    assert len(docker_user(host)) == 5 and reaches(host)
    host.run("iptables-nft -D DOCKER-USER -s 10.77.0.0/16 -j DROP; iptables-nft -F FORWARD; "
             "iptables-nft -A FORWARD -j DOCKER-USER; iptables-nft -A FORWARD -j DOCKER-ISOLATION-STAGE-1; "
             "iptables-nft -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; "
             "iptables-nft -A FORWARD -i docker0 ! -o docker0 -j ACCEPT")
    settle(host, EMPTY, "--allow-mass-removal")
    assert nft_rules(host) == before
    # what nobody confirms goes back whole, without another run
    put(host, NAT)
    unconfirmed = host.ctl("apply", "--confirm", "5s", check=False)
    assert unconfirmed.rc == 1 and "docker/ip" in unconfirmed.stdout and "put back" in unconfirmed.stdout, unconfirmed
    assert nft_rules(host) == before


def test_docker_that_comes_later_is_heard_of(host):
    settle(host, NAT.replace("[192.168.122.1/24]", "[192.168.122.1/24, fd00:122::1/64]"))
    host.run("systemctl start kvmhostd")
    host.run(DOCKER.format("iptables-nft"))
    wait_until(lambda: len(docker_user(host)) == 4, 30, "our rules in DOCKER-USER")
    assert reaches(host)
    host.run("ip6tables-nft -P FORWARD DROP; ip6tables-nft -N DOCKER-USER; ip6tables-nft -A DOCKER-USER -j RETURN; "
             "ip6tables-nft -A FORWARD -j DOCKER-USER")
    wait_until(lambda: len(docker_user(host, "ip6tables-nft")) == 4, 30, "the same for IPv6")
    host.run("iptables-nft -F DOCKER-USER")
    wait_until(lambda: len(docker_user(host)) == 3, 30, "our rules after a flush")
    wait_until(lambda: any("drift: " in line and "the nftables chain DOCKER-USER" in line
                           for line in host.journal().splitlines()), what="a line in the journal")
    host.run("systemctl stop kvmhostd")
    host.world.run("ip addr add fd00:99::1/64 dev eth0; ip route add fd00:122::/64 via fd00:99::2")
    host.run("ip addr add fd00:99::2/64 dev eth0 nodad")
    guest = host.client("six", "virbr0", "fd00:122::10/64")
    guest.run("ip -6 route replace default via fd00:122::1")
    wait_until(lambda: guest.pings("fd00:99::1"), 30, "the way out by IPv6")


def test_own_rules_in_nftables(host):
    host.write("/etc/nftables.conf", OWN_NFT)
    host.run("nft -f /etc/nftables.conf")
    settle(host, NAT)
    assert not reaches(host)
    found = told(host)
    assert len(found) == 1 and found[0]["owner"] is None
    assert found[0]["where"] == "chain forward of the nftables table inet mine"
    host.run(re.search(r"nft insert rule.*?accept", found[0]["cure"])[0])
    assert reaches(host) and not told(host)
    # what lets guests in by the name of their bridge is understood
    host.run("nft flush ruleset; nft -f /etc/nftables.conf; nft insert rule inet mine elsewhere iifname 'virbr*' accept")
    host.ctl("apply")
    assert reaches(host) and not told(host)


def test_ufw(host):
    host.run("ufw --force enable", timeout=60)
    settle(host, NAT)
    assert not reaches(host)
    found = told(host)
    assert [(one["owner"], one["network"]) for one in found] == [("ufw", "default")]
    host.run(found[0]["cure"])
    assert reaches(host) and not told(host)
    host.run("ufw reload", timeout=60)
    assert reaches(host) and not told(host) and host.ctl("plan").rc == 0
    host.run("ufw --force disable", timeout=60)
    assert reaches(host) and host.ctl("plan").rc == 0


SERVED = NAT + "    dhcp: {range: [192.168.122.100, 192.168.122.200]}\n"


def gets_a_lease(host, tries=8):
    space = host.client("asks", "virbr0")
    try:
        return space.run(f"busybox udhcpc -i eth0 -n -q -f -t {tries} -T 1 -s /bin/true", check=False, timeout=30).rc == 0
    finally:
        host.unplug("asks")


def asked(host):
    return [(one["owner"], one["what"].split("(")[1][:-1], one["cure"]) for one in told(host) if "ask of the host" in one["what"]]


def test_who_drops_what_guests_ask_of_the_host(host):
    """DHCP and DNS, by packets and by what status says; each cure lets its own in."""
    host.run("iptables-nft -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; iptables-nft -A INPUT -i lo -j ACCEPT; "
             "iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT; iptables-nft -A INPUT -p icmp -j ACCEPT")
    settle(host, SERVED)
    assert gets_a_lease(host) and not asked(host)
    host.run("iptables-nft -P INPUT DROP")
    assert not gets_a_lease(host, 3)
    assert [(owner, what) for owner, what, _ in asked(host)] == [(None, "DHCP"), (None, "DNS")]
    host.run(re.search("nft insert rule.*accept", asked(host)[0][2])[0])
    assert gets_a_lease(host) and [what for _, what, _ in asked(host)] == ["DNS"]
    host.run("iptables-nft -A INPUT -i virbr0 -p udp -m udp --dport 53 -j ACCEPT")
    assert not asked(host)


def test_ufw_and_what_guests_ask_of_the_host(host):
    host.run("ufw --force enable", timeout=60)
    settle(host, SERVED)
    assert not gets_a_lease(host, 3)
    found = asked(host)
    assert [(owner, what) for owner, what, _ in found] == [("ufw", "DHCP"), ("ufw", "DNS")]
    for _, _, cure in found:
        host.run(cure)
    assert gets_a_lease(host) and not asked(host)
