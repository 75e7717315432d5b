# SPDX-License-Identifier: GPL-2.0-or-later
"""VFs of an 82576 on a real kernel with its real driver, igb: made, set up, changed, kept over reboots, given back; and
of an NVMe controller. The tests are one story and run in order."""
import json
import time

import pytest
from documents import EMPTY, put
from harness import wait_until

# the spare port is for what tests plug in; QEMU's NVMe cannot be part of a saved machine
HARDWARE = {"nics": 2, "qemu": "-device pcie-root-port,id=spare,chassis=30,slot=30 -device nvme-subsys,id=sub0"}
PF, NIC = "0000:01:00.0", "enp1s0"
OTHER = "0000:02:00.0"
SEVEN = f"""\
version: 1
sriov:
  uplink:
    device: {{address: "{PF}"}}
    max_vfs: 7
    vfs:
      0: {{mac: "52:54:00:6d:90:02", vlan: 42, trust: false, spoof_check: true, link_state: auto}}
      1: {{mac: "52:54:00:6d:90:03", vlan: 43, qos: 5, max_rate: 500Mbit}}
      2: {{trust: true, spoof_check: false}}
"""


def vfs(host, nic=NIC):
    """What ip tells of the VFs, by number."""
    link = json.loads(host.run(f"ip -j -d link show {nic}").stdout)[0]
    return {vf["vf"]: vf for vf in link.get("vfinfo_list", [])}


def attribute(host, name, pf=PF):
    return host.read(f"/sys/bus/pci/devices/{pf}/{name}").strip()


def count(host, pf=PF):
    return int(attribute(host, "sriov_numvfs", pf))


def planned(host):
    """{resource: step} of what a plan has."""
    plan = host.ctl("--json", "plan", check=False)
    return {step["resource"]: step for step in json.loads(plan.stdout)["steps"]}


def paths(host, resource="sriov/uplink"):
    return {change["path"] for change in planned(host)[resource]["changes"]}


def nothing_to_do(host):
    plan = host.ctl("plan", check=False)
    return plan.rc == 0 and plan.stdout.rstrip().endswith("nothing to do")


def settle(host, text, *args):
    put(host, text)
    host.ctl("apply", *args)
    assert nothing_to_do(host), host.ctl("plan", check=False)


def has_link(host, nic=NIC):
    return "LOWER_UP" in host.run(f"ip -o link show {nic}").stdout


def before(host):
    """What must be as it was when all is given back."""
    return host.run(f"cat /sys/bus/pci/devices/{PF}/sriov_numvfs /sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe "
                    f"/sys/bus/pci/devices/{OTHER}/sriov_numvfs; lspci -Dn; "
                    "cat /sys/class/net/*/flags; ls /sys/class/net").stdout


@pytest.fixture(scope="module")
def host(lab):
    lab.before = before(lab)
    lab.run("systemctl enable kvmhostd && sync")
    return lab


def test_seven_vfs(host):
    put(host, SEVEN)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "max_vfs            0 -> 7" in plan.stdout, plan
    assert "disrupts: a link goes down for a moment" in plan.stdout, plan
    assert before(host) == host.before, "plan changed something"
    host.run("systemctl start kvmhostd")
    assert count(host) == 7 and attribute(host, "sriov_drivers_autoprobe") == "0"
    made = vfs(host)
    assert len(made) == 7
    host.macs = [made[number]["address"] for number in range(7)]
    assert host.macs[:2] == ["52:54:00:6d:90:02", "52:54:00:6d:90:03"]
    assert len(set(host.macs)) == 7 and all(mac.startswith("52:54:00:") for mac in host.macs)
    assert made[0]["vlan_list"][0]["vlan"] == 42 and not made[0]["trust"] and made[0]["spoofchk"]
    assert made[1]["vlan_list"][0]["vlan"] == 43 and made[1]["vlan_list"][0]["qos"] == 5
    assert made[1]["rate"]["max_tx"] == 500
    assert made[2]["trust"] and not made[2]["spoofchk"] and not made[2]["vlan_list"][0].get("vlan")
    assert nothing_to_do(host), host.ctl("plan", check=False)


def test_no_driver_of_the_host_takes_them(host):
    drivers = host.run("for n in 0 1 2 3 4 5 6; do d=/sys/bus/pci/devices/$(basename $(readlink -f "
                       f"/sys/bus/pci/devices/{PF}/virtfn$n)); test -e $d/driver && readlink $d/driver; done; true")
    assert drivers.stdout == ""


def test_the_inventory_tells_of_them(host):
    told = json.loads(host.ctl("--json", "devices").stdout)
    devices = {device["address"]: device for device in told["devices"]}
    pf = devices[PF]
    assert pf["device"]["name"] == "82576 Gigabit Network Connection" and pf["vendor"]["name"] == "Intel Corporation"
    assert pf["pf"] == {"total_vfs": 7, "num_vfs": 7, "drivers_autoprobe": False}
    assert pf["interfaces"] == [{"name": NIC, "up": True, "carrier": True}]
    found = {device["vf"]["number"]: device for device in devices.values() if device["vf"]}
    assert sorted(found) == list(range(7)) and all(vf["device"]["id"] == "10ca" for vf in found.values())
    assert found[0]["vf"]["settings"]["mac"] == "52:54:00:6d:90:02" and found[0]["vf"]["settings"]["vlan"] == 42
    assert found[1]["vf"]["settings"]["max_rate"] == "500Mbit"
    assert all(vf["assignable"] and vf["state"] == "free" and vf["iommu_group"] is not None for vf in found.values())
    assert not pf["assignable"] and pf["state"] == "host" and "enp1s0 carries the default route" in pf["why"]
    disk = next(device for device in devices.values() if device["class"]["id"].startswith("0100"))
    assert disk["state"] == "host" and "root file system" in disk["why"]


def test_drift_is_seen_and_put_right(host):
    host.run("systemctl stop kvmhostd")
    host.run(f"ip link set {NIC} vf 0 vlan 7 && ip link set {NIC} vf 3 mac 02:00:00:00:00:01 && "
             f"ip link set {NIC} vf 2 trust off && ip link set {NIC} vf 1 max_tx_rate 100")
    assert paths(host) == {"vfs.0.vlan", "vfs.1.max_rate", "vfs.2.trust", "vfs.3.mac"}
    host.ctl("apply")
    made = vfs(host)
    assert [made[number]["address"] for number in range(7)] == host.macs
    assert made[0]["vlan_list"][0]["vlan"] == 42 and made[1]["rate"]["max_tx"] == 500 and made[2]["trust"]
    assert nothing_to_do(host)


def test_a_reloaded_driver_is_set_up_again(host):
    host.run("modprobe -r igb")
    wait = planned(host)["sriov/uplink"]
    assert wait["waits_for"] == f"a driver for {PF}: none is bound"
    host.run("modprobe igb && udevadm settle")
    assert count(host) == 0
    assert "max_vfs" in paths(host)
    host.ctl("apply")
    assert [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs
    assert nothing_to_do(host)


def test_a_reset_pf_is_set_up_again(host):
    """Whatever a reset leaves: the next run ends where an unharmed one does."""
    host.run(f"echo 1 >/sys/bus/pci/devices/{PF}/reset", check=False)
    host.run(f"ip link set {NIC} down")
    assert "up" in paths(host)
    host.ctl("apply")
    wait_until(lambda: has_link(host), 30, "a link")
    host.ctl("apply")
    assert [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs
    assert nothing_to_do(host)


def test_the_number_changes_through_none(host):
    put(host, SEVEN.replace("max_vfs: 7", "max_vfs: 3"))
    plan = host.ctl("plan", check=False)
    assert "! sriov/uplink  the number of VFs changes only through 0: all are made again" in plan.stdout, plan
    host.ctl("apply")
    assert count(host) == 3 and nothing_to_do(host)
    assert [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs[:3]
    settle(host, SEVEN)
    assert [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs


@pytest.mark.parametrize("change, told", [
    (("max_vfs: 7", "max_vfs: 8"), "0000:01:00.0 (igb) can have at most 7 VFs, not 8"),
    (("max_rate: 500Mbit", "max_rate: 500Mbit, min_rate: 100Mbit"),
     "the driver igb of 0000:01:00.0 (enp1s0) refuses `min_rate: 100Mbit` for VF 1: Invalid argument"),
    (("link_state: auto", "link_state: enable"),
     "the driver igb of 0000:01:00.0 (enp1s0) refuses `link_state: enable` for VF 0: Operation not supported"),
    (("vlan: 43", "vlan: 43, protocol: 802.1ad"),
     "the driver igb of 0000:01:00.0 (enp1s0) refuses `protocol: 802.1ad` for VF 1: Protocol not supported"),
    (("max_rate: 500Mbit", "max_rate: 5Gbit"),
     "the driver igb of 0000:01:00.0 (enp1s0) refuses `max_rate: 5Gbit` for VF 1: Invalid argument"),
])
def test_what_cannot_be_is_told(host, change, told):
    put(host, SEVEN.replace(*change))
    result = host.ctl("apply", check=False)
    assert result.rc == 1 and told in result.stdout, result
    settle(host, SEVEN)


def test_a_refused_number_puts_the_old_one_back(host):
    """The kernel's answer to the second write, after the one that takes all away, is made up; what follows is its own."""
    settle(host, SEVEN.replace("max_vfs: 7", "max_vfs: 3"))
    host.run("systemctl start kvmhostd")
    had = vfs(host)
    put(host, SEVEN)
    refused = host.run(f"strace -f -qq -o /dev/null -P /sys/bus/pci/devices/{PF}/sriov_numvfs "
                       "-e inject=write:error=ENOMEM:when=2 kvmhostctl --no-color apply", check=False, timeout=120)
    assert refused.rc == 1 and (f"{PF} (igb) does not make 7 VFs: Cannot allocate memory; the 3 that it had are there again"
                                in refused.stdout), refused
    assert "pci=realloc" in refused.stdout, refused
    assert vfs(host) == had and attribute(host, "sriov_drivers_autoprobe") == "0"
    host.run(f"ip link set {NIC} alias heard-of")
    time.sleep(5)
    assert count(host) == 3, "an event tried again, and all VFs went for that"
    host.run(f"systemctl stop kvmhostd; ip link set {NIC} alias ''")
    assert "max_vfs" in paths(host)
    settle(host, SEVEN)
    assert count(host) == 7


def test_rates_wait_for_a_link(host):
    host.machine.monitor("set_link nic1 off")
    wait_until(lambda: not has_link(host), 30, "no link")
    put(host, SEVEN.replace("max_rate: 500Mbit", "max_rate: 600Mbit").replace("vlan: 43", "vlan: 44"))
    host.ctl("apply")
    assert vfs(host)[1]["vlan_list"][0]["vlan"] == 44, "what needs no link is done"
    step = planned(host)["sriov/uplink"]
    assert step["waits_for"] == f"a link on {NIC}, whose speed bounds the rates of VFs", step
    host.machine.monitor("set_link nic1 on")
    wait_until(lambda: has_link(host), 30, "a link")
    host.ctl("apply")
    assert vfs(host)[1]["rate"]["max_tx"] == 600
    settle(host, SEVEN)


def test_vfs_in_use_are_kept(host):
    """Somebody has the VF open through vfio: the kernel would wait for him, in the middle of the write."""
    host.run("modprobe vfio-pci")
    address = host.run(f"basename $(readlink /sys/bus/pci/devices/{PF}/virtfn4)").stdout.strip()
    vf = f"/sys/bus/pci/devices/{address}"
    host.run(f"echo vfio-pci >{vf}/driver_override && echo {address} >/sys/bus/pci/drivers_probe")
    group = host.run(f"basename $(readlink {vf}/iommu_group)").stdout.strip()
    host.run(f"systemd-run --unit=holder sh -c 'exec 5<>/dev/vfio/{group}; exec sleep 600'")
    wait_until(lambda: host.run(f"ls -l /proc/*/fd 2>/dev/null | grep -q /dev/vfio/{group}", check=False).rc == 0, 10,
               "an open group")
    held = json.loads(host.ctl("--json", "devices", address).stdout)["devices"][0]
    assert held["state"] == "in use" and held["held_by"]["guest"] is None and held["held_by"]["process"] > 1
    for text in (SEVEN.replace("max_vfs: 7", "max_vfs: 3"), EMPTY):
        put(host, text)
        step = planned(host)["sriov/uplink"]
        assert step["disruption"] == "guest", step
        assert step["waits_for"].startswith("sleep (process ") and f"(VF 4, {address})" in step["waits_for"], step
        host.ctl("apply", "--allow-mass-removal")
        assert count(host) == 7
    put(host, SEVEN.replace("max_vfs: 7\n    vfs:\n", "max_vfs: 7\n    vfs:\n      4: {mac: \"52:54:00:6d:90:04\"}\n"))
    step = planned(host)["sriov/uplink"]
    assert step["disruption"] == "guest" and "uses VF 4 and would be cut off by its new MAC address" in step["reason"], step
    assert step["waits_for"].endswith(" to let go of it"), step
    host.run(f"systemctl stop holder; echo >{vf}/driver_override; echo {address} >{vf}/driver/unbind")
    settle(host, SEVEN)


@pytest.mark.parametrize("device", [
    "{interface: enp1s0}", '{mac: "52:54:00:1a:b1:01"}', "{driver: igb, port: 0}", '{address: "01:00.0"}',
])
def test_ways_to_name_it(host, device):
    put(host, SEVEN.replace(f'{{address: "{PF}"}}', device))
    assert nothing_to_do(host), host.ctl("plan", check=False)


def test_all_is_there_after_a_reboot(host):
    settle(host, SEVEN)
    host.run("systemctl start kvmhostd && sync")
    host.reboot()
    wait_until(lambda: host.ctl("status", check=False).rc == 0, 60, "converged")
    made = vfs(host)
    assert [made[number]["address"] for number in range(7)] == host.macs
    assert made[0]["vlan_list"][0]["vlan"] == 42 and made[1]["rate"]["max_tx"] == 500
    assert attribute(host, "sriov_drivers_autoprobe") == "0"
    assert nothing_to_do(host), host.ctl("plan", check=False)


def test_the_daemon_hears_of_it(host):
    """Nobody calls it: a VF that was changed, a driver that was loaded again."""
    host.run(f"ip link set {NIC} vf 0 vlan 7")
    wait_until(lambda: vfs(host)[0]["vlan_list"][0]["vlan"] == 42, 30, "VLAN 42")
    host.run("modprobe -r igb && modprobe igb")
    wait_until(lambda: [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs, 60, "all VFs")
    wait_until(lambda: vfs(host)[1]["rate"]["max_tx"] == 500, 60, "the rate, once there is a link")
    host.run("systemctl stop kvmhostd")
    assert nothing_to_do(host), host.ctl("plan", check=False)


def test_killed_at_any_time(host):
    """The next run finishes what was begun, or gives back what is no longer wanted."""
    two = SEVEN + f'  second:\n    device: {{address: "{OTHER}"}}\n    max_vfs: 2\n'
    killed = 0
    for delay in (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.1, 1.5):
        for text in (two, EMPTY):
            put(host, text)
            killed += host.run(f"timeout -s KILL {delay} kvmhostctl apply --allow-mass-removal", check=False).rc == 137
        settle(host, two)
        assert (count(host), count(host, OTHER)) == (7, 2)
        assert [vf["address"] for _, vf in sorted(vfs(host).items())] == host.macs
        settle(host, EMPTY, "--allow-mass-removal")
        assert before(host) == host.before
    assert killed >= 8, killed


def test_a_pf_that_was_down_goes_down_again(host):
    host.run(f"ip link set {NIC} down")
    settle(host, SEVEN)
    assert "UP" in host.run(f"ip -o link show {NIC}").stdout.split(">")[0]
    settle(host, EMPTY, "--allow-mass-removal")
    assert "UP" not in host.run(f"ip -o link show {NIC}").stdout.split(">")[0]
    host.run(f"ip link set {NIC} up")


def test_by_the_modules_option(host):
    text = (SEVEN.replace(f'{{address: "{PF}"}}', "{driver: igb, port: 0}")
            .replace("max_vfs: 7\n", "max_vfs: 3\n    module_option: max_vfs\n"))
    put(host, text)
    host.ctl("apply")
    steps = planned(host)
    assert steps["sriov/uplink"]["waits_for"] == "module igb to be loaded again with max_vfs=3", steps
    host.run("modprobe -r igb && modprobe igb && udevadm settle")
    host.ctl("apply")
    wait_until(lambda: has_link(host), 30, "a link")
    host.ctl("apply")
    assert count(host) == 3 and vfs(host)[0]["address"] == "52:54:00:6d:90:02"
    # made before drivers_autoprobe was off, so the host's driver has them; a trusted one keeps its own address
    assert vfs(host)[2]["trust"]
    assert nothing_to_do(host), host.ctl("plan", check=False)
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    host.run("modprobe -r igb && modprobe igb && udevadm settle")
    assert nothing_to_do(host)


def test_release_gives_everything_back(host):
    settle(host, SEVEN)
    settle(host, EMPTY, "--allow-mass-removal")
    time.sleep(1)  # the link comes back by itself
    assert before(host) == host.before


def test_nvme(host):
    host.run("modprobe nvme")
    told = host.machine.monitor("device_add nvme,id=nv0,serial=lab0,subsys=sub0,bus=spare,sriov_max_vfs=2,"
                                "sriov_vq_flexible=4,sriov_vi_flexible=2,max_ioqpairs=6,msix_qsize=5")
    assert not told.strip(), told
    found = "lspci -Dn | awk '$2 == \"0108:\" {print $1; exit}'"
    pf = wait_until(lambda: host.run(found).stdout.strip(), 30, "an NVMe controller")
    wait_until(lambda: host.exists(f"/sys/bus/pci/devices/{pf}/driver"), 30, "its driver")
    assert attribute(host, "sriov_totalvfs", pf) == "2"
    text = f'version: 1\nsriov:\n  disks:\n    device: {{address: "{pf}"}}\n    max_vfs: 2\n'
    put(host, text + "    vfs: {0: {vlan: 4}}\n")
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and f"vfs: {pf} (nvme) is no network card" in refused.stdout, refused
    assert count(host, pf) == 0
    settle(host, text)
    assert count(host, pf) == 2
    settle(host, EMPTY, "--allow-mass-removal")
    assert count(host, pf) == 0 and attribute(host, "sriov_drivers_autoprobe", pf) == "1"
