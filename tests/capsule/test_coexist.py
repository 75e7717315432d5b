# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside firewalls of others: guests get out, or who keeps them in is named, with a cure that works."""
import json
import re

import pytest
from documents import EMPTY, NAT, foreign_state, put, settle

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
        host.run("ip netns del client")


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


def test_docker_by_iptables_nft(host):
    host.run(DOCKER.format("iptables-nft"))
    put(host, NAT)
    said = host.ctl("apply").stderr
    assert "warning: Docker's chain FORWARD of the nftables table ip filter drops what guests of default send" in said
    assert not reaches(host)
    found = told(host)
    assert len(found) == 1 and found[0]["owner"] == "Docker"
    host.run(found[0]["cure"].replace("iptables", "iptables-nft"))
    assert reaches(host) and not told(host)


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


def test_firewalld(host):
    host.run("systemctl start firewalld", timeout=90)
    settle(host, NAT)
    assert not reaches(host)
    found = told(host)
    assert [(one["owner"], one["network"]) for one in found] == [("firewalld", "default")]
    command = found[0]["cure"].split(",")[0]
    assert command == "firewall-cmd --zone=trusted --add-interface=virbr0"
    host.run(command)
    host.run(command + " --permanent")
    assert reaches(host) and not told(host)
    # firewalld rebuilds its own table, and leaves ours
    host.run("firewall-cmd --reload", timeout=60)
    assert reaches(host) and not told(host) and host.ctl("plan").rc == 0
    host.run("firewall-cmd --complete-reload", timeout=60)
    assert reaches(host) and host.ctl("plan").rc == 0


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
