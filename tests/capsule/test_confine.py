# SPDX-License-Identifier: GPL-2.0-or-later
"""What a QEMU that a guest has taken over can reach: a stand-in plays it, in the unit of a guest."""
import re

import pytest
from documents import settle
from harness import wait_until

QEMU = "/usr/bin/qemu-system-x86_64"
KERNEL = 'kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}'
VICTIM = f"""\
version: 1
guests:
  victim:
    memory: {{size: 96MiB}}
    {KERNEL}
    disks: [{{path: /srv/victim.img, format: raw}}]
    shutdown: {{timeout: 0s}}
"""
EVIL = f"""\
  evil:
    memory: {{size: 96MiB}}
    {KERNEL}
    disks: [{{path: /srv/evil.img, format: raw}}]
    shutdown: {{timeout: 0s}}
    restart: no
"""
# Each line of it is an attack; run by root on the host, all succeed.
ATTACKS = {
    "disk": "head -c 1 /srv/victim.img",
    "disk-write": "dd if=/dev/zero of=/srv/victim.img bs=1 count=1 conv=notrunc",
    "spec": "cat /run/kvmhost/guests/victim/spec.json",
    "config": "cat /etc/kvmhost/host.yaml",
    "passwords": "cat /etc/shadow",
    "memory": "mknod /tmp/mem-$$ c 1 1",
    "bus": "socat -u OPEN:/dev/null UNIX-CONNECT:/run/dbus/system_bus_socket",
    "systemd": "socat -u OPEN:/dev/null UNIX-CONNECT:/run/systemd/private",
    "console": "socat -u OPEN:/dev/null UNIX-CONNECT:/run/kvmhost/guests/victim/console.sock",
    "journal": "echo forged | socat -u - UNIX-SENDTO:/run/systemd/journal/socket",
    "signal-init": "kill -0 1",
    "signal-qemu": "kill -0 @QEMU@",
    "signal-runner": "kill -0 @RUNNER@",
    "processes": "test -e /proc/@QEMU@",
    "tcp": "socat -u OPEN:/dev/null TCP4:127.0.0.1:7777",
    "links": "ip -o link show lo",
    "sysfs": "test -w /sys/class/net/lo/ifalias",
    "sysctl": "cat /proc/sys/kernel/hostname",
    "mount": "mkdir -p /tmp/m && mount -t tmpfs none /tmp/m && umount /tmp/m",
    "namespace": "unshare -U true",
    "root": "setpriv --reuid 0 true",
    "usr": "touch /usr/bin/evil && rm /usr/bin/evil",
    "etc": "touch /etc/evil && rm /etc/evil",
    "tun": "test -c /dev/net/tun",
    "keys": "ls /root",
    "homes": "ls /home",
    "kernel-log": "dmesg -S",
    "hostname": 'hostname "$(uname -n)"',
    "personality": "setarch --addr-no-randomize true",
    "tmp": "test -e /tmp/somebody-elses",
}


def script(qemu, runner):
    lines = ["#!/bin/bash"]
    for name, attack in ATTACKS.items():
        attack = attack.replace("@QEMU@", qemu).replace("@RUNNER@", runner)
        lines.append(f"if ({attack}) >/dev/null 2>&1; then echo attack {name}: open; else echo attack {name}: shut; fi")
    lines += ["echo own: $(id -u) $(grep -c . /proc/self/status) $(head -c 4 <&$(ls -l /proc/self/fd | sed -n "
              "'s,.* \\([0-9]*\\) -> /srv/evil.img,\\1,p' | head -n 1))", "exit 1", ""]
    return "\n".join(lines)


def outcome(text):
    return dict(re.findall(r"attack ([a-z-]+): (open|shut)", text))


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.run("echo secret >/srv/victim.img; echo mine >/srv/evil.img; truncate -s 1M /srv/victim.img /srv/evil.img; "
                "touch /tmp/somebody-elses; systemd-run --quiet socat TCP4-LISTEN:7777,fork SYSTEM:true")
    settle(capsule, VICTIM)
    return capsule


def test_a_compromised_qemu_reaches_nothing_of_the_host(host):
    qemu = host.run("pgrep -x qemu-system-x86").stdout.strip()
    runner = host.run("systemctl show -p MainPID --value kvmhost-guest@victim").stdout.strip()
    host.run(f"mv {QEMU} {QEMU}.real")
    host.write(QEMU, script(qemu, runner), 0o755)
    try:
        here = outcome(host.run(QEMU, check=False).stdout)
        assert here == {name: "open" for name in ATTACKS}, "an attack that root cannot do either proves nothing"
        host.write("/etc/kvmhost/host.yaml", VICTIM + EVIL)
        host.ctl("apply", check=False)
        said = host.said("kvmhost-guest@evil")
        assert outcome(said) == {name: "shut" for name in ATTACKS}, said
        own = re.search(r"own: (\d+) (\d+) (\w+)", said)
        assert own and int(own[1]) >= 1879048192 and int(own[2]) > 10 and own[3] == "mine", said
    finally:
        host.run(f"mv {QEMU}.real {QEMU}")
    assert host.run("systemctl is-active kvmhost-guest@victim").stdout == "active\n"
    settle(host, VICTIM)


def test_the_unit_is_rated_below_two(host):
    said = host.run("systemd-analyze security --no-pager kvmhost-guest@victim").stdout
    assert float(re.search(r"exposure level for \S+: ([0-9.]+)", said)[1]) < 2.0, said


def test_qemu_has_nothing_but_its_own_descriptors(host):
    qemu = host.run("pgrep -x qemu-system-x86").stdout.strip()
    files = {line.split(" -> ")[1] for line in host.run(f"ls -l /proc/{qemu}/fd").stdout.splitlines() if " -> " in line}
    assert {name for name in files if name.startswith("/")} == {"/dev/null", "/srv/victim.img", "/srv/boot/vmlinuz",
                                                               "/srv/boot/initrd.img"}
    assert host.run("systemctl show -p NFileDescriptorStore --value kvmhost-guest@victim").stdout == "0\n"


def test_a_runner_killed_at_its_start_leaves_no_lock(host):
    """What the opener passed to systemd must not outlive the start that it was for."""
    for pause in (0.0, 0.01, 0.03, 0.06, 0.1):
        host.run(f"systemctl restart --no-block kvmhost-guest@victim; sleep {pause}; pkill -9 -x kvmhost-run", check=False)
        wait_until(lambda: host.run("systemctl is-active kvmhost-guest@victim", check=False).stdout == "active\n",
                   30, "the victim is up again")
        host.run("systemctl reset-failed kvmhost-guest@victim", check=False)
