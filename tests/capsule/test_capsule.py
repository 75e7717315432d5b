# SPDX-License-Identifier: GPL-2.0-or-later
"""The harness itself: what the other modules take for granted."""
from pathlib import Path

import pytest
from harness import CommandError, wait_until


def test_systemd_is_up_and_nothing_failed(bare):
    assert bare.run("systemctl is-system-running").stdout.strip() == "running"
    assert bare.run("ps -o comm= 1").stdout.strip() == "systemd"
    assert "dbus.service" in bare.run("systemctl list-units --no-pager --state=running").stdout


def test_commands_and_files(bare):
    bare.write("/etc/some/where", "a\n$b 'c'\n", 0o600)
    assert bare.read("/etc/some/where") == "a\n$b 'c'\n"
    assert bare.run(["stat", "-c", "%a %u", "/etc/some/where"]).stdout == "600 0\n"
    assert bare.run("exit 7", check=False).rc == 7
    assert bare.run("sleep 20", check=False, timeout=1).rc == 124
    with pytest.raises(CommandError, match="oops"):
        bare.run("echo oops >&2; false")


def test_kernel_state_of_the_machine_is_out_of_reach(bare):
    before = Path("/proc/sys/vm/swappiness").read_text()
    bare.run("echo 7 >/proc/sys/vm/swappiness")
    assert bare.read("/proc/sys/vm/swappiness") == "7\n"
    assert Path("/proc/sys/vm/swappiness").read_text() == before
    for path in ("/proc/sys/kernel/panic", "/sys/module/kernel/parameters/panic", "/sys/kernel/mm/ksm/run"):
        if bare.exists(path):
            assert "Read-only" in bare.run(f"echo 0 >{path}", check=False).stderr
    assert bare.run("echo 1 >/proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward").stdout == "1\n"
    assert not bare.exists("/dev/kvm")


def test_both_firewalls(bare):
    bare.run("iptables-legacy -t nat -N OURS && iptables-legacy -t nat -A POSTROUTING -j OURS")
    assert "-A POSTROUTING -j OURS" in bare.run("iptables-legacy-save -t nat").stdout
    bare.run("nft add table inet ours && nft add chain inet ours c '{ type filter hook forward priority 0; }'")
    assert "table inet ours" in bare.run("nft list ruleset").stdout


def test_masquerade_with_traffic(bare):
    world = bare.uplink()
    bare.run("ip link add br7 type bridge && ip addr add 10.7.0.1/24 dev br7 && ip link set br7 up")
    client = bare.client("client", "br7", "10.7.0.2/24", "10.7.0.1")
    world.serve(80)
    assert client.pings("10.7.0.1")
    assert client.ask(world.address, 80, timeout=1) == ""  # no way back to 10.7.0.0/24 yet
    bare.run("echo 1 >/proc/sys/net/ipv4/ip_forward")
    bare.run("iptables-legacy -t nat -A POSTROUTING -s 10.7.0.0/24 ! -d 10.7.0.0/24 -j MASQUERADE")
    assert client.pings(world.address)
    assert client.ask(world.address, 80) == "203.0.113.2"


def test_several_side_by_side_each_pristine(bare, another):
    bare.write("/root/mine", "x")
    b, c = another("b"), another("c")
    assert not b.exists("/root/mine") and not c.exists("/root/mine")
    assert len({one.read("/etc/machine-id") for one in (bare, b, c)}) == 3
    b.run("ip link add only-b type bridge")
    assert c.run("ip link show only-b", check=False).rc != 0
    b.run("systemctl stop dbus.socket dbus.service")
    assert c.run("systemctl is-active dbus").stdout == "active\n"


def test_reboot_keeps_the_disk_alone(another):
    it = another("reboot")
    world = it.uplink()
    it.write("/root/kept", "x")
    it.write("/run/lost", "x")
    it.run("ip link add lost type bridge")
    machine = it.read("/etc/machine-id")
    it.reboot()
    assert it.exists("/root/kept") and not it.exists("/run/lost")
    assert it.read("/etc/machine-id") == machine
    assert it.run("ip link show lost", check=False).rc != 0
    assert world.pings("203.0.113.2")


def test_stop_leaves_nothing(another):
    it = another("gone")
    pid = it.pid()
    it.run("systemd-run --quiet sleep 1000")
    it.stop()
    assert not Path(f"/proc/{pid}").exists()
    assert it.name not in Path("/proc/self/mountinfo").read_text()
    assert it.run("true", check=False).rc != 0


def test_kernel_boots_to_a_shell_and_obeys_the_power_button(bare):
    bare.add_guest_kernel()
    bare.run("ip link add br8 type bridge && ip addr add 10.8.0.1/24 dev br8 && ip link set br8 up && "
             "ip tuntap add tap8 mode tap && ip link set tap8 master br8 up")
    bare.run("systemd-run --quiet --unit=dhcp dnsmasq -k -C /dev/null --port=0 --interface=br8 --bind-interfaces "
             "--dhcp-range=10.8.0.20,10.8.0.29 --dhcp-leasefile=/run/leases")
    console = bare.start_guest("g", "-netdev", "tap,id=n,ifname=tap8,script=no,downscript=no", "-device",
                               "virtio-net-pci,netdev=n,mac=52:54:00:00:00:08", append="ip=dhcp hostname=web1")
    console.ready()
    assert console.run("uname -s; hostname") == "Linux\nweb1\n"
    assert " 10.8.0.2" in console.run("ip -4 -o addr show eth0")
    console.run("ping -c 1 10.8.0.1")
    bare.run("echo system_powerdown | socat - UNIX-CONNECT:/run/guest-g.monitor")
    console.expect("powering off")
    console.ended()
    wait_until(lambda: bare.run("systemctl is-active guest-g", check=False).rc, 30, "QEMU gone")
