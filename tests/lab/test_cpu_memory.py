# SPDX-License-Identifier: GPL-2.0-or-later
"""host.cpu and host.memory on a real kernel: now, at the next boot, and given back. The tests are one story.

Not to be had in here: C-states (no cpuidle driver under emulation) and frequencies (no cpufreq); their planning is a
unit test on captured trees. Memory in use makes the 1 GiB page wait for a reboot.
"""
import json

import pytest
from documents import EMPTY, put

DOCUMENT = """version: 1
host:
  cpu: {max_cstate: auto, isolated: 1, nested: false}
  memory: {hugepages: {2MiB: {pages: 96, mount: /dev/hugepages2M}, 1GiB: 1}, ksm: true}
"""
LATER = DOCUMENT.replace("pages: 96", "pages: 420")
POOL = "/sys/kernel/mm/hugepages/hugepages-{}kB/nr_hugepages"
SLICES = ("init.scope", "system.slice", "user.slice")


def knobs(host):
    return host.run(f"cat {POOL.format(2048)} {POOL.format(1048576)} /sys/kernel/mm/ksm/run; "
                    "for s in " + " ".join(SLICES) + "; do cat /sys/fs/cgroup/$s/cpuset.cpus 2>/dev/null || echo; done; "
                    "sha256sum /boot/grub/grub.cfg; ls /etc/default/grub.d /etc/modprobe.d").stdout


def service_cpus(host):
    return host.run("systemd-run -q --pipe --wait nproc").stdout.strip()


@pytest.fixture(scope="module")
def host(lab):
    lab.run("update-grub", timeout=120)
    lab.before = knobs(lab)
    assert service_cpus(lab) == "2"
    lab.run("systemctl enable kvmhostd")
    return lab


def test_what_this_machine_does_not_have_is_told(host):
    host.write("/root/other.yaml", "version: 1\nhost:\n  cpu: {governor: performance}\n  memory: {hugepages: {4MiB: 1}}\n")
    plan = host.ctl("--config", "/root/other.yaml", "plan", check=False)
    assert plan.rc == 1
    assert "no frequency driver works here" in plan.stdout and "its hypervisor chooses" in plan.stdout, plan
    assert "this machine has none of 4MiB" in plan.stdout and "2MiB" in plan.stdout, plan


def test_now(host):
    host.run("mount -t tmpfs -o size=2g in-use /mnt && head -c 1600M /dev/zero >/mnt/in-use", timeout=180)
    put(host, DOCUMENT)
    assert host.ctl("plan", check=False).rc == 2
    assert knobs(host) == host.before, "plan changed something"
    result = host.ctl("apply", check=False, timeout=180)
    assert result.rc == 3, result
    assert host.read(POOL.format(2048)) == "96\n" and host.read("/sys/kernel/mm/ksm/run") == "1\n"
    for unit in SLICES:
        assert host.read(f"/sys/fs/cgroup/{unit}/cpuset.cpus") == "0\n"
    assert service_cpus(host) == "1"
    assert "pagesize=2M" in host.run("findmnt -no OPTIONS /dev/hugepages2M").stdout
    assert host.run("cat /sys/fs/cgroup/kvmhost.slice/cpuset.cpus 2>/dev/null", check=False).stdout.strip() == ""
    assert host.read("/boot/grub/grub.cfg").count(" hugepagesz=1G hugepages=1") >= 2
    if "constant_tsc" not in host.read("/proc/cpuinfo"):
        assert " processor.max_cstate=1" in host.read("/boot/grub/grub.cfg")
    assert "intel_idle" not in host.read("/boot/grub/grub.cfg"), "for an AMD processor"


def test_the_gigantic_page_waits_for_a_reboot(host):
    assert host.read(POOL.format(1048576)) == "0\n"
    steps = json.loads(host.ctl("--json", "plan").stdout)["steps"]
    waits = {step["resource"]: step["waits_for"] for step in steps}
    assert "found memory for 0 of 1: 1GiB pages" in waits["memory/host"], waits
    assert set(waits) <= {"memory/host", "module/kvm_amd"}, waits
    assert "reboot      needed" in host.ctl("status", check=False).stdout


def test_drift_goes_back(host):
    host.run(f"echo 10 >{POOL.format(2048)}; echo 0 >/sys/kernel/mm/ksm/run; "
             "systemctl set-property --runtime system.slice AllowedCPUs=0-1")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "AllowedCPUs of system.slice" in plan.stdout, plan
    assert host.ctl("apply", check=False).rc == 3
    assert host.read(POOL.format(2048)) == "96\n" and service_cpus(host) == "1"


def test_what_there_is_no_room_for_is_for_the_next_boot(host):
    """What could not be had at run time kvmhostd asks for at boot, before anybody uses memory."""
    put(host, LATER)
    result = host.ctl("apply", check=False, timeout=180)
    assert result.rc == 1 and "of 420: 2MiB pages; there are 96, as before" in result.stdout, result
    assert "or reboot: kvmhostd asks early" in result.stdout, result
    assert host.read(POOL.format(2048)) == "96\n"


def test_after_the_reboot(host):
    host.reboot()
    host.run("systemctl start kvmhostd", timeout=180)
    assert "hugepagesz=1G hugepages=1" in host.read("/proc/cmdline")
    limited = "constant_tsc" not in host.read("/proc/cpuinfo")
    assert host.read("/proc/cmdline").split().count("processor.max_cstate=1") == limited
    if limited:
        assert host.read("/sys/module/processor/parameters/max_cstate") == "1\n"
    assert host.read(POOL.format(1048576)) == "1\n"
    assert "pagesize=2M" in host.run("findmnt -no OPTIONS /dev/hugepages2M").stdout
    assert host.read(POOL.format(2048)) == "420\n" and service_cpus(host) == "1"
    assert host.read("/sys/module/kvm_amd/parameters/nested") == "0\n"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
    assert host.ctl("status").rc == 0


def test_more_than_there_is(host):
    host.write("/root/other.yaml", DOCUMENT.replace("pages: 96", "pages: 4000").replace("1GiB: 1", "1GiB: 0"))
    plan = host.ctl("--config", "/root/other.yaml", "plan", check=False)
    assert plan.rc == 1 and "8000 MiB in all, and this machine has" in plan.stdout, plan


def test_release(host):
    host.run("systemctl stop kvmhostd")
    put(host, EMPTY)
    result = host.ctl("apply", "--allow-mass-removal", check=False, timeout=180)
    assert result.rc == 3, result  # the running kernel was started with the parameters
    assert knobs(host) == host.before
    assert service_cpus(host) == "2" and not host.run("findmnt /dev/hugepages2M", check=False).stdout
    host.reboot()
    assert "hugepages" not in host.read("/proc/cmdline")
    assert knobs(host) == host.before
