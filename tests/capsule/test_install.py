# SPDX-License-Identifier: GPL-2.0-or-later
"""Installations from a tree: found, fetched, checked, told its answers, run once, given back."""
import base64
import hashlib
import json
import re
import struct
import subprocess
import time

import pytest
from documents import put, settle
from harness import CAPSULE, HERE, wait_until
from test_boot import bootable

TREES = "/var/lib/kvmhost/trees"
LOG = "/var/log/kvmhost/web1.console.log"
DOCUMENT = """\
version: 1
guests:
  web1:
    state: {state}
    memory: {{size: 512MiB}}
    disks: [{{path: /srv/system.img, format: raw}}]
    shutdown: {{timeout: 2s}}
    install: {{{install}}}
"""
WRITE = "dd if=/dev/zero of=/dev/vda bs=512 seek=100 count=1 && sync"
PRESEED = "d-i preseed/early_command string echo the answers were seen >/dev/ttyS0; " \
    "modprobe -a xhci_pci usb-storage sd_mod; while ! [ -b /dev/sda ]; do sleep 1; done; " + \
    WRITE.replace("vda", "sda") + "; poweroff -f\n"
KICKSTART = "# the answers of a kickstart file\n"


def document(install, state="running"):
    return DOCUMENT.format(install=install, state=state)


def push_tree(host, path, to):
    tar = subprocess.run(["tar", "-C", path, "-c", "."], check=True, capture_output=True).stdout
    subprocess.run([CAPSULE, "exec", host.name, "sh", "-c", f"mkdir -p {to} && tar -C {to} -x"], input=tar, check=True, timeout=60)


def serve(host, protocol):
    """The trees in /srv over HTTP or FTP; where they are."""
    unit = f"serve-{protocol}"
    if host.run(f"systemctl is-active {unit}", check=False).rc:
        server = "busybox httpd -f -p 127.0.0.1:80 -h /srv" if protocol == "http" else \
            "vsftpd /etc/trees.conf"
        host.write("/etc/trees.conf", "listen=YES\nlisten_ipv6=NO\nanonymous_enable=YES\nanon_root=/srv\nbackground=NO\n"
                   "seccomp_sandbox=NO\nsecure_chroot_dir=/var/run/vsftpd/empty\nrun_as_launching_user=YES\n")
        host.run("mkdir -p /var/run/vsftpd/empty")
        host.run(f"systemd-run --quiet --unit={unit} {server}")
        port = {"http": 80, "ftp": 21}[protocol]
        wait_until(lambda: f":{port} " in host.run("ss -ltn").stdout, 30, "a server")
    return f"{protocol}://127.0.0.1"


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    installer = subprocess.run([HERE / "installer-tree"], check=True, stdout=subprocess.PIPE, text=True, timeout=300).stdout.strip()
    push_tree(capsule, installer, "/srv/debian")
    bootable(capsule, "/srv/system.img", "this is the system")
    capsule.write("/etc/kvmhost/preseed.cfg", PRESEED, 0o600)
    capsule.write("/etc/kvmhost/ks.cfg", KICKSTART, 0o600)
    capsule.run("mkdir -p /srv/fedora/images/pxeboot && cp /srv/boot/vmlinuz /srv/boot/initrd.img /srv/fedora/images/pxeboot")
    sums = capsule.run("cd /srv/fedora && sha256sum images/pxeboot/*").stdout.split()
    capsule.write("/srv/fedora/.treeinfo", "[general]\nfamily = Fedora\narch = x86_64\n[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n"
                  "initrd = images/pxeboot/initrd.img\n[checksums]\n" +
                  "".join(f"{name} = sha256:{value}\n" for value, name in zip(sums[::2], sums[1::2])))
    return capsule


@pytest.fixture
def clean(host):
    yield host
    settle(host, "version: 1\n", "--allow-mass-removal")
    assert host.run(f"ls -A {TREES} 2>/dev/null", check=False).stdout == ""
    host.run(f"rm -f /var/lib/kvmhost/install/web1 {LOG}*")


@pytest.mark.parametrize("where", ["directory", "http"])
def test_debians_installer_is_run_once(clean, where):
    host = clean
    location = "/srv/debian" if where == "directory" else serve(host, "http") + "/debian"
    text = document(f'location: "{location}", answers: preseed.cfg, extra_args: "console=ttyS0 no_timer_check"')
    text = text.replace("format: raw", "format: raw, bus: usb")  # what it has a driver for before it loads more
    put(host, text)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "+ tree/web1" in plan.stdout and "location" in plan.stdout, plan
    done = host.ctl("apply")
    assert (f"fetching {location}/debian-installer/amd64/linux" in done.stderr) == (where == "http"), done
    assert host.run(f"stat -c '%a %n' {TREES}/web1/*").stdout.split()[::2] == ["600"] * 4
    wait_until(lambda: "the answers were seen" in host.read(LOG), 240, "Debian's installer reads the answers", 1)
    wait_until(lambda: "this is the system" in host.read(LOG), 60, "the second boot, by the disk")
    qemu = host.run("tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline").stdout
    assert "-kernel" not in qemu and "-append" not in qemu
    assert host.read("/var/lib/kvmhost/install/web1") == "done\n"
    assert host.ctl("plan").rc == 0


def test_a_download_has_a_bar_on_a_terminal(clean):
    host = clean
    location = serve(host, "http") + "/fedora"
    put(host, document(f'location: "{location}"', state="stopped"))
    shown = host.run("script -qec 'kvmhostctl apply' /dev/null").stdout
    assert f"{location}/images/pxeboot/vmlinuz" in shown and re.search(r"#{10,} +100[.,]0%", shown), repr(shown)


def test_a_tree_with_treeinfo(clean):
    """Its kernel is told of the answers, and has them."""
    host = clean
    location = serve(host, "ftp") + "/fedora/"
    text = document(f'location: "{location}", answers: ks.cfg, extra_args: "console=ttyS0 quiet no_timer_check ready=told"')
    settle(host, text)
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    words = console.run("cat /proc/cmdline").split()
    assert words[:2] == ["inst.ks=file:/ks.cfg", f"inst.repo={location}"] and "ready=told" in words
    assert console.run("cat /ks.cfg") == KICKSTART
    console.close()
    assert "is being installed" in host.ctl("guest", "list").stdout
    # other answers are put into what is fetched again; the guest has them at its next start
    host.write("/etc/kvmhost/ks.cfg", KICKSTART + "# more\n", 0o600)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "~ tree/web1" in plan.stdout and "answers" in plan.stdout, plan
    settle(host, text)
    host.ctl("guest", "restart", "web1")
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    assert console.run("cat /ks.cfg") == KICKSTART + "# more\n"
    console.close()
    host.write("/etc/kvmhost/ks.cfg", KICKSTART, 0o600)


def installing(host):
    """A guest that is installed by hand, from a kernel with a shell; its console."""
    settle(host, document('location: /srv/fedora, extra_args: "console=ttyS0 quiet no_timer_check panic=1"'))
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    return console


def state_of(host):
    assert host.read("/var/lib/kvmhost/install/web1") == "", "not done"
    return json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


def test_what_wrote_to_no_disk_is_not_installed(clean):
    host = clean
    console = installing(host)
    qemu = state_of(host)["pid"]
    for n in (1, 2):
        console.sock.sendall(b"reboot -f\n")
        console.ready()
        state = state_of(host)
        assert state["pid"] == qemu and state["install"] == "running"
        assert f"had written to no disk: it is not installed, and boots its medium again ({n})" in state["event"]
    # by hand: nothing that the installer did
    host.ctl("guest", "reset", "web1")
    console.ready()
    state = state_of(host)
    assert state["pid"] == qemu and state["state"] == "running" and "(2)" in state["event"]
    console.sock.sendall(b"poweroff -f\n")
    console.ended()
    console.close()
    wait_until(lambda: state_of(host)["state"] == "stopped", 20, "it is off")
    assert "the guest powered off and had written to no disk: it is not installed" in state_of(host)["event"]
    assert "the guest powered off and had written to no disk: it is not installed" in host.ctl("guest", "list").stdout
    assert "the guest powered off and had written to no disk: it is not installed\n" in host.said("kvmhost-guest@web1")
    # the next start installs it
    host.ctl("guest", "start", "web1")
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.ready()
    console.run(WRITE)
    console.sock.sendall(b"poweroff -f\n")
    console.close()
    wait_until(lambda: "this is the system" in host.read(LOG), 60, "the first boot by the disk")
    assert host.read("/var/lib/kvmhost/install/web1") == "done\n"
    assert "event" not in json.loads(host.ctl("--json", "guest", "list").stdout)["guests"][0]


def test_an_installer_that_crashes_or_is_stopped_is_run_again(clean):
    host = clean
    console = installing(host)
    console.run(WRITE)
    console.sock.sendall(b"echo c >/proc/sysrq-trigger\n")
    console.ready()
    assert "the guest's kernel panicked" in state_of(host)["event"]
    console.run(WRITE)
    host.ctl("guest", "stop", "web1")
    console.close()
    assert state_of(host)["state"] == "stopped"


PXE = """\
version: 1
networks:
  default:
    bridge: virbr0
    addresses: [192.168.122.1/24]
    dhcp: {{range: [192.168.122.2, 192.168.122.99]}}
    tftp: {{root: /srv/tftp, boot_file: boot.ipxe}}
guests:
  web1:
    memory: {{size: 256MiB}}
    disks: [{{path: /srv/system.img, format: raw}}]
    interfaces: [{{network: default}}]
    shutdown: {{timeout: 2s}}
    on_change: restart
{lines}
"""


def test_by_pxe_and_then_from_the_disk(clean):
    host = clean
    host.run("mkdir -p /srv/tftp && cp /srv/boot/vmlinuz /srv/boot/initrd.img /srv/tftp/ && chmod 644 /srv/tftp/*")
    host.write("/srv/tftp/boot.ipxe", "#!ipxe\nkernel vmlinuz console=ttyS0 quiet no_timer_check initrd=initrd.img "
               "ready=by-pxe\ninitrd initrd.img\nboot\n")
    settle(host, PXE.format(lines="    install: {pxe: true}"))
    console = host.console("/run/kvmhost/guests/web1/console.sock")
    console.expect("guest ready: .* by-pxe", 240)
    assert "is being installed" in host.ctl("guest", "list").stdout
    console.sock.sendall(f"{WRITE}; reboot -f\n".encode())
    wait_until(lambda: "this is the system" in host.read(LOG), 90, "the second boot, by the disk")
    console.close()
    assert host.read(LOG).count("by-pxe") == 1 and host.read("/var/lib/kvmhost/install/web1") == "done\n"
    # the guide's order: what the network does not have is booted from the disk
    host.run("rm /srv/tftp/boot.ipxe")
    host.run(f"truncate -s 0 {LOG}")
    since = host.cursor()
    settle(host, PXE.format(lines="    boot: {order: [network, disk]}"))
    qemu = host.run("tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline").stdout
    assert re.search(r"port-net0,addr=0x0,bootindex=1 ", qemu) and re.search(r"drive=disk0[^ ]*,bootindex=2 ", qemu), qemu
    wait_until(lambda: "this is the system" in host.read(LOG), 120, "the network has nothing, and the disk is next")
    assert "boot.ipxe not found" in host.said("kvmhost-network@default", since), "the network was asked first"


def test_what_is_wrong_with_a_tree_is_said(clean):
    host = clean

    def said(install):
        put(host, document(install, state="stopped"))
        done = host.ctl("apply", check=False)
        assert done.rc == 1, done
        assert host.run(f"ls -A {TREES} 2>/dev/null", check=False).stdout == "", "nothing half is left"
        return done.stdout + done.stderr

    assert "cannot open the directory /srv/none to install from" in said("location: /srv/none")
    assert "there is no installer in /srv/boot: neither .treeinfo" in said("location: /srv/boot")
    web = serve(host, "http")
    assert f"there is no installer in {web}/boot" in said(f'location: "{web}/boot"')
    assert "Failed to connect" in said('location: "http://127.0.0.1:81/debian"')
    assert "cannot read /etc/kvmhost/none.cfg, the `answers` of guest/web1" in said(
        "location: /srv/fedora, answers: none.cfg")
    # whether or not this machine's kernel has a client; tests/lab/test_nfs.py has, and a server
    assert "cannot read 127.0.0.1:/srv/tree by NFS: " in said('location: "nfs:127.0.0.1:/srv/tree"')
    sum_ = hashlib.sha256(b"").hexdigest()
    assert f"the document says {sum_}" in said(f"location: /srv/fedora, kernel_sha256: {sum_}")
    host.run("cp -r /srv/fedora /srv/tampered && echo >>/srv/tampered/images/pxeboot/initrd.img")
    assert "the initrd that was fetched has the SHA-256 sum" in said("location: /srv/tampered")
    host.run("mkdir -p /srv/ubuntu/casper && touch /srv/ubuntu/casper/vmlinuz /srv/ubuntu/casper/initrd")
    assert "write them as `cloud_init: {user_data: FILE}`" in said("location: /srv/ubuntu, answers: ks.cfg")
    host.run("mv /usr/bin/curl /usr/bin/curl.away")
    assert "apt install curl" in said(f'location: "{web}/debian"')
    host.run("mv /usr/bin/curl.away /usr/bin/curl")


def test_a_download_that_is_cut_off_leaves_nothing(clean):
    host = clean
    # a server that never comes to the end of the kernel
    host.write("/srv/slow", "#!/bin/sh\nread -r line\ncase $line in\n*treeinfo*) printf 'HTTP/1.0 404 None\\r\\n\\r\\n' ;;\n"
               "HEAD*installer-amd64* | HEAD*current*) printf 'HTTP/1.0 404 None\\r\\n\\r\\n' ;;\n"
               "HEAD*) printf 'HTTP/1.0 200 OK\\r\\n\\r\\n' ;;\n"
               "*) printf 'HTTP/1.0 200 OK\\r\\nContent-Length: 1000000\\r\\n\\r\\n'; head -c 5000 /dev/zero; sleep 600 ;;\nesac\n", 0o755)
    host.run("systemd-run --quiet --unit=slow socat TCP-LISTEN:8000,bind=127.0.0.1,reuseaddr,fork EXEC:/srv/slow")
    put(host, document('location: "http://127.0.0.1:8000"', state="stopped"))
    host.run("kvmhostctl apply >/dev/null 2>&1 & for i in $(seq 300); do test -s " + TREES + "/.fetching/kernel && break; "
             "sleep 0.05; done; test -s " + TREES + "/.fetching/kernel; found=$?; kill -9 $!; pkill -x curl; exit $found")
    assert not host.exists(f"{TREES}/web1")
    settle(host, document("location: /srv/debian", state="stopped"))
    assert host.run(f"ls -A {TREES}").stdout == "web1\n"


def test_the_daemon_does_it_too(clean):
    """Inside the confinement of its unit."""
    host = clean
    host.write("/etc/kvmhost/user.yaml", "#cloud-config\n")
    location = serve(host, "http") + "/fedora"
    host.run("systemctl start kvmhostd", timeout=120)
    put(host, document(f'location: "{location}", answers: ks.cfg', state="stopped") + "    cloud_init: {user_data: user.yaml}\n")
    host.reload_daemon()
    assert host.run(f"ls {TREES}/web1").stdout.split() == ["arguments", "initrd", "kernel", "tree.json"]
    assert host.run(f"head -c 2 {TREES}/web1/kernel").stdout == "MZ" and host.exists("/var/lib/kvmhost/seeds/web1.iso")
    assert f"fetching {location}/images/pxeboot/vmlinuz" in host.said("kvmhostd")
    host.run("systemctl stop kvmhostd")


# A time zone as tzfile(5) has it: five and a half hours before UTC.
ZONE = base64.b64encode(struct.pack(">4s16x6llBB4s", b"TZif", 0, 0, 0, 0, 1, 4, 19800, 0, 0, b"IST")).decode()


def test_windows_profile(clean):
    """As QEMU has it; there is no Windows here."""
    host = clean
    host.run("mkdir -p /srv/iso && truncate -s 2M /srv/iso/windows.iso /srv/iso/virtio-win.iso; "
             f"echo {ZONE} | base64 -d >/etc/zone && ln -sf zone /etc/localtime")
    host.write("/etc/kvmhost/user.yaml", "#cloud-config\n")
    settle(host, """\
version: 1
guests:
  web1:
    os: windows
    cpu: {count: 2}
    memory: {size: 256MiB}
    shutdown: {timeout: 1s}
    disks:
      - {path: /srv/system.img, format: raw}
      - {device: cdrom, path: /srv/iso/virtio-win.iso}
    install: {iso: /srv/iso/windows.iso}
    cloud_init: {user_data: user.yaml}
""")

    def asked(command):
        answer = host.run(["kvmhostctl", "guest", "monitor", "web1"], input=json.dumps(command) + "\n").stdout
        return json.loads([line for line in answer.splitlines() if '"return"' in line][0])["return"]

    tree = asked({"execute": "human-monitor-command", "arguments": {"command-line": "info qtree"}})
    assert re.search(r'dev: mc146818rtc.*?lost_tick_policy = "slew"', tree, re.S)
    assert "dev: hpet" not in tree
    drives = {name: asked({"execute": "qom-get", "arguments": {"path": f"/machine/peripheral/{name}", "property": "parent_bus"}})
              for name in ("storage1", "medium", "seed")}
    assert [drives[name][-5:] for name in ("storage1", "seed", "medium")] == ["ide.0", "ide.4", "ide.5"], drives
    qemu = host.run("tr '\\0' ' ' </proc/$(pgrep -x qemu-system-x86)/cmdline").stdout
    assert "-rtc base=localtime,driftfix=slew" in qemu
    clock = asked({"execute": "qom-get", "arguments": {"path": "/machine", "property": "rtc-time"}})
    ahead = (clock["tm_hour"] * 60 + clock["tm_min"]) - int(time.time()) // 60 % 1440
    assert ahead % 1440 in (329, 330, 331), (clock, "the host's local time, which is not UTC's")
    # the disc stays in its drive over the restarts of an installation
    host.ctl("guest", "restart", "web1")
    blocks = {block["qdev"]: block for block in asked({"execute": "query-block"}) if block.get("qdev")}
    assert blocks["medium"]["inserted"]["node-name"] == "medium"
