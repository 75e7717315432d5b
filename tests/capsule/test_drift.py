# SPDX-License-Identifier: GPL-2.0-or-later
"""What somebody changes behind kvmhost's back is heard of, named, and put right, or only told."""
import time

import pytest
from documents import GUEST, NAT, NFT_SORTED, put
from harness import HERE, wait_until

BACKENDS = ["iptables", "nftables"]
FLUSH = {"iptables": ["iptables-legacy -F KVMHOST-FORWARD", "iptables-legacy -t nat -F",
                      "printf '*filter\\nCOMMIT\\n*nat\\nCOMMIT\\n' | iptables-legacy-restore"],
         "nftables": ["nft flush set ip kvmhost answers", "nft flush chain ip kvmhost forward", "nft flush ruleset"]}
SERVED = NAT + """\
    dhcp: {range: [192.168.122.2, 192.168.122.254]}
bridges:
  br0: {}
"""
SECOND = 1.0
SLACK = 4.0  # what a busy machine may add; the time itself is measured in tests/bench


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    put(capsule, SERVED)
    capsule.run("systemctl start kvmhostd")
    return capsule


@pytest.fixture(autouse=True)
def quiet(host):
    """Each test begins as the document says, with the daemon at rest and its count of repairs at none."""
    put(host, SERVED)
    host.run("systemctl reset-failed kvmhostd; systemctl restart kvmhostd")
    time.sleep(0.5)
    host.before = host.cursor()
    assert host.ctl("plan").rc == 0


def drift(host):
    """What kvmhostd said of drift since the test began."""
    return [line for line in host.said("kvmhostd", host.before).splitlines() if line.startswith("drift: ")]


def repaired(host, done, what):
    """`what` differs no more, soon, and the journal says so."""
    wait_until(done, SECOND + SLACK, what, 0.02)
    return wait_until(lambda: [line for line in drift(host) if "put right in" in line], 30, "a line in the journal")


def has(host, cmd, text):
    return lambda: text in host.run(cmd, check=False).stdout


def test_a_flood_of_udev_is_reason_to_look(host):
    """Too many events for the buffer: what was lost may have been the one that counts. A sysctl has no event of its own.

    First: without udevd (/run/udev/control) and devtmpfs libudev hears nobody, and a later test may leave it so.
    """
    host.write("/root/udev-flood", (HERE / "udev-flood").read_text())
    host.run("sysctl -q net.ipv4.ip_forward=0; systemctl kill -s STOP kvmhostd; python3 /root/udev-flood 20000 change; "
             "systemctl kill -s CONT kvmhostd")
    wait_until(has(host, "sysctl net.ipv4.ip_forward", "= 1"), 60, "a look")
    lines = repaired(host, lambda: True, "a look")
    assert "a flood of events of devices" in lines[0], lines


def test_a_link_that_went_is_made_again(host):
    host.run("ip link del br0")
    lines = repaired(host, has(host, "ip link show br0", "UP"), "br0 is back")
    assert "the link br0" in lines[0]
    assert any("bridge/br0 (was gone): put right" in line for line in drift(host)), drift(host)
    status = host.ctl("status").stdout
    assert "put right since boot" in status and "the link br0" in status


def test_a_network_that_went_serves_again(host):
    host.run("ip link del virbr0")
    repaired(host, has(host, "ip -4 addr show virbr0", "192.168.122.1/24"), "virbr0 and its address")
    wait_until(lambda: host.ctl("plan", check=False).rc == 0, 30, "all as the document says")
    wait_until(has(host, "ss -lun", "%virbr0:67"), 30, "DHCP on the new bridge")


def test_an_address_that_went_comes_back(host):
    host.run("ip addr del 192.168.122.1/24 dev virbr0")
    lines = repaired(host, has(host, "ip -4 addr show virbr0", "192.168.122.1/24"), "the address")
    assert "192.168.122.1/24 went from virbr0" in lines[0]


def test_a_link_taken_down_comes_up(host):
    host.run("ip link set br0 down")
    repaired(host, has(host, "ip link show br0", ",UP"), "br0 up")
    assert any("up was false, wanted true" in line for line in drift(host))


@pytest.mark.parametrize("which", range(3))
def test_flushed_rules_come_back(host, which):
    state = f"iptables-legacy-save | grep -v '^#' | sed 's/\\[[0-9]*:[0-9]*\\]//'; {NFT_SORTED}"
    before = host.run(state).stdout
    host.run(FLUSH[host.backend][which])
    lines = repaired(host, lambda: host.run(state).stdout == before, "the rules")
    assert {"iptables": "iptables lock", "nftables": "nft (pid "}[host.backend] in lines[0]


def test_dnsmasq_killed_or_stopped_runs_again(host):
    pid = "systemctl show -P MainPID kvmhost-network@default"
    old = host.run(pid).stdout.strip()
    host.run(f"kill -9 {old}")
    wait_until(lambda: host.run(pid).stdout.strip() not in ("0", old), SECOND + SLACK, "another dnsmasq", 0.02)
    wait_until(lambda: host.active("kvmhost-network@default"), 30, "it serves")
    host.run("systemctl stop kvmhost-network@default")
    wait_until(lambda: host.active("kvmhost-network@default"), SECOND + SLACK, "dnsmasq started again")


def test_links_of_others_are_nobodys_business(host):
    host.run("systemctl stop systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd 2>/dev/null", check=False)
    pid = host.run("systemctl show -P MainPID kvmhostd").stdout.strip()
    ticks = lambda: sum(map(int, host.read(f"/proc/{pid}/stat").split()[13:15]))
    before, start = ticks(), time.monotonic()
    host.run("ip link add busy0 type veth peer name busy1; ip link set busy0 up; ip link set busy1 up; "
             "for i in $(seq 400); do ip addr add 10.77.0.$((i % 250))/32 dev busy0; ip link set busy1 down; "
             "ip link set busy1 up; ip addr flush dev busy0; done; ip link del busy0", timeout=120)
    spent, took = ticks() - before, (time.monotonic() - start) * 100
    assert spent < 0.15 * took + 20, f"{spent} of {took} ticks"
    assert not [line for line in drift(host) if "put right" in line]


def test_the_document_in_force_counts_not_the_one_on_disk(host):
    put(host, SERVED.replace("br0: {}", "br9: {}"))
    host.run("ip link del br0")
    repaired(host, has(host, "ip link show br0", "UP"), "br0, which the document in force has")
    assert host.run("ip link show br9", check=False).rc != 0, "a document that nobody reloaded was applied"


def test_a_bad_document_on_disk_stays_told(host):
    put(host, SERVED.replace("br0: {}", "br0: {stp: yes}"))
    assert host.reload_daemon(check=False).rc != 0
    host.run("ip link del br0")
    repaired(host, has(host, "ip link show br0", "UP"), "br0")
    status = host.ctl("status", check=False)
    assert status.rc == 1 and "invalid" in status.stdout and "stp" in status.stdout


def test_report_changes_nothing_and_says_it_once(host):
    put(host, SERVED + "host: {drift: report}\n")
    host.reload_daemon()
    host.run("ip link del br0")
    wait_until(lambda: [line for line in drift(host) if "bridge/br0 (was gone): left so" in line], 30, "a warning")
    host.run("ip link add other type veth peer name other1")  # another event
    time.sleep(1)
    assert host.run("ip link show br0", check=False).rc != 0
    assert len([line for line in drift(host) if "bridge/br0" in line]) == 1, drift(host)
    assert "differs, and is left so (drift: report)" in host.ctl("status", check=False).stdout
    assert host.ctl("plan", check=False).rc == 2
    host.run("ip link del other")
    host.ctl("apply")


def test_who_keeps_changing_it_is_not_fought_for_ever(host):
    host.run("systemd-run -q --collect --unit=other sh -c "
             "'while :; do ip addr del 192.168.122.1/24 dev virbr0 2>/dev/null; sleep 0.05; done'")
    wait_until(lambda: [line for line in drift(host) if "something keeps changing" in line], 60, "it is noticed")
    host.run("systemctl stop other")
    wait_until(has(host, "ip -4 addr show virbr0", "192.168.122.1/24"), 30, "the address in the end")
    lines = drift(host)
    assert "next look in 2 s" in next(line for line in lines if "something keeps changing" in line), lines
    assert len([line for line in lines if "put right in" in line]) < 12, lines


def test_nothing_is_repaired_while_a_change_waits_to_be_confirmed(host):
    put(host, SERVED + "  br1: {}\n")
    host.run("systemd-run -q --unit=confirming -p StandardOutput=file:/run/confirming kvmhostctl apply --confirm 120s")
    wait_until(has(host, "cat /run/confirming", "kvmhostctl confirm"), 30, "the wait")
    host.run("ip link del br1")
    time.sleep(2)
    assert host.run("ip link show br1", check=False).rc != 0
    host.ctl("revert")
    put(host, SERVED)
    host.ctl("apply")


def test_a_guest_that_was_stopped_is_not_started_by_an_event(host):
    put(host, GUEST)
    host.reload_daemon()
    wait_until(lambda: host.active("kvmhost-guest@web1"), 60, "it runs")
    host.run("systemctl stop kvmhost-guest@web1", timeout=60)
    host.run("ip link del virbr0")
    repaired(host, has(host, "ip -4 addr show virbr0", "192.168.122.1/24"), "the network")
    time.sleep(1)
    assert not host.active("kvmhost-guest@web1")
    assert "guest/web1" in host.ctl("plan", check=False).stdout
    put(host, SERVED)
    host.reload_daemon(check=False)
    host.ctl("apply", "--allow-mass-removal")


def test_a_look_that_was_held_up_puts_off_no_other(host):
    """Others were busy, or the machine stood still: that was no work of ours."""
    pid = host.run("systemctl show -P MainPID kvmhostd").stdout.strip()
    time.sleep(1)
    host.run(f"systemd-run -q --unit=slow strace -f -qq -o /dev/null -p {pid} -e trace=sendto -e inject=sendto:delay_enter=3000000:when=1; sleep 1; "
             "ip link add seen type veth; sleep 3.5; systemctl stop slow; ip link del br0")
    repaired(host, has(host, "ip link show br0", "UP"), "br0 is back")
    host.run("ip link del seen")
