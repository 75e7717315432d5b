# SPDX-License-Identifier: GPL-2.0-or-later
"""host.cpu with the kernel's own drivers for idle states, frequencies and second threads. What they drive is made up by an
ACPI table; what the kernel says it has set is read back."""
import json
import os

import pytest
from acpi import table
from documents import EMPTY, put

from conftest import boot

CPU = "/sys/devices/system/cpu"
DOCUMENT = """version: 1
host:
  cpu: {max_cstate: 1, governor: performance, min_frequency: 1.2GHz, max_frequency: 1.8GHz}
  kernel: {modules: {acpi_cpufreq: {state: loaded}}}
"""
ONE_THREAD = DOCUMENT.replace("max_cstate: 1", "max_cstate: 1, smt: false")
KNOBS = (f"cd {CPU}; grep -s . cpu*/cpuidle/state*/disable cpufreq/policy*/scaling_governor cpufreq/policy*/scaling_m*_freq "
         "smt/control online")


def knobs(host):
    """An offline CPU's policy cannot be read, and is not among them."""
    return dict(line.rsplit(":", 1) for line in host.run(KNOBS, check=False).stdout.splitlines())


def waiting(host):
    return {step["resource"] for step in json.loads(host.ctl("--json", "plan").stdout)["steps"]}


@pytest.fixture(scope="module")
def host(request, tmp_path_factory):
    ssdt = tmp_path_factory.mktemp("acpi") / "ssdt"
    ssdt.write_bytes(table(2))
    lab = boot(request, warm=False, profile="intel",
               qemu=f"-smp 2,sockets=1,cores=1,threads=2 -device pc-testdev -acpitable file={ssdt}")
    lab.push(os.environ["KVMHOST_STAGE"])
    lab.run("update-grub && modprobe acpi-cpufreq && systemctl enable kvmhostd", timeout=120)
    lab.before = knobs(lab)
    assert lab.run(f"cat {CPU}/cpu1/cpuidle/state*/name {CPU}/cpufreq/policy1/scaling_driver {CPU}/smt/control").stdout.split() == \
        ["POLL", "C1", "C2", "acpi-cpufreq", "on"]
    return lab


def test_now(host):
    put(host, DOCUMENT)
    assert host.ctl("apply", timeout=180).rc == 0  # what the parameters are for holds already
    now = knobs(host)
    for cpu in (0, 1):
        assert [now[f"cpu{cpu}/cpuidle/state{n}/disable"] for n in (0, 1, 2)] == ["0", "0", "1"], now
        assert [now[f"cpufreq/policy{cpu}/scaling_{what}"] for what in ("governor", "min_freq", "max_freq")] == \
            ["performance", "1200000", "1800000"], now
        assert host.read(f"{CPU}/cpu{cpu}/cpufreq/scaling_cur_freq") == "1800000\n", "not what the hardware was told"
    for word in ("processor.max_cstate=1", "intel_idle.max_cstate=1"):
        assert f" {word}" in host.read("/boot/grub/grub.cfg")
    assert not waiting(host)


def test_drift_goes_back(host):
    there = knobs(host)
    host.run(f"echo 0 >{CPU}/cpu1/cpuidle/state2/disable; echo schedutil >{CPU}/cpufreq/policy0/scaling_governor")
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "C2 disabled (cpu1)" in plan.stdout and "schedutil -> performance" in plan.stdout, plan
    host.ctl("apply", check=False)
    assert knobs(host) == there


def test_second_threads(host):
    there = knobs(host)
    put(host, ONE_THREAD)
    host.ctl("apply")
    now = knobs(host)
    assert (now["smt/control"], now["online"]) == ("off", "0"), now
    assert not waiting(host)
    put(host, DOCUMENT.replace("max_cstate: 1", "max_cstate: 1, smt: true"))
    host.ctl("apply")
    assert knobs(host) == there, "the thread that came back"


def test_what_the_driver_does_not_offer(host):
    host.write("/root/other.yaml", DOCUMENT.replace("1.8GHz", "3GHz"))
    plan = host.ctl("--config", "/root/other.yaml", "plan", check=False)
    assert plan.rc == 1 and "3000 MHz is not what acpi-cpufreq" in plan.stdout, plan


def test_after_the_reboot(host):
    """The kernel itself knows no deeper state now; the rest is set again by kvmhostd."""
    put(host, DOCUMENT)
    host.reboot()
    assert host.read("/proc/cmdline").split().count("processor.max_cstate=1") == 1
    host.run("systemctl start kvmhostd", timeout=180)
    now = knobs(host)
    assert "cpu0/cpuidle/state2/disable" not in now, now
    assert now["cpufreq/policy1/scaling_governor"] == "performance" and now["cpufreq/policy1/scaling_max_freq"] == "1800000"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_release(host):
    host.run("systemctl stop kvmhostd")
    put(host, EMPTY)
    assert host.ctl("apply", "--allow-mass-removal", check=False, timeout=180).rc == 3
    host.run("modprobe acpi-cpufreq")
    now = knobs(host)
    assert now == {key: value for key, value in host.before.items() if "state2" not in key}
