# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual function in a KVM guest: its MAC address and VLAN, and the peer that sees them; the same after a restart of
the guest and of the host; given back. The tests are one story and run in order."""
import re

import pytest
from assigned import (IOMMU, LOG, NIC, PEER, PF, PROBE, assigned_host, console, driver, drivers, function, guest, killed, put, restart,
                      settle)
from harness import wait_until

MAC = "52:54:00:6d:90:02"
UPLINK = f"""\
sriov:
  uplink:
    device: {{address: "{PF}"}}
    max_vfs: 7
    vfs:
      0: {{mac: "{MAC}", vlan: 42}}
"""
DOCUMENT = IOMMU + UPLINK + "guests:\n" + guest("interfaces: [{vf: uplink/0}]", "wire")


@pytest.fixture(scope="module")
def host(request):
    return assigned_host(request)


def peer(host):
    """The card at the other end of the wire, in a namespace of its own, in VLAN 42 alone."""
    host.run(f"""set -e
        modprobe 8021q
        [ -e /run/netns/far ] || ip netns add far
        for port in $(ls {function(PEER, "net")}); do ip link set $port netns far; done
        port=$(ip -n far -o link | sed -n 's/^[0-9]*: \\(e[^:]*\\):.*/\\1/p')
        ip -n far link set $port up
        ip -n far link add link $port name v42 type vlan id 42
        ip -n far addr add 192.0.2.1/24 dev v42 && ip -n far link set v42 up""")


def reaches(host):
    """The guest answers in VLAN 42, from the address that it was given."""
    wait_until(lambda: host.run("ip netns exec far ping -n -q -c 1 -W 2 192.0.2.2", check=False).rc == 0, 60, "an answer", 1)
    assert MAC in host.run("ip -n far neigh show 192.0.2.2").stdout


def says(host):
    text = console(host, "GUEST IS READY")
    assert f"NIC eth0 0x8086 0x10ca {MAC}" in text, text


def test_a_vf_in_a_guest(host):
    peer(host)
    settle(host, DOCUMENT)
    says(host)
    reaches(host)
    vf = host.run(f"basename $(readlink {function(PF, 'virtfn0')})").stdout.strip()
    assert driver(host, vf) == "vfio-pci"
    assert f'"uplink/0","address":"{vf}"' in host.run("tr -d ' ' </run/kvmhost/assigned/web1.json").stdout
    assert host.run(f"ls -d {function(PF, 'virtfn*')}").stdout.count("\n") == 7


def test_again_after_the_guest(host):
    restart(host)
    says(host)
    reaches(host)


def test_another_vlan_while_it_runs(host):
    """The card's doing: the guest, which is not asked, is in the other network at once. Plan says so."""
    qemu = host.run("pidof qemu-system-x86_64").stdout
    put(host, DOCUMENT.replace("vlan: 42", "vlan: 43"))
    plan = host.ctl("plan", check=False)
    said = "guest web1 uses VF 0 and is in its new VLAN at once, without being told"
    assert plan.rc == 2 and "vfs.0.vlan  42 -> 43" in plan.stdout and said in plan.stdout, plan
    settle(host, DOCUMENT.replace("vlan: 42", "vlan: 43"))
    assert host.run("ip netns exec far ping -n -q -c 2 -W 2 192.0.2.2", check=False).rc != 0
    host.run("""set -e
        port=$(ip -n far -o link | sed -n 's/^[0-9]*: \\(e[^:]*\\):.*/\\1/p')
        ip -n far addr del 192.0.2.1/24 dev v42
        ip -n far link add link $port name v43 type vlan id 43
        ip -n far addr add 192.0.2.1/24 dev v43 && ip -n far link set v43 up""")
    reaches(host)
    settle(host, DOCUMENT)
    host.run("ip -n far link del v43 && ip -n far addr add 192.0.2.1/24 dev v42")
    reaches(host)
    assert host.run("pidof qemu-system-x86_64").stdout == qemu


def test_another_mac_waits_for_the_guest(host):
    """The card would take packets for the new address alone, and the guest's driver goes on with the old one."""
    qemu = host.run("pidof qemu-system-x86_64").stdout
    other = MAC.replace(":02", ":77")
    put(host, DOCUMENT.replace(MAC, other))
    plan = host.ctl("plan", check=False)
    assert f"{MAC} -> {other}" in plan.stdout and "guest web1" in plan.stdout, plan
    assert "kvmhostctl guest stop web1; kvmhostctl apply; kvmhostctl guest start web1" in plan.stdout, plan
    host.ctl("apply", timeout=180)
    assert host.run("pidof qemu-system-x86_64").stdout == qemu
    reaches(host)
    host.run(f"truncate -s 0 {LOG}")
    host.ctl("guest", "stop", "web1", timeout=120)
    host.ctl("apply", timeout=180)
    host.ctl("guest", "start", "web1", timeout=180)
    assert f"NIC eth0 0x8086 0x10ca {other}" in console(host, "GUEST IS READY")
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
    host.ctl("guest", "stop", "web1", timeout=120)
    host.run(f"truncate -s 0 {LOG}")
    put(host, DOCUMENT)
    host.ctl("apply", timeout=180)
    host.ctl("guest", "start", "web1", timeout=180)
    says(host)
    reaches(host)


def test_again_after_the_host(host):
    host.run("systemctl enable kvmhostd")
    host.run(f"truncate -s 0 {LOG}")
    host.reboot()
    wait_until(lambda: host.ctl("status", check=False).rc == 0, 180, "converged", 2)
    peer(host)
    says(host)
    reaches(host)
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_the_cards_driver_goes_and_comes(host):
    """With it go the functions; kvmhostd makes them anew, and the guest, which runs on, has its own again."""
    qemu = host.run("pidof qemu-system-x86_64").stdout
    vf = host.run(f"basename $(readlink {function(PF, 'virtfn0')})").stdout.strip()
    host.run("systemd-run --quiet --collect modprobe -r igb")
    wait_until(lambda: not host.exists("/sys/module/igb"), 120, "the driver gone", 1)
    wait_until(lambda: f"runs without uplink/0 ({vf})" in host.ctl("status", check=False).stdout, 30, "the guest's note", 1)
    host.run(f"truncate -s 0 {LOG}; modprobe igb")
    assert f"NIC eth0 0x8086 0x10ca {MAC}" in console(host, "HAS /sys/class/net/eth0")
    peer(host)
    reaches(host)
    assert host.run("pidof qemu-system-x86_64").stdout == qemu
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_any_of_the_pool_stays_the_same(host):
    """Number 0 is somebody else's by name, so the pool gives another, and keeps to it when 0 is free again."""
    others = "  db1:\n    autostart: false\n    kernel: {image: /srv/vmlinuz}\n    interfaces: [{vf: uplink/0}]\n"
    mine = guest("interfaces: [{vf: uplink}]\n    on_change: restart", "wire")
    settle(host, IOMMU + UPLINK)
    settle(host, IOMMU + UPLINK + "guests:\n" + mine + others)
    assert '"what":"uplink/1"' in host.run("tr -d ' ' </run/kvmhost/assigned/web1.json").stdout
    settle(host, IOMMU + UPLINK + "guests:\n" + mine)
    assert '"what":"uplink/1"' in host.run("tr -d ' ' </run/kvmhost/assigned/web1.json").stdout


def test_held_by_a_guest(host):
    """A document that asks for the function that a running guest has."""
    others = "  db1:\n    autostart: false\n    kernel: {image: /srv/vmlinuz}\n    interfaces: [{vf: uplink/1}]\n"
    put(host, IOMMU + UPLINK + "guests:\n" + guest("interfaces: [{vf: uplink}]", "wire") + others)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 1 and "the virtual function uplink/1" in plan.stdout and "is in use by guest web1" in plan.stdout, plan


def test_eight_in_one_guest(host):
    """As many as the guide allows, of two cards."""
    second = f'  second:\n    device: {{address: "{NIC}"}}\n    max_vfs: 1\n'
    vfs = ", ".join(f"{{vf: uplink/{n}}}" for n in range(7))
    host.run(f"truncate -s 0 {LOG}")
    settle(host, IOMMU + UPLINK + second + "guests:\n" +
           guest(f"interfaces: [{vfs}, {{vf: second/0}}]\n    on_change: restart", "wire"))
    text = console(host, "GUEST IS READY")
    assert len(re.findall(r"^PCI 0x8086 0x10ca", text, re.M)) == len(re.findall(r"^NIC eth\d 0x8086 0x10ca", text, re.M)) == 8, text


def test_given_back(host):
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before
    assert host.read(function(PF, "sriov_numvfs")) == "0\n"
    assert not host.run("ls /run/kvmhost/assigned").stdout


def test_somebodys_override_comes_back(host):
    """Who keeps a function for a driver, as driverctl does, has it so again."""
    settle(host, IOMMU + UPLINK)
    vf = host.run(f"basename $(readlink {function(PF, 'virtfn0')})").stdout.strip()
    for override, former in (("igbvf", "igbvf"), ("nobody", "")):
        host.run(f"modprobe igbvf; echo {vf} >{function(vf, 'driver/unbind')} || true; echo {override} >{function(vf, 'driver_override')}; "
                 f"echo {vf} >{PROBE} || true", check=False)
        assert driver(host, vf) == former
        settle(host, IOMMU + UPLINK + "guests:\n" + guest("autostart: false\n    interfaces: [{vf: uplink/0}]"))
        assert driver(host, vf) == "vfio-pci"
        settle(host, IOMMU + UPLINK, "--allow-mass-removal")
        assert (driver(host, vf), host.read(function(vf, "driver_override"))) == (former, f"{override}\n")
    host.run(f"echo >{function(vf, 'driver_override')}")
    settle(host, IOMMU, "--allow-mass-removal")


# what binding a function, and giving it back, writes in order
@pytest.mark.parametrize("begun, path", [(True, "driver_override"), (True, PROBE), (False, "driver_override"),
                                         (False, "driver/unbind"), (False, "reset")])
def test_killed_in_between(host, begun, path):
    """The next run finishes the binding, or its end, and nothing of either is left when nobody wants it."""
    host.run("systemctl stop kvmhostd; systemctl disable kvmhostd", check=False)
    wanted = IOMMU + UPLINK + "guests:\n" + guest("autostart: false\n    interfaces: [{vf: uplink/0}]")
    settle(host, IOMMU + UPLINK)
    vf = host.run(f"basename $(readlink {function(PF, 'virtfn0')})").stdout.strip()
    for ends_bound in (True, False):
        settle(host, IOMMU + UPLINK if begun else wanted, "--allow-mass-removal")
        put(host, wanted if begun else IOMMU + UPLINK)
        killed(host, vf, path, "--allow-mass-removal")
        settle(host, wanted if ends_bound else IOMMU + UPLINK, "--allow-mass-removal")
        assert driver(host, vf) == ("vfio-pci" if ends_bound else "")
        assert host.read(function(vf, "driver_override")) == ("vfio-pci\n" if ends_bound else "(null)\n")
    settle(host, IOMMU, "--allow-mass-removal")
    assert drivers(host) == host.before
