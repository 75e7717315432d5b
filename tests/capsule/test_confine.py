# SPDX-License-Identifier: GPL-2.0-or-later
"""What a QEMU that a guest has taken over can reach: a stand-in plays it, in the unit of a guest."""
import json
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
    # of its runner, which is the same user and has the console's log and state.json open
    "runner-trace": "timeout -s INT 2 strace -qq -o /dev/null -p $PPID; [ $? -ge 124 ]",
    "runner-memory": ": </proc/$PPID/mem",
    "runner-copy": "perl -e '$b = chr(0) x 8; $l = pack(\"QQ\", unpack(\"Q\", pack(\"P\", $b)), 8); $r = pack(\"QQ\", 1, 8); "
                   "syscall(310, 0 + $ARGV[0], $l, 1, $r, 1, 0); exit($! == 1)' $PPID",  # process_vm_readv(): EFAULT, or EPERM
    "runner-environment": "cat /proc/$PPID/environ",
    "runner-files": "ls /proc/$PPID/fd/",
    "runner-descriptor": "perl -e '$p = syscall(434, 0 + $ARGV[0], 0); exit($p < 0 || syscall(438, $p, 0, 0) < 0)' $PPID",
    "runner-root": "ls /proc/$PPID/root/",
    "others-root": "ls /proc/@QEMU@/root/",
    "others-files": "ls /proc/1/fd/",
    # what root trusts later
    "dropin": "mkdir -p /run/systemd/system/evil.service.d && rmdir /run/systemd/system/evil.service.d",
    "state": ": >>/run/kvmhost/guests/victim/state.json",
    "link": "ln -s /etc/shadow /run/kvmhost/guests/victim/evil && rm /run/kvmhost/guests/victim/evil",
    "log": ": >>/var/log/kvmhost/victim.console.log",
    "kept": "touch /var/lib/kvmhost/evil && rm /var/lib/kvmhost/evil",
    "jail": "touch /run/kvmhost/jail/evil && rm /run/kvmhost/jail/evil",
    # room that is others' too
    "fill-tmp": "head -c 16M /dev/zero >/tmp/fill && rm /tmp/fill",
    "fill-var-tmp": "head -c 16M /dev/zero >/var/tmp/fill && rm /var/tmp/fill",
    "fill-run": "head -c 1M /dev/zero >/run/fill && rm /run/fill",
    "fill-shm": "head -c 16M /dev/zero >/dev/shm/fill && rm /dev/shm/fill",
    "fill-root": "head -c 1M /dev/zero >/fill && rm /fill",
}
# The same user, had it come out of its sandbox: what only its being another one than root keeps it from.
OUTSIDE = {
    "reload": "busctl --timeout=60 call org.kvmhost1 /org/kvmhost1 org.kvmhost1.Manager Reload",
    "unit": "systemctl --no-ask-password set-property --runtime kvmhost-guest@victim.service CPUWeight=100",
    "run": "systemd-run --no-ask-password --quiet --wait true",
    "control": "socat -u OPEN:/dev/null UNIX-CONNECT:/run/kvmhost/guests/victim/control.sock",
    "console": "socat -u OPEN:/dev/null UNIX-CONNECT:/run/kvmhost/guests/victim/console.sock",
    "monitor": "kvmhostctl guest monitor victim",
    "screenshot": "kvmhostctl guest pause victim && kvmhostctl guest resume victim",
    "started": "cat /run/kvmhost/guests/victim/started.json",
    "spec": "cat /run/kvmhost/guests/victim/spec.json",
    "state": ": >>/run/kvmhost/guests/victim/state.json",
    "held": "touch /run/kvmhost/guests/victim/held && rm /run/kvmhost/guests/victim/held",
    "guest": "mkdir /run/kvmhost/guests/other && rmdir /run/kvmhost/guests/other",
    "jail": "touch /run/kvmhost/jail/evil && rm /run/kvmhost/jail/evil",
    "log": "cat /var/log/kvmhost/victim.console.log",
    "kept": "touch /var/lib/kvmhost/evil && rm /var/lib/kvmhost/evil",
    "lock": "flock -n /run/kvmhost/lock true",
    "disk": "head -c 1 /srv/victim.img",
    "qemu": ": </proc/@QEMU@/mem",
    "runner": ": </proc/@RUNNER@/mem",
    "signal": "kill -0 @QEMU@",
    "signal-daemon": "kill -0 $(systemctl show -P MainPID kvmhostd)",
    "apply": "kvmhostctl apply",
}


# Words to systemd, which takes none of QEMU's; and its descriptors, opened again for more than they are open for.
ASIDE = r"""
printf 'STATUS=owned\nFDSTORE=1\nSTOPPING=1\n' | socat -u - UNIX-SENDTO:/run/systemd/notify
printf 'STATUS=owned\nFDSTORE=1\nSTOPPING=1\n' | socat -u - UNIX-SENDTO:$NOTIFY_SOCKET
for fd in /proc/self/fd/*; do
    case $(readlink "$fd") in /srv/boot/*) (: >>"$fd") 2>/dev/null && echo "opened again: $(readlink "$fd")";; esac
    (chmod 777 "$fd") 2>/dev/null && case $(readlink "$fd") in /srv/*) echo "opened to all: $(readlink "$fd")";; esac
done
"""


def script(qemu, runner, attacks=ATTACKS):
    lines = ["#!/bin/bash"]
    for name, attack in attacks.items():
        attack = attack.replace("@QEMU@", qemu).replace("@RUNNER@", runner)
        lines.append(f"if ({attack}) </dev/null >/dev/null 2>&1; then echo attack {name}: open; else echo attack {name}: shut; fi")
    if attacks is ATTACKS:
        lines.append(f"[ $(id -u) = 0 ] || {{ {ASIDE} }}")
    lines += ["echo own: $(id -u) $(grep -c . /proc/self/status) $(head -c 4 <&$(ls -l /proc/self/fd | sed -n "
              "'s,.* \\([0-9]*\\) -> /srv/evil.img,\\1,p' | head -n 1))", "exit 1", ""]
    return "\n".join(lines)


def outcome(text):
    return dict(re.findall(r"attack ([a-z-]+): (open|shut)", text))


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.run("echo secret >/srv/victim.img; echo mine >/srv/evil.img; truncate -s 1M /srv/victim.img /srv/evil.img; "
                "chmod 600 /srv/victim.img; touch /tmp/somebody-elses; systemd-run --quiet socat TCP4-LISTEN:7777,fork SYSTEM:true")
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
        assert "opened again" not in said and "opened to all" not in said, said
        assert "owned" not in host.run("systemctl show -P StatusText kvmhost-guest@evil").stdout
        assert host.run("systemctl show -P NFileDescriptorStore kvmhost-guest@evil").stdout == "0\n"
        host.evil = own[1]
    finally:
        host.run(f"mv {QEMU}.real {QEMU}")
    assert host.run("systemctl is-active kvmhost-guest@victim").stdout == "active\n"
    settle(host, VICTIM)


def test_its_user_outside_the_sandbox_reaches_no_other(host):
    qemu = host.run("pgrep -x qemu-system-x86").stdout.strip()
    runner = host.run("systemctl show -p MainPID --value kvmhost-guest@victim").stdout.strip()
    host.restart_daemon()
    host.write("/usr/local/bin/outside", script(qemu, runner, OUTSIDE), 0o755)
    here = outcome(host.run("/usr/local/bin/outside", check=False, timeout=120).stdout)
    assert here == {name: "open" for name in OUTSIDE}, "an attack that root cannot do either proves nothing"
    there = host.run(f"setpriv --reuid {host.evil} --regid {host.evil} --clear-groups /usr/local/bin/outside", check=False, timeout=120)
    assert outcome(there.stdout) == {name: "shut" for name in OUTSIDE}, there
    host.run("systemctl stop kvmhostd; rm /usr/local/bin/outside")


# What a runner that was taken over may write into the one file of root's that it has open and root reads.
LIES = {
    "nothing": "",
    "a list": "[]",
    "half": '{"state": "running", "pid":',
    "deep": '{"a":' * 1500,
    "types": json.dumps({"state": {}, "since": "x", "accel": [], "pid": "1", "runner": {}, "end": 7, "error": {}, "event": [],
                         "display": 1, "install": [], "lost": 7, "stderr": {"a": 1}, "cpu_model": None}),
    "numbers": '{"format": 1, "state": "running", "since": -9223372036854775808, "pid": 99999999999999, "runner": -1, "end": ""}',
    "terminal": json.dumps({"format": 1, "state": "running", "pid": 1, "runner": 1, "error": "\x1b[2J\nforged", "display": "\x1b]0;x\x07\nforged",
                            "event": "\x9b2J\rforged", "accel_reason": "\x1b[31m\nforged", "lost": [{"id": "\x1b", "name": "\nforged"}, 3],
                            "stderr": ["\x1b[2J\nforged"]}),
    "init": '{"format": 1, "state": "running", "pid": 1, "runner": 1, "end": "failed", "error": "x"}',
    "ended": '{"format": 1, "state": "ended", "end": "guest"}',
}


@pytest.mark.parametrize("lie", LIES)
def test_what_a_runner_says_of_itself_is_only_said(host, lie):
    """No crash, nothing that a terminal or a reader takes for another's words, and nobody else is touched."""
    state = "/run/kvmhost/guests/victim/state.json"
    true, pid = host.read(state), host.run("systemctl show -P MainPID kvmhost-guest@victim").stdout
    try:
        host.run(["sh", "-c", f"cat >{state}"], input=LIES[lie])
        for command in (("guest", "list"), ("guest", "info", "victim"), ("status",), ("plan",), ("apply",), ("guest", "pause", "victim"),
                        ("guest", "resume", "victim"), ("export", "virt-who"), ("doctor",)):
            done = host.ctl(*command, check=False)
            assert done.rc < 10, done
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", done.stdout + done.stderr), repr(done)
            assert not re.search(r"^forged", done.stdout + done.stderr, re.M), done
        for command in (("guest", "list"), ("guest", "info", "victim"), ("status",)):
            done = host.ctl("--json", *command, check=False)
            assert done.rc < 10 and (not done.stdout or json.loads(done.stdout)), done
        assert host.run("systemctl show -P MainPID kvmhost-guest@victim").stdout == pid and host.run("kill -0 1").rc == 0
    finally:
        host.run(["sh", "-c", f"cat >{state}"], input=true)


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


# Files of root's that a guest's user comes to own, or what QEMU says comes to stand in.
PLANTED = {
    "console log": "/var/log/kvmhost/{}.console.log",
    "console log before": "/var/log/kvmhost/{}.console.log.1",
    "state": "/run/kvmhost/guests/{}/state.json",
    "machine": "/var/lib/kvmhost/machine/{}",
    "firmware": "/var/lib/kvmhost/nvram/{}.fd",
    "TPM": "/var/lib/kvmhost/tpm/{}",
    "started": "/run/kvmhost/guests/{}/started.json",
}


@pytest.fixture(scope="module")
def linked(host):
    host.run("truncate -s 1M /srv/linked.img")
    settle(host, VICTIM + EVIL.replace("evil", "linked").replace("restart: no", "restart: no\n    firmware: uefi\n    tpm: true"))
    found = host.run("ls -d /var/log/kvmhost/linked* /run/kvmhost/guests/linked/* /var/lib/kvmhost/*/linked*").stdout.split()
    host.ctl("guest", "stop", "linked")
    return found


@pytest.mark.parametrize("what", PLANTED)
def test_a_link_in_the_place_of_a_file_is_not_followed(host, linked, what):
    """Whoever could put it there: nothing is written through it, and what it points to is given to nobody."""
    path = next(iter([one for one in linked if one.startswith(PLANTED[what].format("linked"))]), None)
    assert path, f"{PLANTED[what]} is none of {linked}"
    host.run(f"echo bait >/srv/bait; chmod 600 /srv/bait; rm -f {path}; ln -s /srv/bait {path}")
    try:
        done = host.ctl("guest", "start", "linked", check=False)
        assert host.run("stat -c '%U %a %s' /srv/bait; cat /srv/bait").stdout == "root 600 5\nbait\n", done
        if host.run(f"test -L {path}", check=False).rc == 0:
            assert done.rc == 1 and path.rpartition("/")[2] in done.stderr, done
    finally:
        host.run(f"kvmhostctl guest stop linked; rm -f {path}", check=False)
