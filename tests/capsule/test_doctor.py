# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmhostctl doctor on a real system, beside libvirt's own virt-host-validate."""
from documents import EMPTY, everything, put
from validate import REASONS, disagreements, doctor_says

def test_beside_virt_host_validate(capsule):
    found = disagreements(capsule)
    assert found <= set(REASONS), found


def test_it_changes_nothing_and_runs_nothing(capsule):
    before = everything(capsule)
    traced = capsule.run("strace -f -e trace=execve,clone,clone3,fork,vfork -o /tmp/doctor kvmhostctl doctor", check=False)
    assert traced.rc in (0, 1, 2), traced
    calls = [line for line in capsule.read("/tmp/doctor").splitlines() if "exited with" not in line]
    assert len(calls) == 1 and "execve(" in calls[0], calls
    assert everything(capsule) == before


def test_what_is_really_so_here(capsule):
    checks = doctor_says(capsule)
    for name in ("tun", "qemu", "qemu-img", "dnsmasq", "ovmf", "disk-space", "memory"):
        assert checks[name]["state"] == "pass", checks[name]
    capsule.run("mv /usr/sbin/dnsmasq /usr/sbin/dnsmasq.away")
    gone = doctor_says(capsule)["dnsmasq"]
    assert (gone["state"], gone["cure"]) == ("warn", "apt install dnsmasq-base")
    capsule.run("mv /usr/sbin/dnsmasq.away /usr/sbin/dnsmasq")


def test_somebody_on_port_53(capsule):
    capsule.run("systemd-run -q --unit theirs -p Type=forking dnsmasq --bind-interfaces --port=53 --no-resolv "
                "--listen-address=0.0.0.0 --pid-file=/run/theirs.pid")
    assert doctor_says(capsule)["dns-port"]["state"] == "warn"
    capsule.run("systemctl stop theirs")
    assert doctor_says(capsule)["dns-port"]["state"] == "pass"


def test_guests_that_do_not_fit(capsule):
    put(capsule, "version: 1\nguests:\n  big1:\n    cpu: {count: 200}\n    memory: {size: 4TiB}\n"
        "    disks: [{path: /var/lib/kvmhost/images/big.qcow2, size: 60TiB}]\n")
    checks = doctor_says(capsule)
    assert {checks[name]["state"] for name in ("guest-cpus", "cpu-overcommit", "guest-memory", "guest-storage")} == {"warn"}
    plan = capsule.ctl("plan", check=False)
    for name in ("guest-cpus", "guest-memory", "guest-storage"):
        assert f"warning: {checks[name]['seen']}" in plan.stderr, plan
    put(capsule, "version: 1\nguests: {}\nbridges: 3\n")
    broken = doctor_says(capsule)
    assert broken["document"]["state"] == "fail" and "host.yaml:3:10" in broken["document"]["seen"]
    assert broken["guest-cpus"]["state"] == "unknown"
    put(capsule, EMPTY)


def test_as_somebody_else(capsule):
    result = capsule.run("setpriv --reuid nobody --regid nogroup --clear-groups kvmhostctl doctor kvm-access tun", check=False)
    assert result.rc == 0 and "pass     tun" in result.stdout and "unknown  kvm-access" in result.stdout, result


def test_networks_of_our_own_leave_the_port_free(capsule):
    """A dnsmasq of one interface has its port on all addresses, and bound to that interface: /proc/net/udp does not tell."""
    put(capsule, "version: 1\nnetworks:\n  lan0: {bridge: virbr7, addresses: [192.168.77.1/24], dhcp: {range: [192.168.77.10, 192.168.77.20]}}\n")
    capsule.ctl("apply")
    assert "00000000:0043" in capsule.read("/proc/net/udp")
    assert doctor_says(capsule)["dhcp-port"]["state"] == "pass"
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
