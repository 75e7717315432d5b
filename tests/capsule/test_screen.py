# SPDX-License-Identifier: GPL-2.0-or-later
"""Screens by VNC and SPICE, screenshots; pinning, hugepages and the Windows profile as QEMU takes them."""
import json
import struct

import pytest
from documents import put, settle
from harness import HERE, wait_until

GUEST = """\
version: 1
guests:
  web1:
    memory: {{size: 128MiB{memory}}}
    kernel: {{image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}}
    shutdown: {{timeout: 1s}}
    on_change: restart
{more}
"""


def document(more, memory=""):
    return GUEST.format(more="".join(f"    {line}\n" for line in more.splitlines()), memory=memory)


def guest(host):
    return json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


def hello(host, port, first="RFB 003.008\\n"):
    """What a viewer gets to see, in hexadecimal."""
    return host.run(f"printf '{first}' | timeout 5 socat -t 2 - TCP4:127.0.0.1:{port} | od -An -v -tx1 | tr -d ' \\n'").stdout


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


def test_vnc_is_shown_and_answers(host):
    host.run("systemd-run --quiet socat TCP4-LISTEN:5900,fork SYSTEM:true")
    wait_until(lambda: ":5900 " in host.run("ss -ltn").stdout, what="somebody on port 5900")
    settle(host, document("graphics: {type: vnc}"))
    assert guest(host)["display"] == "vnc://127.0.0.1:5901", "5900 is somebody else's"
    for shown in (host.ctl("guest", "info", "web1"), host.ctl("status", check=False)):
        assert "vnc://127.0.0.1:5901" in shown.stdout, shown
    version = b"RFB 003.008\n".hex()
    assert hello(host, 5901) == version + "0101", "one way to sign in: none"
    assert hello(host, 5901).startswith(version), "a second viewer"
    many = host.run("for i in 1 2 3 4; do timeout 5 socat -u -T 2 TCP4:127.0.0.1:5901 - | head -c 3 & done; wait").stdout
    assert many == "RFB" * 4
    assert "LISTEN" not in host.run("nsenter -n -t $(pgrep -x qemu-system-x86) ss -ltn | tail -n +2").stdout


def test_a_screenshot_is_a_picture(host):
    settle(host, document("graphics: {type: vnc}"))
    host.run("sleep 1")
    host.ctl("guest", "screenshot", "web1", "/root/shot.png")
    head = bytes.fromhex(host.run("head -c 24 /root/shot.png | od -An -v -tx1 | tr -d ' \\n'").stdout)
    width, height = struct.unpack(">II", head[16:24])
    assert head[:8] == b"\x89PNG\r\n\x1a\n" and width >= 640 and height >= 400
    assert host.run("stat -c %a /root/shot.png").stdout == "600\n"
    host.run("rm /root/shot.png")
    said = host.ctl("--json", "guest", "screenshot", "web1", "/root/shot.png").stdout
    assert json.loads(said)["format"] == 1, said
    assert host.run("head -c 8 /root/shot.png | od -An -tx1 | tr -d ' \\n'").stdout == head[:8].hex()
    failed = host.ctl("--json", "guest", "screenshot", "web1", "/nowhere/shot.png", check=False)
    assert failed.rc == 1 and "/nowhere/shot.png" in failed.stderr, failed


def test_no_screen_says_so(host):
    settle(host, document(""))
    host.write("/root/mine.png", "mine")
    assert host.ctl("guest", "screenshot", "web1", "/root/mine.png", check=False).rc == 1
    assert host.read("/root/mine.png") == "mine", "a picture that is not made takes the place of none"
    refused = host.ctl("guest", "screenshot", "web1", "/root/none.png", check=False)
    assert refused.rc == 1 and "graphics: {type: vnc}" in refused.stderr
    assert not host.exists("/root/none.png")


def test_a_password_is_a_credential(host):
    text = document("graphics: {type: vnc, listen: 0.0.0.0, port: 5950, password: screen}")
    put(host, text)
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and "/etc/credstore/screen" in refused.stdout + refused.stderr
    host.write("/etc/credstore/screen", "sesame\n", 0o600)
    settle(host, text)
    if guest(host)["state"] != "running":
        host.ctl("guest", "start", "web1")
    assert hello(host, 5950) == b"RFB 003.008\n".hex() + "0102", "one way to sign in: the password"
    everything = host.run("cat /proc/$(pgrep -x qemu-system-x86)/cmdline /run/kvmhost/guests/web1/*.json; journalctl --sync; journalctl -q").stdout
    assert "sesame" not in everything
    host.write("/usr/local/bin/vnc-viewer", (HERE / "vnc-viewer").read_text(), 0o755)
    assert host.run(["vnc-viewer", "5950", "sesame"]).stdout == "0\n", "the right one lets in"
    for wrong in ("sesam", "Sesame", "sesame1", ""):
        assert host.run(["vnc-viewer", "5950", wrong]).stdout == "1\n", f"`{wrong}` is not allowed in"
    host.write("/etc/credstore/screen", "longer than eight\n", 0o600)
    refused = host.ctl("guest", "restart", "web1", check=False)
    assert refused.rc == 1 and "8 characters" in refused.stderr


def test_spice_answers(host):
    settle(host, document("graphics: {type: spice, port: 5960}"))
    if guest(host)["state"] != "running":
        host.ctl("guest", "start", "web1")
    assert guest(host)["display"] == "spice://127.0.0.1:5960"
    # the header of a link message, version 2.2, with a body that is too short: an answer with an error
    said = hello(host, 5960, "REDQ\\002\\000\\000\\000\\002\\000\\000\\000\\004\\000\\000\\000\\000\\000\\000\\000")
    assert said.startswith(b"REDQ".hex()), said


def test_spice_asks_for_its_password(host):
    host.write("/usr/local/bin/spice-viewer", (HERE / "spice-viewer").read_text(), 0o755)
    host.write("/etc/credstore/screen", "longer than VNC's eight\n", 0o600)
    settle(host, document("graphics: {type: spice, port: 5961, password: screen}"))
    if guest(host)["state"] != "running":
        host.ctl("guest", "start", "web1")
    wait_until(lambda: host.run(["spice-viewer", "5961", "longer than VNC's eight"], check=False).stdout == "0\n", 20, "the right one lets in")
    for wrong in ("longer than VNC's eigh", "longer t", ""):
        assert host.run(["spice-viewer", "5961", wrong]).stdout == "7\n", f"`{wrong}` is not allowed in"
    everything = host.run("cat /proc/$(pgrep -x qemu-system-x86)/cmdline /run/kvmhost/guests/web1/*.json; journalctl --sync; journalctl -q").stdout
    assert "longer than" not in everything


def test_pinned_cpus(host):
    settle(host, document("cpu: {count: 2, pinning: [1, 0]}"))
    threads = host.run("for t in /proc/$(pgrep -x qemu-system-x86)/task/*; do echo $(cat $t/comm): "
                       "$(sed -n 's/^Cpus_allowed_list:\\s*//p' $t/status); done").stdout.splitlines()
    assert "CPU 0/TCG: 1" in threads and "CPU 1/TCG: 0" in threads, threads
    settle(host, document("cpu: {count: 1, pinning: [8000]}"))
    assert "not pinned" in guest(host)["event"]


def test_a_processor_is_named(host):
    """What KVM lacks is refused in the lab; what is emulated goes without, and is told."""
    put(host, document("cpu: {model: EPIC}"))
    refused = host.ctl("plan", check=False)
    assert refused.rc == 1 and "QEMU knows no processor `EPIC`" in str(refused) and "did you mean `EPYC`?" in str(refused), refused
    since = host.cursor()
    settle(host, document("cpu: {model: Skylake-Server}"))
    wait_until(lambda: guest(host)["state"] == "running", 30, "it runs")
    assert "avx512f" in host.said("kvmhost-guest@web1", since)


def test_processors_as_they_are_laid_out(host):
    """As the guest's kernel sees them. Threads are seen in the lab: the emulated processor is one without."""
    for layout, packages in (("sockets: 2, cores: 2", 2), ("sockets: 1, cores: 4", 1), ("sockets: 4", 4)):
        settle(host, document(f"cpu: {{count: 4, {layout}}}"))
        console = host.console("/run/kvmhost/guests/web1/console.sock")
        console.ready()
        seen = console.run("cd /sys/devices/system/cpu; for c in cpu[0-9]*; do cat $c/topology/physical_package_id; done").split()
        console.close()
        assert len(seen) == 4 and all(seen.count(n) == 4 // packages for n in seen), (layout, seen)


def test_numa_nodes(host):
    """Two nodes of the guest's on the only one that this host has."""
    nodes = "numa: [{host_node: 0, memory: 160MiB, cpus: 0-0}, {memory: 96MiB, cpus: '1'}]"
    settle(host, document(f"cpu: {{count: 2}}\n{nodes}").replace("128MiB", "256MiB"))
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    assert console.run("cat /sys/devices/system/node/node[01]/cpulist") == "0\n1\n"
    sizes = [int(n) for n in console.run("awk '/MemTotal/ {print $4}' /sys/devices/system/node/node[01]/meminfo").split()]
    assert sizes[0] > sizes[1] > 50000, sizes
    console.close()
    maps = host.run("cat /proc/$(pgrep -x qemu-system-x86)/numa_maps").stdout
    assert " bind:0 " in maps and host.ctl("plan").rc == 0
    settle(host, document("state: stopped\nnuma: [{host_node: 7}]"))
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "NUMA node 7, which this host has not" in refused.stderr, refused


def test_hugepages_that_are_not_there(host):
    if "HugePages_Free:        0" not in host.read("/proc/meminfo"):
        pytest.fail("this machine has hugepages: prove here that a guest gets them")
    put(host, document("", memory=", hugepages: true"))
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1
    assert "takes 64 hugepages of 2048 KiB, and the host has 0 free" in host.ctl("status", check=False).stdout


def test_the_windows_profile_is_taken(host):
    """By QEMU; no Windows here."""
    settle(host, document("os: windows\ngraphics: {type: vnc}"))
    wait_until(lambda: guest(host)["state"] == "running", 30, "it runs")
    qemu = host.run("tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline").stdout
    assert "hpet=off" in qemu and "-rtc base=localtime,driftfix=slew" in qemu
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    assert console.run("ls /sys/firmware/acpi/tables | grep -c HPET || true") == "0\n"
    console.close()


def test_random_numbers(host):
    settle(host, document(""))
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    assert console.run("cat /sys/class/misc/hw_random/rng_current") == "virtio_rng.0\n"
    assert console.run("head -c 16 /dev/hwrng | wc -c") == "16\n"
    console.close()
