# SPDX-License-Identifier: GPL-2.0-or-later
"""Documents that several test modules use, and what is foreign to kvmhost on a machine."""

NAT = """\
version: 1
networks:
  default:
    mode: nat
    bridge: virbr0
    addresses: [192.168.122.1/24]
"""

# no_timer_check: emulated on a busy machine, the kernel may take its timer for broken and stop
GUEST = NAT + """\
guests:
  web1:
    memory: {size: 192MiB}
    kernel:
      image: /srv/boot/vmlinuz
      initrd: /srv/boot/initrd.img
      cmdline: "console=ttyS0 quiet no_timer_check ip=192.168.122.10/24 gw=192.168.122.1 hostname=web1"
    interfaces:
      - {network: default, mac: "52:54:00:1a:b3:4a"}
    shutdown: {timeout: 20s}
"""

EMPTY = "version: 1\n"

# Rules, links and files of somebody else, of many shapes.
FOREIGN = r"""
set -e
iptables-legacy -N DOCKER-USER
iptables-legacy -A DOCKER-USER -s 10.9.0.0/16 -p tcp --dport 443 -m conntrack --ctstate NEW -j ACCEPT
iptables-legacy -A DOCKER-USER -j RETURN
iptables-legacy -A FORWARD -j DOCKER-USER
iptables-legacy -A INPUT -p icmp --icmp-type echo-request -m limit --limit 5/sec -m comment --comment 'somebody else' -j ACCEPT
iptables-legacy -A INPUT -i lo -j ACCEPT
iptables-legacy -t nat -A POSTROUTING -s 10.9.0.0/16 ! -o docker0 -j MASQUERADE
iptables-legacy -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.9.0.2:80
iptables-legacy -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
ip link add theirs type bridge
ip addr add 10.9.0.1/16 dev theirs
ip link set theirs up
ip link add v0 type veth peer name v1
ip link set v0 master theirs up
mkdir -p /etc/sysctl.d /etc/modprobe.d
echo 'vm.swappiness = 33' >/etc/sysctl.d/10-theirs.conf
echo 'options snd slots=x' >/etc/modprobe.d/theirs.conf
"""


# The elements of sets are in no order.
NFT_SORTED = r"nft list ruleset | sed 's/elements = {//; s/[,}]//g; s/^[\t ]*//; s/ *$//' | sort"


def foreign_state(capsule):
    """All that FOREIGN made, as text; counters aside."""
    return capsule.run(
        "for t in filter nat mangle; do iptables-legacy-save -t $t | grep -v '^#' | "
        "sed 's/\\[[0-9]*:[0-9]*\\]//' | grep -v KVMHOST; done; "
        "ip -o link show theirs | sed 's/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//'; ip -o addr show theirs | sed 's, tentative,,'; bridge link show dev v0 | cut -d' ' -f2- | sed 's/NO-CARRIER,//; s/,LOWER_UP//'; "
        "sha256sum /etc/sysctl.d/* /etc/modprobe.d/*theirs* 2>/dev/null | grep theirs").stdout


# What the kernel finds out about carriers in its own time is taken out.
LINKS = "ip -o link | sed 's/^[0-9]*: //; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//' | sort"


def everything(capsule):
    """The capsule's network and the files kvmhost may touch: what must come back when all is released."""
    return capsule.run(
        "for t in filter nat mangle; do iptables-legacy-save -t $t 2>/dev/null | grep -v '^#' | "
        "sed 's/\\[[0-9]*:[0-9]*\\]//'; done; " + NFT_SORTED + "; " + LINKS + "; "
        "ip -o -4 addr | sed 's/^[0-9]*: //' | sort; cat /proc/sys/net/ipv4/ip_forward; "
        "find /etc/sysctl.d /etc/modprobe.d /etc/modules-load.d -type f | sort; "
        "systemctl list-units --no-legend --plain 'kvmhost-guest@*'").stdout


def rules(capsule):
    """All rules there are, of both backends; nftables' in no order."""
    return capsule.run(f"iptables-legacy-save; ip6tables-legacy-save; {NFT_SORTED}").stdout


def put(capsule, text):
    if capsule.backend and "host:" not in text:
        text += f"host: {{firewall: {{backend: {capsule.backend}}}}}\n"
    capsule.write("/etc/kvmhost/host.yaml", text)


def settle(capsule, text, *args):
    """The document, applied, with an empty second plan."""
    put(capsule, text)
    capsule.ctl("apply", *args)
    again = capsule.ctl("plan", check=False)
    assert again.rc == 0, f"the second plan is not empty:\n{again}"
