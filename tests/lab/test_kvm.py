# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests by KVM from inside their sandbox: processor, pinning, hugepages, limits, watchdog, want of memory, vsock."""
import json
from pathlib import Path

import pytest
from harness import wait_until

DOCUMENT = """\
version: 1
guests:
  web1:
    cpu: {count: 2, pinning: [1, 0]%s}
    memory: {size: 192MiB%s}
    kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet %s"}
    shutdown: {timeout: 1s}
    on_change: restart
%s
"""
GUEST = """\
word() { grep -qw "$1" /proc/cmdline; }
echo vendor $(grep -m1 vendor_id /proc/cpuinfo)
echo threads $(cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list)
dmesg | grep -i hypervisor
echo guest is up
if word watchdog; then exec 3>/dev/watchdog; fi
if word fill; then sleep 5; mkdir /fill; mount -t tmpfs -o size=100% none /fill; dd if=/dev/zero of=/fill/fill bs=1M; fi
if word busy; then word one || (while :; do :; done) & while :; do :; done; fi
while :; do sleep 60; done
"""
CGROUP = "/sys/fs/cgroup/kvmhost.slice/kvmhost-guests.slice/kvmhost-guest@web1.service"


@pytest.fixture(scope="module")
def host(lab):
    lab.write("/root/guest", GUEST)
    lab.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    lab.run("nested-initrd /root/guest.img /root/guest virtio_pci virtio_balloon i6300esb vmw_vsock_virtio_transport && "
            "cp /boot/vmlinuz-$(uname -r) /root/vmlinuz", timeout=120)
    return lab


def settle(host, cpu="", memory="", words="", more=""):
    host.run("[ ! -e /var/log/kvmhost/web1.console.log ] || truncate -s 0 /var/log/kvmhost/web1.console.log")
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (cpu, memory, words, more))
    host.ctl("apply", timeout=180)
    if guest(host)["state"] != "running":  # it had powered itself off
        host.ctl("guest", "start", "web1", timeout=180)
    assert host.ctl("plan").rc == 0
    wait_until(lambda: "guest is up" in host.read("/var/log/kvmhost/web1.console.log"), 240, "the guest is up")
    return host.read("/var/log/kvmhost/web1.console.log")


def guest(host):
    return json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


def journal(host):
    return host.run("journalctl -q -o cat -u kvmhost-guest@web1").stdout


def qemu(host):
    return host.run("pgrep -f '[q]emu.*guest=web1'").stdout.split()[0]


def test_by_kvm_and_unprivileged(host):
    said = settle(host, cpu=", sockets: 1, cores: 1, threads: 2")
    assert guest(host)["accel"] == "kvm", guest(host)
    assert "AuthenticAMD" in said and "threads 0-1" in said, said
    pid = qemu(host)
    status = host.read(f"/proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status and "Uid:\t0" not in status
    assert host.run(f"ls /proc/{pid}/root/dev").stdout.split().count("kvm") == 1
    assert "/dev/kvm" in host.run(f"ls -l /proc/{pid}/fd").stdout


def test_pinned_before_it_runs(host):
    pid = qemu(host)
    threads = host.run(f"for t in /proc/{pid}/task/*; do echo $(cat $t/comm): "
                       "$(sed -n 's/^Cpus_allowed_list:\\s*//p' $t/status); done").stdout.splitlines()
    assert "CPU 0/KVM: 1" in threads and "CPU 1/KVM: 0" in threads, threads


def test_limits_are_in_force(host):
    settle(host, words="busy", more="    resources: {cpu_quota: 60%, cpu_weight: 200, io_weight: 300}")
    assert host.read(f"{CGROUP}/cpu.weight") == "200\n" and host.read(f"{CGROUP}/cpu.max") == "60000 100000\n"
    assert "default 300" in host.read(f"{CGROUP}/io.weight")
    used = "awk '/usage_usec/ {print $2}' %s/cpu.stat; awk '{print $1}' /proc/uptime" % CGROUP
    before, began = map(float, host.run(used).stdout.split())
    host.run("sleep 4")
    after, ended = map(float, host.run(used).stdout.split())
    share = (after - before) / 1e6 / (ended - began)
    assert 0.1 < share < 0.75, f"two busy processors of a guest get {share:.2f} of one"
    info = json.loads(host.ctl("--json", "guest", "info", "web1").stdout)
    assert info["cpu"]["steal_usec"] > 0, "a processor that wants to run and may not"


def test_vsock_reaches_the_guest(host):
    settle(host, more="    vsock: 42")
    assert host.loaded("vhost_vsock")
    # the guest's kernel refuses for itself: nobody listens there; of a guest that is not there nobody does
    ask = "import socket; s = socket.socket(socket.AF_VSOCK); s.settimeout(5); s.connect((%d, 99))"
    answered = host.run(["python3", "-c", ask % 42], check=False).stderr if host.run("command -v python3", check=False).rc == 0 \
        else host.run("socat -u VSOCK-CONNECT:42:99 -", check=False).stderr
    assert "reset" in answered.lower(), answered


def test_a_watchdog_that_expires_is_told(host):
    settle(host, words="watchdog", more="    watchdog: poweroff")
    wait_until(lambda: guest(host)["state"] != "running", 120, "its watchdog has bitten")
    assert "the guest let its watchdog expire (action: poweroff)" in journal(host)
    assert guest(host)["end"] == "guest"
    assert "watchdog expire" in guest(host)["event"] and "watchdog expire" in host.ctl("status", check=False).stdout


def test_want_of_memory_is_told(host):
    host.run("journalctl --rotate --vacuum-time=1s", check=False)
    settle(host, words="fill", more="    restart: no\n    resources: {memory_max: 193MiB}")
    wait_until(lambda: guest(host)["state"] != "running", 120, "the kernel has killed it")
    said = "QEMU was killed: guest and QEMU took more than `resources.memory_max`"
    assert guest(host)["error"] == said, guest(host)
    assert said in journal(host) and said in host.ctl("status", check=False).stdout


def test_hugepages_are_taken(host):
    host.run("sysctl -qw vm.nr_hugepages=110")
    settle(host, memory=", hugepages: true")
    free, reserved = map(int, host.run("awk '/HugePages_(Free|Rsvd)/ {print $2}' /proc/meminfo").stdout.split())
    assert free - reserved <= 14, "96 are the guest's"


def test_a_processor_that_this_host_lacks(host):
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (", model: Skylake-Server", "", "", "    restart: no"))
    runs = host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout
    for asked in (1, 0):  # QEMU is, once
        refused = host.run("strace -f -qq -e trace=execve -o /tmp/trace kvmhostctl plan", check=False, timeout=180)
        said = refused.stdout + refused.stderr
        assert refused.rc == 1
        assert "this host cannot run the processor `Skylake-Server`: it lacks" in said and "avx512f" in said, said
        assert host.read("/tmp/trace").count('execve("/usr/bin/qemu') == asked
    assert host.ctl("apply", check=False, timeout=180).rc == 1
    assert host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout == runs, "it was not touched"
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (", model: EPIC", "", "", "    restart: no"))
    said = str(host.ctl("plan", check=False, timeout=180))
    assert "QEMU knows no processor `EPIC`" in said and "did you mean `EPYC`?" in said, said


def test_windows_would_see_hyper_v(host):
    """A Linux guest that is offered both takes KVM for its hypervisor; what KVM has accepted is the processor's property."""
    settle(host, more="    os: windows")
    ask = '{"execute": "qom-get", "arguments": {"path": "/machine/unattached/device[0]", "property": "hv-%s"}}\n'
    for name in ("relaxed", "vapic", "time"):
        host.write("/root/ask", ask % name)
        answer = host.run("kvmhostctl guest monitor web1 </root/ask").stdout
        assert '"return":true' in answer, answer


PAIR = """\
version: 1
guests:
  web1: {kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet one %s"}, cpu: {pinning: [0]},
         memory: {size: 192MiB}, shutdown: {timeout: 1s}, on_change: restart, resources: {%s: 100}}
  web2: {kernel: {image: /root/vmlinuz, initrd: /root/guest.img, cmdline: "console=ttyS0 quiet one %s"}, cpu: {pinning: [0]},
         memory: {size: 192MiB}, shutdown: {timeout: 1s}, on_change: restart, resources: {%s: 400}}
"""


def shares(host, what, seconds):
    """How much more of it the second guest had, while both wanted all."""
    read = f"for g in web1 web2; do {what.replace('CGROUP', CGROUP.replace('web1', '$g'))}; done"
    host.run("sleep 3")
    before = [float(n) for n in host.run(read).stdout.split()]
    host.run(f"sleep {seconds}", timeout=seconds + 60)
    one, two = (float(n) - b for n, b in zip(host.run(read).stdout.split(), before))
    assert one > 0, (one, two)
    return two / one


def settle_pair(host, words, weight):
    host.run("rm -f /var/log/kvmhost/web?.console.log")
    host.write("/etc/kvmhost/host.yaml", PAIR % (words, weight, words, weight))
    host.ctl("apply", "--allow-mass-removal", timeout=240)
    host.ctl("guest", "restart", "web1", "web2", timeout=240)
    for name in ("web1", "web2"):
        wait_until(lambda: "guest is up" in host.run(f"cat /var/log/kvmhost/{name}.console.log", check=False).stdout, 300, f"{name} is up")


def test_weights_share_a_processor(host):
    """Two guests that are busy on one processor, at 100 to 400."""
    settle_pair(host, "busy", "cpu_weight")
    share = shares(host, "awk '/usage_usec/ {print $2}' CGROUP/cpu.stat", 15)
    assert 2.5 < share < 6, f"the guest with four times the weight had {share:.2f} times the processor time"
