# SPDX-License-Identifier: GPL-2.0-or-later
"""What others have on a card, where the capsule's kernel has none of it: raw IP, tunnels of IP, PPPoE."""
import json
from binascii import hexlify

import pytest

DOCUMENT = "version: 1\nbridges:\n  br0: {ports: [v0]}\n"


@pytest.fixture(scope="module")
def card(lab):
    """The card v0 with an address, and at its other end a namespace."""
    lab.run("ip netns add far && ip link add v0 type veth peer name far0 netns far && ip link set v0 up && ip -n far link set far0 up && "
            "ip addr add 192.0.2.1/24 dev v0 && ip -n far addr add 192.0.2.2/24 dev far0")
    return lab


def plan(host):
    host.write("/etc/kvmhost/host.yaml", DOCUMENT)
    return host.ctl("plan", check=False)


def told(host):
    return json.loads(host.ctl("--json", "status", check=False).stdout)["bound_to_cards"]


def test_a_pppoe_session_is_refused(card):
    """The kernel's half of one, which pppd's plugin asks for by the same call."""
    card.run("modprobe pppoe")
    mac = card.run("ip netns exec far cat /sys/class/net/far0/address").stdout.strip().replace(":", "")
    card.run(f"systemd-run --quiet --collect --unit=session socat -u SOCKET-CONNECT:24:0:x000000000001{mac}{hexlify(b'v0').decode():0<32} "
             "SYSTEM:'cat >/dev/null'")
    card.run("until grep -q v0 /proc/net/pppoe; do sleep 0.1; done", timeout=20)
    said = plan(card)
    assert said.rc == 1 and "a PPPoE session goes out by v0, and would end" in said.stdout + said.stderr, said
    assert card.ctl("apply", check=False).rc == 1 and "master" not in card.run("ip -o link show v0").stdout
    card.run("systemctl stop session; until ! grep -q v0 /proc/net/pppoe; do sleep 0.1; done")
    assert plan(card).rc == 2


def test_raw_sockets_and_tunnels(card):
    """keepalived's socket; and two tunnels, of which the one by the card is without a way once the bridge speaks for it."""
    card.run("systemd-run --quiet --collect --unit=vrrp socat -u IP4-RECV:112,so-bindtodevice=v0 SYSTEM:'cat >/dev/null'")
    for here, peer, own in (("", "192.0.2.2 dev v0", 1), ("ip netns exec far", "192.0.2.1", 2)):
        card.run(f"{here} ip link add gre7 type gretap remote {peer} key 7 && {here} ip addr add 10.43.0.{own}/24 dev gre7 && {here} ip link set gre7 up")
    card.run("ip link add gre8 type gretap remote 192.0.2.2 local 192.0.2.1 key 8")
    card.run("ping -c 1 -W 5 10.43.0.2")
    said = plan(card)
    assert said.rc == 2 and said.stderr.count("warning: ") == 2, said
    assert "vrrp.service) has IP protocol 112 bound to v0" in said.stderr, said
    assert "warning: gre7, a gretap device, sends by v0, where nothing goes out when br0 speaks for it" in said.stderr, said
    card.ctl("apply")
    card.run("ip neigh flush all")
    assert card.run("ping -c 1 -W 2 10.43.0.2", check=False).rc and len(told(card)) == 2
    card.run("ip link delete gre7 && ip link add gre7 type gretap remote 192.0.2.2 key 7 dev br0 && ip addr add 10.43.0.1/24 dev gre7 && "
             "ip link set gre7 up && systemctl stop vrrp")
    card.run("ping -c 1 -W 5 10.43.0.2")
    assert not told(card)
    card.write("/etc/kvmhost/host.yaml", "version: 1\n")
    card.ctl("apply", "--allow-mass-removal")
