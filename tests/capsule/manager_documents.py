# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator writes for the daemon that sets up a card; without an address: by DHCP. Capsule and lab use it."""


def networkd(card, address=None, gateway=None):
    how = f"Address={address}\nGateway={gateway}\n" if address else "DHCP=ipv4\n"
    return f"[Match]\nName={card}\n[Network]\n{how}"


def netplan(card, address, gateway):
    return f"""\
network:
  version: 2
  renderer: networkd
  ethernets:
    {card}:
      addresses: [{address}]
      routes: [{{to: default, via: {gateway}}}]
"""


def networkmanager(card, address=None, gateway=None, zone=None, ipv6=True):
    how = f"method=manual\naddress1={address},{gateway}\n" if address else "method=auto\n"
    return f"""\
[connection]
id={card}
uuid=5f2a1b9e-0000-4000-8000-000000000001
type=ethernet
interface-name={card}
{f"zone={zone}" if zone else ""}
[ipv4]
{how}
[ipv6]
method={"auto" if ipv6 else "disabled"}
"""


def ifupdown(card, address=None, gateway=None):
    how = f"static\n  address {address}\n  gateway {gateway}\n" if address else "dhcp\n"
    return f"auto {card}\niface {card} inet {how}"


def write_networkmanager(host, card, *how, **more):
    """NetworkManager reads a profile only where nobody else can."""
    host.write(f"/etc/NetworkManager/system-connections/{card}.nmconnection", networkmanager(card, *how, **more), 0o600)
