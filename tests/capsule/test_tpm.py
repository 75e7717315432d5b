# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's TPM: there, kept over restarts, in the guest's sandbox, and missed when it ends."""
import json

import pytest
from documents import EMPTY, settle
from harness import wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"
DOCUMENT = """\
version: 1
guests:
  web1:
    memory: {size: 128MiB}
    kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}
    shutdown: {timeout: 20s}
    on_change: restart
    tpm: %s
"""
# TPM2_ReadClock; behind a head of 10 bytes, time and clock of 8, a number that each reset raises, and that is kept
# (at one blow: the shell's printf would write what stands before the line feed by itself)
READ_CLOCK = r"printf '\200\001\000\000\000\012\000\000\001\201' >/ask; exec 3<>/dev/tpm0; cat /ask >&3; " \
             "head -c 60 <&3 | hexdump -v -e '1/1 \"%02x\"'; exec 3<&-"


def resets(host):
    console = host.console(SOCKET)
    console.sock.sendall(b"\n")
    console.expect("guest# ", 90)
    answer = console.run(READ_CLOCK).strip()
    assert len(answer) >= 60 and answer[12:20] == "00000000", answer + console.run("dmesg | grep -i tpm; ls /dev", check=False)
    console.close()
    return int(answer[52:60], 16)


def guest(host):
    return json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


def test_it_remembers(host):
    settle(host, DOCUMENT % "true")
    first = resets(host)
    host.ctl("guest", "restart", "web1", timeout=120)
    assert resets(host) == first + 1
    settle(host, DOCUMENT % "false")
    console = host.console(SOCKET)
    console.ready()
    assert console.run("ls /dev | grep -c tpm", check=False) == "0\n"
    console.close()
    settle(host, EMPTY, "--allow-mass-removal")
    assert host.run("stat -c %s /var/lib/kvmhost/tpm/web1").stdout.strip() != "0", "it stays, as disks do"
    settle(host, DOCUMENT % "true")
    assert resets(host) == first + 2


def test_it_is_in_the_sandbox(host):
    pid = host.run("pgrep -x swtpm").stdout.strip()
    qemu = host.run("pgrep -f '[q]emu.*guest=web1'").stdout.split()[0]
    status = host.read(f"/proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    for what in ("root", "ns/mnt", "ns/net"):
        assert host.run(f"stat -L -c %i /proc/{pid}/{what}").stdout == host.run(f"stat -L -c %i /proc/{qemu}/{what}").stdout
    assert host.run("ls /var/lib/kvmhost/tpm >/dev/null && setpriv --reuid 65534 --clear-groups ls /var/lib/kvmhost/tpm",
                    check=False).rc != 0


def test_one_that_ends_is_missed(host):
    host.run("pkill -9 -x swtpm")
    wait_until(lambda: "TPM (swtpm) has ended" in guest(host).get("event", ""), 30, "it is told")
    assert "TPM (swtpm) has ended" in host.ctl("status", check=False).stdout
    assert "TPM (swtpm) has ended" in host.said("kvmhost-guest@web1")
    host.ctl("guest", "restart", "web1", timeout=120)
    resets(host)
    assert "event" not in guest(host)
    pid = "systemctl show -P MainPID kvmhost-guest@web1"
    old = host.run(pid).stdout
    host.run("pkill -9 -f '[q]emu.*guest=web1'")
    wait_until(lambda: host.run(pid).stdout not in (old, "0\n") and guest(host)["state"] == "running", 60, "by its policy")
    resets(host)
    assert host.run("pgrep -c -x swtpm").stdout == "1\n", "each ends with its QEMU"
    assert "TPM" not in guest(host).get("event", "")


def test_a_missing_one_is_one_clear_line(host):
    host.run("mv /usr/bin/swtpm /usr/bin/swtpm.away")
    refused = host.ctl("guest", "restart", "web1", check=False)
    assert refused.rc == 1 and "/usr/bin/swtpm is not installed" in refused.stderr, str(refused)
    assert "apt install swtpm" in host.ctl("status", check=False).stdout
    host.run("mv /usr/bin/swtpm.away /usr/bin/swtpm")
    host.ctl("guest", "start", "web1", timeout=120)
    resets(host)
