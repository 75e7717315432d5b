# SPDX-License-Identifier: GPL-2.0-or-later
"""A running guest is changed: disks, interfaces, media, memory. What it does not take waits."""
import json

import pytest
from documents import NAT, put, settle
from harness import wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"
ONE = "{network: default, mac: '52:54:00:1a:b3:4a'}"
TWO = "{network: default, mac: '52:54:00:1a:b3:4b'}"


def document(disks=("{path: /srv/a.img, format: raw}",), nics=(ONE,), more="", memory="size: 192MiB"):
    return NAT + f"""\
guests:
  web1:
    memory: {{{memory}}}
    kernel:
      image: /srv/boot/vmlinuz
      initrd: /srv/boot/initrd.img
      cmdline: "console=ttyS0 quiet no_timer_check ip=192.168.122.10/24 gw=192.168.122.1 hostname=web1"
    disks: [{", ".join(disks)}]
    interfaces: [{", ".join(nics)}]
    shutdown: {{timeout: 10s}}
{more}"""


A, B, C = ("{path: /srv/%s.img, format: raw}" % name for name in "abc")


def drive(medium):
    return "{device: cdrom, bus: scsi, path: /srv/%s.iso}" % medium


def pid(host):
    return host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout.strip()


def started(host):
    return json.loads(host.read("/run/kvmhost/guests/web1/started.json"))["guest"]


def plan(host):
    text = host.ctl("plan", check=False)
    assert text.rc == 2, str(text)
    return text.stdout


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    for name in "abc":
        capsule.run(f"echo 'this is {name}' >/srv/{name}.img; truncate -s 1M /srv/{name}.img")
        capsule.run(f"echo 'disc {name}' >/srv/{name}.iso; truncate -s 1M /srv/{name}.iso")
    return capsule


@pytest.fixture
def web(host):
    """The guest at its prompt, with its first disk and interface, and its console."""
    settle(host, document(disks=(A, drive("a"))))
    host.ctl("guest", "restart", "web1", timeout=120)
    console = host.console(SOCKET)
    console.ready()
    host.pid_before = pid(host)
    yield console
    console.close()


def untouched(host):
    assert pid(host) == host.pid_before, "the guest was not restarted"
    assert host.ctl("plan").rc == 0


def test_disks_come_and_go_at_the_end(host, web):
    place = web.run("readlink /sys/block/vda")
    put(host, document(disks=(A, drive("a"), B, C)))
    assert "(changes live)" in plan(host) and "disrupts" not in plan(host)
    host.ctl("apply")
    untouched(host)
    wait_until(lambda: "vdc" in web.run("ls /sys/block"), 30, "the guest sees them")
    assert web.run("head -n 1 /dev/vdb") == "this is b\n" and web.run("head -n 1 /dev/vdc") == "this is c\n"
    assert web.run("readlink /sys/block/vda") == place
    web.run("echo by the guest >/dev/vdc; sync")
    put(host, document(disks=(A, drive("a"))))
    host.ctl("apply")
    untouched(host)
    assert web.run("ls -d /sys/block/vd*") == "/sys/block/vda\n"
    assert host.read("/srv/c.img").startswith("by the guest")
    host.run("qemu-img info -f raw /srv/c.img && echo 'this is c' >/srv/c.img; truncate -s 1M /srv/c.img")
    # and again, in the same places
    settle(host, document(disks=(A, drive("a"), C)))
    wait_until(lambda: "vdb" in web.run("ls /sys/block"), 30, "it is back")
    assert web.run("head -n 1 /dev/vdb") == "this is c\n"
    untouched(host)
    assert len(started(host)["disks"]) == 3


def test_a_disk_goes_over_while_both_run(host, web):
    """To the one that stands first in the document, from the one behind it."""
    one = "  a:\n    memory: {size: 64MiB}\n    shutdown: {timeout: 1s}\n"
    text = document(disks=(A, drive("a"), C))
    settle(host, text.replace("guests:\n", f"guests:\n{one}    disks: [{B}]\n"))
    settle(host, document(disks=(A, drive("a"))).replace("guests:\n", f"guests:\n{one}    disks: [{B}, {C}]\n"))
    untouched(host)
    settle(host, document(disks=(A, drive("a"))))


def test_an_interface_comes_and_goes(host, web):
    settle(host, document(disks=(A, drive("a")), nics=(ONE, TWO)))
    untouched(host)
    wait_until(lambda: "eth1" in web.run("ls /sys/class/net"), 30, "the guest sees it")
    assert web.run("cat /sys/class/net/eth1/address") == "52:54:00:1a:b3:4b\n"
    # interface i is on bus i + 1
    assert "0000:02:00.0" in web.run("readlink -f /sys/class/net/eth1")
    web.run("ip addr flush dev eth0; ip link set eth0 down; ip link set eth1 up; ip addr add 192.168.122.10/24 dev eth1")
    web.run("ping -c 1 -W 5 192.168.122.1")
    put(host, document(disks=(A, drive("a"))))
    assert "- tap/web1-tap1" in plan(host) and "disrupts" not in plan(host)
    host.ctl("apply")
    untouched(host)
    assert "eth1" not in web.run("ls /sys/class/net")
    assert "web1-tap1" not in host.run("ip -br link").stdout


def test_a_disc_is_changed(host, web):
    assert web.run("head -n 1 /dev/sr0") == "disc a\n"
    put(host, document(disks=(A, drive("b"))))
    assert "(changes live)" in plan(host)
    host.ctl("apply")
    untouched(host)
    wait_until(lambda: web.run("head -n 1 /dev/sr0", check=False) == "disc b\n", 30, "the other disc")
    put(host, document(disks=(A, drive("missing"))))
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and "/srv/missing.iso" in refused.stdout + refused.stderr, str(refused)
    assert web.run("head -n 1 /dev/sr0") == "disc b\n", "what is there stays until the other is open"
    settle(host, document(disks=(A, drive("b"))))
    untouched(host)


EMPTY_DRIVE = "{device: cdrom, bus: scsi}"


def files_of_qemu(host):
    return host.run("ls -l /proc/$(pgrep -x qemu-system-x86)/fd").stdout


def test_a_drive_without_a_medium(host, web):
    assert web.run("head -n 1 /dev/sr0") == "disc a\n" and "/srv/a.iso" in files_of_qemu(host)
    put(host, document(disks=(A, EMPTY_DRIVE)))
    line = next(line for line in plan(host).splitlines() if "disks[1].path" in line)
    assert "/srv/a.iso -> (none)" in line and "(changes live)" in line
    host.ctl("apply")
    untouched(host)
    assert "No medium" in web.run("head -n 1 /dev/sr0 2>&1", check=False)
    assert "/srv/a.iso" not in files_of_qemu(host), "nobody has the file any more"
    assert "path" not in started(host)["disks"][1]
    assert "disk        (a cdrom drive without a medium)\n" in host.ctl("guest", "info", "web1").stdout
    disks = json.loads(host.ctl("--json", "guest", "info", "web1").stdout)["disks"]
    assert [disk.get("path") for disk in disks] == ["/srv/a.img", None] and disks[1]["device"] == "cdrom"
    put(host, document(disks=(A, drive("b"))))
    assert "(none) -> /srv/b.iso  (changes live)" in plan(host)
    host.ctl("apply")
    untouched(host)
    wait_until(lambda: web.run("head -n 1 /dev/sr0", check=False) == "disc b\n", 30, "a disc again")


def test_a_guest_that_starts_with_empty_drives(host, web):
    """Of floppies the guest's kernel has no driver: what QEMU has in the drive counts."""
    def floppy():
        said = host.run(["kvmhostctl", "guest", "monitor", "web1"], input='{"execute": "query-block"}\n').stdout
        blocks = json.loads([line for line in said.splitlines() if '"return"' in line][0])["return"]
        drive = next(block for block in blocks if block.get("qdev", "").endswith("storage2"))
        return drive["inserted"]["node-name"] if "inserted" in drive else None

    host.run("truncate -s 1440K /srv/floppy.img")
    empty = (A, "{device: cdrom, bus: scsi, throttle: {iops: 1000}}", "{device: floppy}")
    put(host, document(disks=empty))
    host.ctl("apply")
    host.ctl("guest", "restart", "web1", timeout=120)
    assert host.ctl("plan").rc == 0
    web.close()
    again = host.console(SOCKET)
    again.ready()
    host.pid_before = pid(host)
    assert "No medium" in again.run("head -n 1 /dev/sr0 2>&1", check=False) and floppy() is None
    settle(host, document(disks=(A, empty[1].replace("scsi", "scsi, path: /srv/a.iso"), "{device: floppy, path: /srv/floppy.img}")))
    untouched(host)
    wait_until(lambda: again.run("head -n 1 /dev/sr0", check=False) == "disc a\n", 30, "a disc")
    assert floppy() == "disk2"
    settle(host, document(disks=empty))
    untouched(host)
    assert floppy() is None
    again.close()


def test_a_drive_that_the_guest_has_locked(host, web):
    web.run("(sleep 1000 </dev/sr0 &)")
    put(host, document(disks=(A, EMPTY_DRIVE)))
    refused = host.ctl("apply", check=False)
    said = refused.stdout + refused.stderr
    assert refused.rc == 1 and "the medium /srv/a.iso is not taken out: the guest did not let go of it" in said, refused
    assert web.run("head -n 1 /dev/sr0") == "disc a\n" and started(host)["disks"][1]["path"] == "/srv/a.iso"
    web.run("killall sleep")
    host.ctl("apply")
    untouched(host)


def test_limits_are_changed(host, web):
    """Where there were some at the start; what the guest feels is measured."""
    def limited(limits):
        return document(disks=(A, drive("a"), f"{{path: /srv/b.img, format: raw, throttle: {{{limits}}}}}"))

    def seconds():
        spent = "cut -d' ' -f1 /proc/uptime"
        start = float(web.run(spent))
        web.run("dd if=/dev/zero of=/dev/vdb bs=64k count=16 oflag=direct 2>/dev/null", timeout=60)
        return float(web.run(spent)) - start

    settle(host, limited("bps_write: 256KiB"))
    wait_until(lambda: "vdb" in web.run("ls /sys/block"), 30, "the guest sees it")
    assert seconds() > 2
    put(host, limited("bps: 512MiB, iops: 100000"))
    text = plan(host)
    assert "(changes live)" in text and "disrupts" not in text, text
    host.ctl("apply")
    untouched(host)
    assert seconds() < 2
    assert started(host)["disks"][2]["throttle"] == {"iops": 100000, "bps": "512MiB"}
    put(host, document(disks=(A, drive("a"), "{path: /srv/b.img, format: raw}")))
    assert "(waits for a restart)" in plan(host), "what keeps the limits is in its place until then"
    settle(host, limited("bps: 512MiB, iops: 100000"))
    settle(host, document(disks=(A, drive("a"))))
    host.run("echo 'this is b' >/srv/b.img; truncate -s 1M /srv/b.img")


def test_memory_is_given_back_and_taken(host, web):
    free = int(web.run("awk '/MemFree/ {print $2}' /proc/meminfo"))
    put(host, document(disks=(A, drive("a")), memory="size: 192MiB, current: 128MiB"))
    assert "memory.current" in plan(host) and "(changes live)" in plan(host)
    host.ctl("apply")
    untouched(host)
    wait_until(lambda: int(web.run("awk '/MemFree/ {print $2}' /proc/meminfo")) < free - 50000, 30, "it has less")
    info = wait_until(lambda: (i := json.loads(host.ctl("--json", "guest", "info", "web1").stdout)["memory"])["balloon"]
                      == 128 << 20 and i, 30, "the balloon")
    assert info["size"] == 192 << 20
    host.ctl("guest", "restart", "web1", timeout=120)
    web.close()
    again = host.console(SOCKET)
    again.ready()
    wait_until(lambda: json.loads(host.ctl("--json", "guest", "info", "web1").stdout)["memory"]["balloon"] == 128 << 20,
               30, "also after a restart")
    host.pid_before = pid(host)
    settle(host, document(disks=(A, drive("a"))))
    wait_until(lambda: int(again.run("awk '/MemFree/ {print $2}' /proc/meminfo")) > free - 30000, 30, "it has all")
    untouched(host)
    again.close()


def test_what_the_guest_does_not_take_waits(host, web):
    # in the middle of the list, another address; and a live one beside it
    put(host, document(disks=(B, A, drive("a")), more="    cpu: {count: 2}\n", memory="size: 192MiB, current: 160MiB"))
    text = plan(host)
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("      ")}
    told = [line for key, line in lines.items() if key.startswith("disks[")]
    assert told and all("(waits for a restart)" in line for line in told) and "disks" not in lines, text
    assert "(waits for a restart)" in lines["cpu.count"], text
    assert "(changes live)" in lines["memory.current"], text
    host.ctl("apply")
    assert pid(host) == host.pid_before
    assert started(host)["memory"]["current"] == "160MiB"
    again = host.ctl("plan", check=False)
    assert "waits for a restart" in again.stdout and "memory.current" not in again.stdout, str(again)
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]
    assert any(p.startswith("disks") for p in listed["pending"]) and "cpu.count: 1 -> 2" in listed["pending"]


def test_a_guest_that_does_not_let_go_is_told(host, web):
    settle(host, document(disks=(A, drive("a"), B)))
    wait_until(lambda: "vdb" in web.run("ls /sys/block"), 30, "the guest sees it")
    host.ctl("guest", "pause", "web1")
    put(host, document(disks=(A, drive("a"))))
    refused = host.ctl("apply", check=False)
    said = refused.stdout + refused.stderr
    assert refused.rc == 1 and "the disk /srv/b.img is not taken out: the guest did not let go of it in 10 s: it is paused" in said, str(refused)
    assert "guest resume web1" in said and "booting" not in said
    assert "(changes live)" in plan(host), "it stays to be done"
    assert len(started(host)["disks"]) == 3
    host.ctl("guest", "resume", "web1")
    host.ctl("apply")
    untouched(host)
    assert "vdb" not in web.run("ls /sys/block")


def test_the_daemon_does_it_too(host, web):
    host.restart_daemon()
    put(host, document(disks=(A, drive("b"), B), nics=(ONE, TWO)))
    host.reload_daemon()
    untouched(host)
    wait_until(lambda: "vdb" in web.run("ls /sys/block") and "eth1" in web.run("ls /sys/class/net"), 30, "both are there")
    assert web.run("head -n 1 /dev/vdb") == "this is b\n"
    host.run("systemctl stop kvmhostd")


def test_a_kill_in_between_is_finished(host, web):
    after = document(disks=(A, drive("b"), B), nics=(ONE, TWO))
    before = document(disks=(A, drive("a")))
    for text in (after, before):
        killed = 0
        for n in range(1, 200):
            put(host, text)
            done = host.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendmsg,renameat,renameat2", "-e",
                             f"inject=sendmsg,renameat,renameat2:signal=KILL:when={n}", "kvmhostctl", "apply"], check=False)
            killed += done.rc in (137, -9)
            if done.rc == 0:
                break
        assert killed > 5 and done.rc == 0, str(done)
        untouched(host)
        blocks = web.run("ls /sys/block")
        assert ("vdb" in blocks) == (text is after), blocks
        wait_until(lambda: web.run("head -n 1 /dev/sr0", check=False) == f"disc {'b' if text is after else 'a'}\n", 30, "disc")


def inside(host, text):
    """After a start of its own: what is at which PCI address, where each interface is, and how the buses are reached."""
    settle(host, text, "--allow-mass-removal")
    host.ctl("guest", "restart", "web1", timeout=120)
    console = host.console(SOCKET)
    console.ready()
    listed = console.run("cd /sys/bus/pci/devices; for d in *; do echo $d $(cat $d/vendor $d/device $d/class) $(readlink -f $d); done")
    nics = console.run("cd /sys/class/net; for n in eth*; do echo $(cat $n/address) $n $(readlink -f $n/device/..); done")
    disks = console.run("cd /sys/block; for d in vd*; do echo $(head -n 1 /dev/$d) $d $(readlink -f $d/device/..); done")
    console.close()
    return set(listed.splitlines()), set(nics.splitlines()), set(disks.splitlines())


def test_the_machine_inside_stays_as_it_was(host):
    """Whatever is added to the document: all that was there keeps its address, and so interfaces their names and disks their paths."""
    nics = [f"{{network: default, mac: '52:54:00:1a:b3:4{n}'}}" for n in range(4)]
    host.write("/etc/kvmhost/user-data", "#cloud-config\n{}\n")
    before = inside(host, document(nics=nics[:1]))
    steps = {
        "a disk": document(disks=(A, B), nics=nics[:1]),
        "an interface": document(disks=(A, B), nics=nics[:2]),
        "drives of other buses": document(disks=(A, B, drive("a"), "{path: /srv/c.img, format: raw, bus: ide}"), nics=nics[:2]),
        "a screen, an agent, a watchdog, cloud-init": document(
            disks=(A, B), nics=nics[:2], more="    graphics: {type: vnc}\n    agent: true\n    watchdog: reset\n    cloud_init: {user_data: /etc/kvmhost/user-data}\n"),
        "more processors and memory": document(disks=(A, B), nics=nics[:2], memory="size: 256MiB", more="    cpu: {count: 2}\n"),
        "four interfaces": document(disks=(A, B), nics=nics),
        "a fifth one": document(disks=(A, B), nics=nics + ["{network: default}"]),
    }
    for what, text in steps.items():
        now = inside(host, text)
        for was, here in zip(before, now):
            assert was <= here, (what, was - here, here)
    assert len(now[1]) == 5
