# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks: made, grown, never overwritten; every bus as a real guest kernel sees it."""
import json
import re

import pytest
from documents import put, settle
from harness import greets, wait_until

IMAGES = "/var/lib/kvmhost/images"
SOCKET = "/run/kvmhost/guests/web1/console.sock"
GUEST = """\
version: 1
guests:
  web1:
    memory: {{size: 192MiB}}
    kernel: {{image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}}
    shutdown: {{timeout: 20s}}
    state: {state}
    disks:
{disks}
"""


def document(*disks, state="running"):
    return GUEST.format(state=state, disks="\n".join(f"      - {{{disk}}}" for disk in disks))


def image(host, path):
    return json.loads(host.run(["qemu-img", "info", "-U", "--output=json", path]).stdout)


def traced(host, *args):
    """What programs a kvmhostctl call executed."""
    host.run(["strace", "-f", "-qq", "-e", "trace=execve", "-o", "/tmp/trace", "kvmhostctl", *args], check=False)
    return host.read("/tmp/trace").count("execve(")


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


@pytest.fixture
def stopped(host):
    yield host
    settle(host, "version: 1\n", "--allow-mass-removal")


def test_images_are_made_once_and_stay(stopped):
    host = stopped
    disks = [f"path: {IMAGES}/a.{f}, size: 64MiB, format: {f}" for f in ("raw", "qcow2", "vmdk", "vpc", "vhdx", "qed")]
    disks += [f"path: {IMAGES}/full.raw, size: 8MiB, format: raw, preallocation: full",
              f"path: {IMAGES}/falloc.raw, size: 8MiB, format: raw, preallocation: falloc",
              f"path: {IMAGES}/meta.qcow2, size: 64MiB, preallocation: metadata"]
    put(host, document(*disks, state="stopped"))
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "+ disk/var/lib/kvmhost/images/a.qcow2" in plan.stdout and "64MiB" in plan.stdout
    assert not host.exists(f"{IMAGES}/a.raw")
    settle(host, document(*disks, state="stopped"))
    for f in ("raw", "qcow2", "vmdk", "vpc", "vhdx", "qed"):
        info = image(host, f"{IMAGES}/a.{f}")
        assert (info["format"], info["virtual-size"]) == (f, 64 << 20), info
        assert host.run(f"stat -c '%u %a' {IMAGES}/a.{f}").stdout == "0 600\n"
    assert int(host.run(f"stat -c %b {IMAGES}/full.raw").stdout) * 512 >= 8 << 20
    assert int(host.run(f"stat -c %b {IMAGES}/falloc.raw").stdout) * 512 >= 8 << 20
    assert host.run(f"ls -A {IMAGES} | grep -c kvmhost-new || true").stdout == "0\n"
    assert traced(host, "plan") == 1, "nothing to do, and yet a program was started"
    settle(host, "version: 1\n", "--allow-mass-removal")
    host.run(f"echo mine | dd of={IMAGES}/a.raw conv=notrunc status=none")
    inode = host.run(f"stat -c %i {IMAGES}/a.raw").stdout
    settle(host, document(*disks, state="stopped"))
    assert host.run(f"head -c 5 {IMAGES}/a.raw").stdout == "mine\n"
    assert host.run(f"stat -c %i {IMAGES}/a.raw").stdout == inode


def test_grows_while_it_runs_and_never_shrinks(stopped):
    host = stopped
    path, raw, full = f"{IMAGES}/grow.qcow2", f"{IMAGES}/grow.raw", f"{IMAGES}/grow.full"

    def sized(size):
        return document(f"path: {path}, size: {size}", f"path: {raw}, size: {size}, format: raw",
                        f"path: {full}, size: {size}, format: raw, preallocation: falloc")

    settle(host, sized("64MiB"))
    console = host.console(SOCKET)
    console.ready()
    assert console.run("cat /sys/block/vd[abc]/size").split() == [str((64 << 20) // 512)] * 3
    put(host, sized("128MiB"))
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "64MiB -> 128MiB" in plan.stdout and "restart" not in plan.stdout, plan
    host.ctl("apply")
    wait_until(lambda: console.run("cat /sys/block/vd[ab]/size").split() == [str((128 << 20) // 512)] * 2, what="the guest sees it")
    console.run("echo at-the-end | dd of=/dev/vda bs=512 seek=262143 conv=notrunc 2>/dev/null; sync")
    console.close()
    plan = host.ctl("plan")
    assert plan.stdout.count("waits for the guest to be stopped") == 1, "space is taken by qemu-img alone"
    host.ctl("guest", "stop", "web1")
    host.ctl("apply")
    assert [image(host, p)["virtual-size"] >> 20 for p in (path, raw, full)] == [128] * 3
    host.ctl("guest", "start", "web1")
    console = host.console(SOCKET)
    console.ready()
    assert console.run("dd if=/dev/vda bs=512 skip=262143 2>/dev/null | head -n 1") == "at-the-end\n"
    console.close()
    assert host.ctl("plan").rc == 0
    pid = host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout
    put(host, sized("32MiB"))
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and "kvmhost shrinks no disk" in refused.stdout + refused.stderr
    assert "size: 128MiB" in refused.stdout + refused.stderr
    assert host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout == pid, "the guest runs on"
    assert image(host, path)["virtual-size"] == 128 << 20


def test_what_stands_in_the_way_is_said(stopped):
    host = stopped

    def said(disk):
        put(host, document(disk, state="stopped"))
        done = host.ctl("apply", check=False)
        assert done.rc == 1, done
        return done.stdout + done.stderr

    assert "the directory /srv/none, where the image is to be made, is not there" in said(
        "path: /srv/none/a.qcow2, size: 64MiB")
    assert "`preallocation: full` takes 2TiB of" in said(
        f"path: {IMAGES}/huge.img, size: 2TiB, format: raw, preallocation: full")
    assert not host.exists(f"{IMAGES}/huge.img")
    host.run("mv /usr/bin/qemu-img /usr/bin/qemu-img.away")
    assert "apt install qemu-utils" in said("path: /srv/a.qcow2, size: 64MiB")
    host.run("mv /usr/bin/qemu-img.away /usr/bin/qemu-img")
    settle(host, document("path: /srv/a.qcow2, size: 64MiB", state="stopped"))
    put(host, document(f"path: {IMAGES}/sparse.qcow2, size: 4TiB", state="stopped"))
    assert "may grow to 4TiB, but only" in host.ctl("plan", check=False).stdout


def test_every_bus(stopped):
    host = stopped
    host.run("printf 'floppy%0.s' $(seq 300) >/srv/floppy.img && truncate -s 1440K /srv/floppy.img && "
             "for n in '' 2 3; do echo from-the-disc$n >/srv/cd$n.iso && "
             "truncate -s 2M /srv/cd$n.iso; done")
    settle(host, document(
        f"path: {IMAGES}/v.qcow2, size: 16MiB, serial: data-1, cache: none, discard: unmap",
        f"path: {IMAGES}/s.qcow2, size: 17MiB, bus: scsi, cache: writethrough",
        f"path: {IMAGES}/h.qcow2, size: 18MiB, bus: sata, cache: directsync",
        f"path: {IMAGES}/i.qcow2, size: 19MiB, bus: ide, cache: unsafe",
        "path: /srv/cd.iso, device: cdrom",
        "path: /srv/cd2.iso, device: cdrom, bus: ide",
        "path: /srv/cd3.iso, device: cdrom, bus: scsi",
        "path: /srv/floppy.img, device: floppy",
        f"path: {IMAGES}/u.qcow2, size: 20MiB, bus: usb",
        f"path: {IMAGES}/r.qcow2, size: 21MiB, readonly: true",
        *(f"path: {IMAGES}/i{n}.qcow2, size: {n}MiB, bus: ide" for n in (22, 23))))
    console = host.console(SOCKET)
    console.ready()
    # Debian 13's kernel for clouds has a driver for AHCI; with Debian 12's the guest does not see what is on the bus sata
    ahci = console.run("ls -d /sys/bus/pci/drivers/ahci", check=False).startswith("/sys")
    discs = ["from-the-disc"] * ahci + ["from-the-disc2", "from-the-disc3"]

    def blocks():
        return console.run("cd /sys/block; for d in *; do echo $d $(cat $d/size) $(cat $d/ro) $(readlink -f $d/device); done")

    # the kernel looks for what is on these buses in its own time
    sizes = wait_until(lambda: len(re.findall("^([vs]d|sr).*/", s := blocks(), re.M)) >= 6 + ahci + len(discs) and s, 60, "all to be seen")
    seen = {int(size) * 512 >> 20: (ro, where) for _, size, ro, where in
            (line.split() for line in sizes.splitlines() if len(line.split()) == 4)}
    assert "virtio" in seen[16][1] and "0000:00:08.0" in seen[16][1], sizes
    assert "0000:00:10.0/" in seen[17][1] and ":0:1:0" in seen[17][1], sizes
    assert all("0000:00:12.0/ata" in seen[n][1] for n in (19, 22, 23)), "with the disc all four of IDE: " + sizes
    assert ("0000:00:1f.2/ata" in seen[18][1]) if ahci else 18 not in seen, sizes
    assert sorted(console.run(f"head -c 14 /dev/sr{n}").strip() for n in range(len(discs))) == discs
    assert seen.get(21, "?")[0] == "1", sizes
    assert console.run("cat /sys/block/vda/serial") == "data-1"
    console.close()
    qemu = host.run("pgrep -f 'qemu-system.*guest=web1' | head -n 1 | xargs -I{} cat /proc/{}/cmdline | tr '\\0' '\\n'").stdout
    for part in ("usb-storage,bus=usb.0,port=1,", "floppy,bus=fdc.0,unit=0,", "ide-hd,bus=ide.0,unit=0,",
                 "ide-cd,bus=ide.1,unit=0,"):
        assert part in qemu, "QEMU took it, and the guest has no driver for it"


FORMATS = ["raw", "qcow2", "vmdk", "vpc", "vhdx", "qed"]


def test_a_guest_keeps_its_data_in_every_format(stopped):
    """Made by kvmhost, written by a guest, and read after a restart of it; behind the first cluster too."""
    host = stopped
    settle(host, document(*(f"path: {IMAGES}/kept.{form}, format: {form}, size: 32MiB, serial: {form}" for form in FORMATS)))
    for turn in ("write", "read"):
        console = host.console(SOCKET)
        console.ready()
        for form in FORMATS:
            disk = console.run(f"grep -lx {form} /sys/block/vd*/serial").split("/")[3]
            for place in (0, 20000):
                if turn == "write":
                    console.run(f"echo {form}-{place} | dd of=/dev/{disk} bs=512 seek={place} conv=sync,fsync 2>/dev/null")
                said = console.run(f"dd if=/dev/{disk} bs=512 skip={place} count=1 2>/dev/null | head -n 1")
                assert said == f"{form}-{place}\n", said
        console.close()
        host.ctl("guest", "restart" if turn == "write" else "stop", "web1")
    for form in FORMATS:
        assert image(host, f"{IMAGES}/kept.{form}")["format"] == form
        if form in ("qcow2", "vmdk", "vhdx", "qed"):
            host.run(["qemu-img", "check", f"{IMAGES}/kept.{form}"])


def test_an_image_made_on_others(stopped):
    """Nothing below is written to, and nothing is read that the document does not name."""
    host = stopped
    host.run(f"mkdir -p {IMAGES}; cd {IMAGES}; truncate -s 64M bottom.raw; echo from-the-bottom | dd of=bottom.raw conv=notrunc status=none; "
             "qemu-img create -q -f qcow2 -b bottom.raw -F raw middle.qcow2; chmod 600 bottom.raw middle.qcow2; "
             "echo secret >/srv/secret.raw; truncate -s 1M /srv/secret.raw")
    before = host.run(f"cd {IMAGES}; sha256sum bottom.raw middle.qcow2").stdout
    disk = f"path: {IMAGES}/top.qcow2, base: {IMAGES}/middle.qcow2"
    settle(host, document(f"{disk}, size: 128MiB"))
    console = host.console(SOCKET)
    console.ready()
    assert console.run("head -n 1 /dev/vda") == "from-the-bottom\n"
    assert console.run("cat /sys/block/vda/size") == f"{(128 << 20) // 512}\n"
    console.run("echo from-the-guest >/dev/vda; sync")
    assert console.run("head -n 1 /dev/vda") == "from-the-guest\n"
    console.close()
    host.ctl("guest", "restart", "web1")
    console = host.console(SOCKET)
    console.ready()
    assert console.run("head -n 1 /dev/vda") == "from-the-guest\n"
    console.close()
    assert host.run(f"cd {IMAGES}; sha256sum bottom.raw middle.qcow2").stdout == before
    host.ctl("guest", "stop", "web1")
    # what a guest could write into the header of its own image
    host.run(f"qemu-img rebase -u -b /srv/secret.raw -F raw {IMAGES}/top.qcow2")
    settle(host, document(f"path: {IMAGES}/top.qcow2"))
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "/srv/secret.raw, which the document does not name" in refused.stderr
    put(host, document(f"{disk}"))
    refused = host.ctl("apply", check=False)
    said = f"the image {IMAGES}/top.qcow2 is made on /srv/secret.raw, and `base` says {IMAGES}/middle.qcow2"
    assert refused.rc == 1 and said in str(refused), refused
    host.run(f"qemu-img rebase -u -b '' {IMAGES}/top.qcow2")
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "is made on no other one" in refused.stderr


def test_another_base_is_no_base_of_an_image_that_is_there(stopped):
    """It would be a mixture of both: refused before the guest is touched, whether that is to be restarted or not."""
    host = stopped
    host.run(f"mkdir -p {IMAGES}; cd {IMAGES}; rm -f over.qcow2; for n in 1 2; do qemu-img create -q -f qcow2 version$n.qcow2 8M; done; "
             f"qemu-img create -q -f qcow2 -b ../images/./version1.qcow2 -F qcow2 over.qcow2")
    disk = f"path: {IMAGES}/over.qcow2, size: 8MiB, base: {IMAGES}/version%s.qcow2"
    settle(host, document(disk % 1))
    pid = host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout
    put(host, document(disk % 2) + "    on_change: restart\n")
    for verb in "plan", "apply":
        refused = host.ctl(verb, check=False)
        said = f"{IMAGES}/over.qcow2 is made on {IMAGES}/version1.qcow2, and `base` says {IMAGES}/version2.qcow2"
        assert refused.rc == 1 and said in str(refused) and f"write `base: {IMAGES}/version1.qcow2`" in str(refused), refused
    assert host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout == pid
    settle(host, document(disk % 1, state="stopped"))
    host.run(f"cd {IMAGES}; mv version1.qcow2 version3.qcow2; qemu-img rebase -u -f qcow2 -F qcow2 -b {IMAGES}/version3.qcow2 over.qcow2")
    settle(host, document(disk % 3))


def test_an_image_further_down_that_another_guest_writes_to(stopped):
    """The document names no more than the next one below; QEMU would speak of a descriptor's number."""
    host = stopped
    host.run(f"mkdir -p {IMAGES}; cd {IMAGES}; rm -f lowest.* upper.*; qemu-img create -q -f qcow2 lowest.qcow2 8M; "
             "qemu-img create -q -f qcow2 -b lowest.qcow2 -F qcow2 lower.qcow2")
    disk = f"path: {IMAGES}/upper.qcow2, size: 8MiB, base: {IMAGES}/lower.qcow2"
    other = f"  db1:\n    memory: {{size: 64MiB}}\n    disks: [{{path: {IMAGES}/lowest.qcow2}}]\n    shutdown: {{timeout: 1s}}\n"
    settle(host, document(disk, state="stopped") + other)
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and f"the guest db1 writes to the base image {IMAGES}/lowest.qcow2" in refused.stderr, refused
    host.ctl("guest", "stop", "db1")
    host.ctl("guest", "start", "web1")
    host.run(f"cd {IMAGES}; rm -f junk.qcow2; echo junk >junk.qcow2; truncate -s 8M junk.qcow2; "
             "qemu-img create -q -u -f qcow2 -b junk.qcow2 -F qcow2 onjunk.qcow2 8M")
    settle(host, document(f"path: {IMAGES}/onjunk.qcow2, base: {IMAGES}/junk.qcow2", state="stopped"), "--allow-mass-removal")
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and f"base image {IMAGES}/junk.qcow2: Image is not in qcow2 format" in refused.stderr, refused
    assert "write that as `base_format`" in refused.stderr


def test_root_opens_nothing_that_a_header_names(stopped):
    """A guest that took over its QEMU can write its image's header, and root grows the image later."""
    host = stopped
    own, top = f"path: {IMAGES}/own.qcow2", f"path: {IMAGES}/grown.qcow2, base: {IMAGES}/below.qcow2"
    host.run(f"mkdir -p {IMAGES}; cd {IMAGES}; qemu-img create -q -f qcow2 below.qcow2 8M; truncate -s 1M /srv/secret.raw")
    settle(host, document(f"{own}, size: 8MiB", f"{top}, size: 8MiB", state="stopped"))
    host.run(f"cd {IMAGES}; qemu-img create -q -f qcow2 -o data_file=/srv/victim,data_file_raw=on own.qcow2 8M; "
             "qemu-img rebase -u -b /srv/secret.raw -F raw grown.qcow2")
    before = host.run(f"stat -c %s {IMAGES}/grown.qcow2").stdout
    put(host, document(f"{own}, size: 16MiB", f"{top}, size: 16MiB", state="stopped"))
    applied = host.run("strace -f -qq -s 300 -e trace=%file -o /tmp/trace kvmhostctl apply", check=False)
    assert applied.rc == 1 and "own.qcow2 has its data in another file" in applied.stdout + applied.stderr, applied
    assert "grown.qcow2 is made on /srv/secret.raw" in applied.stdout + applied.stderr, applied
    trace = host.read("/tmp/trace")
    assert "secret.raw" not in trace and "victim" not in trace
    assert host.run("stat -c %s /srv/victim").stdout == f"{8 << 20}\n"
    assert host.run(f"stat -c %s {IMAGES}/grown.qcow2").stdout == before, "nor was it touched"


def test_a_copy_stands_alone(stopped):
    host = stopped
    host.run(f"mkdir -p {IMAGES}; cd {IMAGES}; truncate -s 64M golden.raw; echo golden | dd of=golden.raw conv=notrunc status=none; "
             "qemu-img convert -O qcow2 golden.raw golden.qcow2; qemu-img convert -O vmdk golden.raw golden.vmdk")
    for source, how in (("copy_of", "from"), ("base", "on")):
        put(host, document(f"path: {IMAGES}/small.qcow2, {source}: {IMAGES}/none.qcow2, size: 32MiB"))
        refused = host.ctl("plan", check=False)
        assert refused.rc == 1 and f"the image {IMAGES}/none.qcow2, which it is to be made {how}, is not there" in refused.stdout, refused
    put(host, document(f"path: {IMAGES}/small.qcow2, copy_of: {IMAGES}/golden.qcow2, size: 32MiB"))
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and f"{IMAGES}/golden.qcow2 has 64MiB, and the copy of it is to have 32MiB" in refused.stdout, refused
    assert "write `size: 64MiB`" in refused.stdout and host.run(f"ls -A {IMAGES} | grep small", check=False).rc == 1
    # what a guest whose disk it was has written into the original
    host.run(f"cd {IMAGES}; truncate -s 1M /srv/secret.raw; cp golden.qcow2 taken.qcow2; qemu-img rebase -u -b /srv/secret.raw -F raw taken.qcow2; "
             "printf '# Disk DescriptorFile\\nversion=1\\nCID=1\\nparentCID=ffffffff\\ncreateType=\"monolithicFlat\"\\n"
             "RW 2048 FLAT \"/srv/secret.raw\" 0\\n' >taken.vmdk; "
             "qemu-img create -q -f vmdk below.vmdk 1M; qemu-img create -q -f vmdk -b below.vmdk -F vmdk onto.vmdk")
    for taken, why in (("taken.qcow2", "secret.raw"), ("taken.vmdk", "in another file"), ("onto.vmdk", "in another file")):
        put(host, document(f"path: {IMAGES}/small.qcow2, copy_of: {IMAGES}/{taken}, base_format: {taken[6:] if taken[0] == 't' else 'vmdk'}, "
                           "size: 64MiB"))
        refused = host.ctl("apply", check=False)
        assert refused.rc == 1 and why in refused.stdout and "where that is trusted, make it one first" in refused.stdout, refused
        assert host.run(f"ls -A {IMAGES} | grep small", check=False).rc == 1
    text = document(f"path: {IMAGES}/copy.qcow2, copy_of: {IMAGES}/golden.raw, base_format: raw, size: 128MiB",
                    f"path: {IMAGES}/copy.raw, copy_of: {IMAGES}/golden.qcow2, size: 64MiB, format: raw, preallocation: falloc",
                    f"path: {IMAGES}/third.qcow2, copy_of: {IMAGES}/golden.vmdk, base_format: vmdk, size: 64MiB")
    settle(host, text)
    host.run(f"rm {IMAGES}/golden.*")
    info = image(host, f"{IMAGES}/copy.qcow2")
    assert info["virtual-size"] == 128 << 20 and "backing-filename" not in info
    assert host.run(f"stat -c %b {IMAGES}/copy.raw").stdout == f"{(64 << 20) // 512}\n"
    console = host.console(SOCKET)
    console.ready()
    assert console.run("head -n 1 /dev/vda; head -n 1 /dev/vdb; head -n 1 /dev/vdc") == "golden\ngolden\ngolden\n"
    assert console.run("cat /sys/block/vda/size") == f"{(128 << 20) // 512}\n"
    console.close()
    assert host.ctl("plan").rc == 0, "without what it was made of"


POOL = """\
[Unit]
DefaultDependencies=no
Wants=network-online.target
After=network-online.target
[Mount]
What=/srv/real
Where=/srv/pool
Type=none
Options=bind
"""


def test_on_a_file_system_that_comes_with_the_network(stopped):
    """At boot kvmhostd is before network-online.target, which is before such a mount, which is before the guest."""
    host = stopped
    host.write("/etc/systemd/system/srv-pool.mount", POOL)
    host.run("mkdir -p /srv/real /srv/pool /srv/below; truncate -s 8M /srv/real/there.raw; systemctl mask srv.mount; "
             "systemctl daemon-reload; systemctl stop network-online.target; mount --bind /srv /srv/below; "
             "mount --make-rshared /")  # as systemd has it on a machine, and not in a container
    put(host, document("path: /srv/pool/there.raw, format: raw", "path: /srv/pool/made.raw, format: raw, size: 8MiB"))
    try:
        host.run("timeout 60 systemctl start kvmhostd network-online.target")  # one transaction, as at boot
        wait_until(lambda: host.run("systemctl is-active kvmhost-guest@web1", check=False).stdout == "active\n", what="the guest")
        assert host.run("ls /srv/real").stdout.split() == ["made.raw", "there.raw"]
        assert host.run("ls -A /srv/below/pool").stdout == "", "made below the mount"
    finally:
        host.run("systemctl stop kvmhostd kvmhost-guest@web1 srv-pool.mount; mount --make-rprivate /; umount /srv/below; "
                 "systemctl unmask srv.mount")


@pytest.mark.parametrize("how", ["noauto", "automount"])
def test_on_one_that_is_mounted_when_somebody_needs_it(stopped, how):
    """Its images are there already, which nobody sees who looks before; and a look at an automount waits for the network."""
    host = stopped
    host.write("/etc/systemd/system/srv-pool.mount", POOL)
    host.write("/etc/systemd/system/srv-pool.automount", "[Unit]\nDefaultDependencies=no\n[Automount]\nWhere=/srv/pool\n")
    host.run("rm -rf /srv/real; mkdir -p /srv/real /srv/pool /srv/below; qemu-img create -q -f qcow2 /srv/real/sized.qcow2 8M; "
             "truncate -s 8M /srv/real/there.raw; systemctl mask srv.mount; [ -e /dev/autofs ] || mknod /dev/autofs c 10 235; "
             "systemctl daemon-reexec; systemctl stop network-online.target kvmhostd; mount --bind /srv /srv/below; mount --make-rshared /")
    inode = host.run("stat -c %i /srv/real/sized.qcow2").stdout
    if how == "automount":
        host.run("systemctl start srv-pool.automount")
    put(host, document("path: /srv/pool/there.raw, format: raw", "path: /srv/pool/sized.qcow2, size: 8MiB",
                       "path: /srv/pool/made.raw, format: raw, size: 8MiB"))
    try:
        host.run("timeout 60 systemctl start kvmhostd network-online.target", timeout=90)
        wait_until(lambda: host.run("systemctl is-active kvmhost-guest@web1", check=False).stdout == "active\n", what="the guest")
        assert host.run("ls /srv/real").stdout.split() == ["made.raw", "sized.qcow2", "there.raw"]
        assert host.run("stat -c %i /srv/real/sized.qcow2").stdout == inode and host.run("ls -A /srv/below/pool").stdout == ""
        assert host.ctl("plan").rc == 0
        # the same by hand
        host.run("systemctl stop kvmhostd kvmhost-guest@web1 srv-pool.mount")
        told = host.ctl("plan", check=False).stdout
        assert ("disk/srv/pool/made.raw" in told) == (how == "noauto"), "behind an automount it looks, and knows"
        host.run("systemctl stop srv-pool.mount")
        host.ctl("apply")
        host.ctl("guest", "start", "web1")
    finally:
        host.run("systemctl stop kvmhostd kvmhost-guest@web1 srv-pool.automount srv-pool.mount; mount --make-rprivate /; umount /srv/below; "
                 "systemctl unmask srv.mount; rm /etc/systemd/system/srv-pool.automount; systemctl daemon-reload", check=False)


def test_an_image_that_every_user_can_read_is_told(stopped):
    """One that was there: kvmhost makes its own with mode 0600, and changes nobody's."""
    host = stopped
    host.run("qemu-img create -q -f qcow2 /srv/open.qcow2 8M; chmod 644 /srv/open.qcow2; chmod 755 /srv")
    text = document("path: /srv/open.qcow2", f"path: {IMAGES}/private.qcow2, size: 8MiB")
    put(host, text)
    reads = "setpriv --reuid nobody --regid nogroup --clear-groups head -c 4 /srv/open.qcow2"
    assert host.run(reads).stdout.startswith("QFI")
    warned = host.ctl("plan", check=False).stderr
    assert "warning: every user of the host can read: /srv/open.qcow2 of web1\n      = chmod o= /srv/open.qcow2\n" in warned, warned
    host.run("chmod o= /srv/open.qcow2")
    settle(host, text)
    assert host.run(reads, check=False).rc and "every user" not in str(host.ctl("plan"))
    console = host.console(SOCKET)
    console.ready()
    assert console.run("cat /sys/block/vda/size") == f"{(8 << 20) // 512}\n", "the guest has it all the same"
    console.close()


def test_what_is_not_mounted_is_not_known(stopped):
    """A plan neither mounts what systemd mounts only for somebody, nor speaks of the directory below as of it."""
    host = stopped
    host.write("/etc/systemd/system/srv-pool.mount", POOL)
    host.run("rm -rf /srv/real; mkdir -p /srv/real/deep /srv/pool; qemu-img create -q -f qcow2 /srv/real/deep/there.qcow2 8M; "
             "qemu-img create -q -f qcow2 /srv/real/golden.qcow2 8M; systemctl mask srv.mount; systemctl daemon-reload")
    inode = host.run("stat -c %i /srv/real/deep/there.qcow2").stdout
    put(host, document("path: /srv/pool/deep/there.qcow2, size: 8MiB", "path: /srv/pool/made.raw, format: raw, size: 8MiB",
                       f"path: {IMAGES}/on.qcow2, size: 8MiB, base: /srv/pool/golden.qcow2", state="stopped"))
    try:
        plan = host.ctl("plan", check=False)
        assert plan.rc == 2, plan
        for name in ("deep/there.qcow2", "made.raw"):
            assert f"~ disk/srv/pool/{name}" in plan.stdout, plan
        assert plan.stdout.count("/srv/pool is not mounted, so what is there is not known; apply mounts it") == 2, plan
        assert host.run("mountpoint -q /srv/pool", check=False).rc, "a plan mounts nothing"
        host.ctl("apply")
        assert host.run("stat -c %i /srv/real/deep/there.qcow2").stdout == inode and host.exists("/srv/real/made.raw")
        assert image(host, f"{IMAGES}/on.qcow2")["backing-filename"] == "/srv/pool/golden.qcow2"
        assert host.ctl("plan").rc == 0
    finally:
        host.run("systemctl stop srv-pool.mount; systemctl unmask srv.mount; rm /etc/systemd/system/srv-pool.mount; systemctl daemon-reload",
                 check=False)


def test_a_missing_disc_is_one_clear_line(stopped):
    host = stopped
    put(host, document("path: /srv/iso/none.iso, device: cdrom"))
    assert host.ctl("apply", check=False, timeout=120).rc == 1
    status = host.ctl("status", check=False).stdout
    lines = [line for line in status.splitlines() if "/srv/iso/none.iso" in line]
    assert len(lines) == 1 and "cannot open the cdrom /srv/iso/none.iso: No such file" in lines[0], status


def test_long_work_is_told(stopped):
    """qemu-img as slow as on a busy disk: each of its writes waits."""
    host = stopped
    put(host, document("path: /srv/slow.img, format: raw, size: 1MiB, preallocation: full", state="stopped"))
    slow = "strace -f -qq -o /dev/null -e trace=write,pwrite64 -e inject=write,pwrite64:delay_enter=200000 "
    lines = re.findall(r"disk/srv/slow.img (\d+) %", host.run(slow + "kvmhostctl apply 2>&1").stdout)
    assert lines and [int(p) for p in lines] == sorted(int(p) for p in lines) and int(lines[-1]) >= 50, lines
    host.run("rm /srv/slow.img")
    shown = host.run("script -qec '" + slow + "kvmhostctl apply' /dev/null").stdout
    assert re.search(r"\r  disk/srv/slow.img \[#+ +\] \d+ %\x1b\[K\r", shown), repr(shown)
    assert "disk/srv/slow.img created" in shown


def killed_while_making(host, tracer, sign):
    """kvmhostctl alone, once `sign` is true; qemu-img ends with it."""
    host.run(f"strace -f -qq -o /dev/null {tracer} kvmhostctl apply >/dev/null 2>&1 & for i in $(seq 1000); do {sign} && break; sleep 0.01; done; "
             "kill -9 $(pgrep -x kvmhostctl)")
    wait_until(lambda: host.run("pgrep -x qemu-img", check=False).rc == 1, 5, "qemu-img ends with who started it")
    return host.run(f"ls -A {IMAGES} | grep crash", check=False).stdout


def test_who_grows_an_image_keeps_the_lock(stopped):
    """Killed in the middle of it: qemu-img goes on, and the next run waits for it, says so, and finds the image grown."""
    host = stopped
    path = f"{IMAGES}/growing.qcow2"
    settle(host, document(f"path: {path}, size: 8MiB", state="stopped"))
    host.run("mv /usr/bin/qemu-img /usr/bin/qemu-img.real")
    host.write("/usr/bin/qemu-img", "#!/bin/sh\n[ $1 != resize ] || while [ -e /run/slow ]; do sleep 0.1; done\nexec /usr/bin/qemu-img.real \"$@\"\n", 0o755)
    try:
        host.run("touch /run/slow")
        put(host, document(f"path: {path}, size: 16MiB", state="stopped"))
        host.run("systemctl stop kvmhostd; (kvmhostctl apply >/dev/null 2>&1 &) ; for i in $(seq 200); do pgrep -f '[q]emu-img resize' >/dev/null && break; sleep 0.05; done; "
                 "kill -9 $(pgrep -x kvmhostctl)")
        assert host.run("pgrep -f '[q]emu-img resize'", check=False).rc == 0, "it goes on"
        refused = host.ctl("apply", check=False, timeout=100)
        assert refused.rc == 1 and "was killed while it changed this host, and what it ran did not end within 60 s" in refused.stderr, refused
        assert "= wait for it, or see what it is: fuser -v /run/kvmhost/lock" in refused.stderr, refused
        host.run("(sleep 3; rm /run/slow) >/dev/null 2>&1 &")
        waited = host.ctl("apply")
        assert "waits up to 60 s for who has the lock /run/kvmhost/lock" in waited.stdout + waited.stderr, waited
        assert image(host, path)["virtual-size"] == 16 << 20 and host.ctl("plan").rc == 0
    finally:
        host.run("rm -f /run/slow; mv /usr/bin/qemu-img.real /usr/bin/qemu-img")


def test_a_crash_while_making_leaves_nothing(stopped):
    """qemu-img is as slow as on a busy disk."""
    host = stopped
    path = f"{IMAGES}/crash.raw"
    text = document(f"path: {path}, size: 512MiB, format: raw, preallocation: full", state="stopped")
    put(host, text)
    slow = "-e trace=write,pwrite64 -e inject=write,pwrite64:delay_enter=200000"
    assert killed_while_making(host, slow, "pgrep -x qemu-img >/dev/null && sleep 0.5") == ""
    # a file system without files that have no name: the next run clears away
    none = f"-P {IMAGES} -e trace=openat -e inject=openat:error=EOPNOTSUPP:when=1"
    assert killed_while_making(host, none, f"[ -e {IMAGES}/.crash.raw.kvmhost-new ]") == ".crash.raw.kvmhost-new\n"
    settle(host, text)
    assert host.run(f"ls -A {IMAGES} | grep crash").stdout == "crash.raw\n"
    assert image(host, path)["virtual-size"] == 512 << 20
    host.run(f"rm {path}")


def test_the_daemon_makes_them_too(stopped):
    """Inside the confinement of its unit."""
    host = stopped
    host.run("systemctl start kvmhostd", timeout=120)
    put(host, document(f"path: {IMAGES}/daemon.qcow2, size: 64MiB", "path: /srv/daemon.img, size: 8MiB, format: raw",
                       state="stopped"))
    host.reload_daemon()
    assert image(host, f"{IMAGES}/daemon.qcow2")["virtual-size"] == 64 << 20
    assert image(host, "/srv/daemon.img")["virtual-size"] == 8 << 20
    host.run("systemctl stop kvmhostd")


def test_a_full_disk_stops_the_guest_until_there_is_room(stopped):
    host = stopped
    host.run("mkdir -p /srv/small && mount -t tmpfs -o size=16M none /srv/small")
    try:
        settle(host, document("path: /srv/small/a.qcow2, size: 64MiB"))
        console = host.console(SOCKET)
        console.ready()
        console.sock.sendall(b"dd if=/dev/zero of=/dev/vda bs=1M count=32 conv=fsync 2>/dev/null; echo all-wri''tten $?\n")
        line = "no room is left for /srv/small/a.qcow2, and the guest stands still; make room, then: kvmhostctl guest resume web1"
        wait_until(lambda: line in host.ctl("status", check=False).stdout, 60, "the status says so", 0.5)
        assert "paused" in host.ctl("guest", "list").stdout
        assert host.said("kvmhost-guest@web1").count(line) == 1
        host.run("mount -o remount,size=64M /srv/small")
        host.ctl("guest", "resume", "web1")
        console.expect(r"all-written 0", 60)
        console.close()
    finally:
        settle(host, "version: 1\n", "--allow-mass-removal")
        host.run("umount /srv/small")


def test_what_is_wrong_with_an_image_is_one_clear_line(stopped):
    host = stopped

    def said(disk, expected):
        put(host, document(disk))
        done = host.ctl("apply", check=False, timeout=120)
        assert done.rc == 1, done
        lines = [line for line in host.ctl("status", check=False).stdout.splitlines() if expected in line]
        assert len(lines) == 1, (expected, host.ctl("status", check=False).stdout)
        assert expected in host.said("kvmhost-guest@web1")
        settle(host, "version: 1\n", "--allow-mass-removal")

    host.run("echo no image at all >/srv/bad.qcow2; truncate -s 1M /srv/bad.qcow2")
    said("path: /srv/bad.qcow2", "disk /srv/bad.qcow2: Image is not in qcow2 format")
    # somebody else writes to it
    host.run("qemu-img create -q -f qcow2 /srv/locked.qcow2 16M; systemd-run --quiet --unit=locker qemu-system-x86_64 -S "
             "-display none -monitor unix:/run/locker,server=on,wait=off -machine none -blockdev driver=file,node-name=f,filename=/srv/locked.qcow2 "
             "-blockdev driver=qcow2,node-name=d,file=f")
    wait_until(lambda: greets(host, "/run/locker"), what="QEMU holds it")
    said("path: /srv/locked.qcow2", "the image /srv/locked.qcow2 is in use by another program; see which: fuser -v /srv/locked.qcow2")
    host.run("systemctl stop locker")
    put(host, document("path: /dev/null, device: lun"))
    refused = host.ctl("apply", check=False, timeout=120)
    assert refused.rc == 1 and "/dev/null is no block device" in refused.stdout, refused
    assert "/dev/null is no block device" in host.ctl("status", check=False).stdout
    settle(host, "version: 1\n", "--allow-mass-removal")


def test_two_names_of_one_file(stopped):
    host = stopped
    host.run("mkdir -p /srv/real && truncate -s 1M /srv/real/a.img && ln -sfn real /srv/link")
    settle(host, document("path: /srv/real/a.img, format: raw", "path: /srv/link/a.img, format: raw", state="stopped"))
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "/srv/real/a.img and /srv/link/a.img are the same file; a guest can have it once" in refused.stderr, refused
    # to read from both is another matter
    settle(host, document("path: /srv/real/a.img, device: cdrom", "path: /srv/link/a.img, device: cdrom", state="stopped"))
    host.ctl("guest", "start", "web1")
    host.ctl("guest", "stop", "web1")


def test_where_no_image_can_be_made_or_written(stopped):
    host = stopped
    host.run("mkdir -p /srv/full /srv/ro && mount -t tmpfs -o size=1M none /srv/full && mount -t tmpfs none /srv/ro && "
             "truncate -s 1M /srv/ro/a.img && mount -o remount,ro /srv/ro && head -c 1M /dev/zero >/srv/full/all")

    def said(disk, state="stopped"):
        put(host, document(disk, state=state))
        done = host.ctl("apply", check=False)
        assert done.rc == 1, done
        return done.stdout + done.stderr

    assert "qemu-img: /srv/full/a.qcow2: Could not " in (full := said("path: /srv/full/a.qcow2, size: 8MiB")) and "No space left" in full, full
    assert host.run("ls -A /srv/full").stdout == "all\n"
    assert "its file system is mounted read-only; mount it for writing, or write `readonly: true`" in said("path: /srv/ro/a.img, format: raw", "running")
    host.run("ln -s nowhere/a.img /srv/dangling.img")
    assert "/srv/dangling.img is a symbolic link to what is not there" in said("path: /srv/dangling.img, format: raw, size: 1MiB")
    settle(host, document("path: /srv/ro/a.img, format: raw, readonly: true"))
    settle(host, "version: 1\n", "--allow-mass-removal")
    host.run("umount /srv/full /srv/ro; rm /srv/dangling.img")


def test_images_that_fit_alone_and_not_together(stopped):
    host = stopped
    host.run("mkdir -p /srv/small && mount -t tmpfs -o size=64M none /srv/small && mkdir /srv/small/sub")
    disks = [f"path: /srv/small/{name}.raw, format: raw, size: 24MiB, preallocation: falloc" for name in ("a", "b", "sub/c")]
    try:
        put(host, document(*disks, state="stopped"))
        told = "`preallocation: falloc` takes 24MiB of /srv/small/sub at once, and 2 other images there 48MiB: 72MiB together, where 64MiB are free"
        for verb in ("plan", "apply"):
            done = host.ctl(verb, check=False)
            assert done.rc == 1 and told in " ".join((done.stdout + done.stderr).split()), done
        assert host.run("cd /srv/small; ls *.raw sub").stdout.split() == ["a.raw", "b.raw", "sub:"]
        host.run("rm -f /srv/small/*.raw")
        # what has its space already takes no more
        put(host, document(*disks[:2], state="stopped"))
        host.ctl("apply")
        assert host.ctl("plan").rc == 0
        host.run("rm /srv/small/b.raw")
        host.ctl("apply")
    finally:
        settle(host, "version: 1\n", "--allow-mass-removal")
        host.run("umount /srv/small; rmdir /srv/small")


def test_a_directory_is_no_disk(stopped):
    host = stopped
    host.run("mkdir -p /srv/dir")
    for disk, said in (("path: /srv/dir, format: raw", "the disk /srv/dir is a directory; name the file or block device itself"),
                       ("path: /srv/dir, device: cdrom", "the cdrom /srv/dir is a directory; name the file or block device itself"),
                       ("path: /srv/dir, size: 8MiB", "/srv/dir is a directory")):
        put(host, document(disk))
        refused = host.ctl("apply", check=False)
        assert refused.rc == 1 and said in refused.stdout + refused.stderr, refused
        settle(host, "version: 1\n", "--allow-mass-removal")


ODD = [f"{name}.{form}" for form in ("raw", "qcow2") for name in (
    "a b", "a,b", "nbd:unix:x", "100%", 'q"', "q'", "\u00e4", "b\\s", "json:{}", "-f", "$HOME", "a;b", "a=b,read-only=on")]


def test_names_that_mean_something_to_others(stopped):
    """To qemu-img, QEMU's options, systemd's unit files or a shell."""
    host = stopped
    base = "/srv/o,d d:x%n"
    host.run(["mkdir", "-p", base])
    paths = [f"{base}/{name}" for name in ODD]
    disks = [f"path: {json.dumps(path)}, size: 1MiB, format: {path.rsplit('.', 1)[1]}" for path in paths]
    disks += [f"path: {json.dumps(base + '/on:a,b.qcow2')}, size: 2MiB, base: {json.dumps(base + '/a,b.qcow2')}",
              f"path: {json.dumps(base + '/of:a,b.qcow2')}, size: 2MiB, copy_of: {json.dumps(base + '/a,b.qcow2')}"]
    # a base is for reading
    disks = [disk for disk in disks if f"path: {json.dumps(base + '/a,b.qcow2')}," not in disk]
    host.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{base}/a,b.qcow2", "1M"])
    settle(host, document(*disks))
    made = host.run(["ls", "-A", base]).stdout
    assert len(made.splitlines()) == len(ODD) + 2, made
    console = host.console(SOCKET)
    console.ready()
    assert console.run("ls -d /sys/block/vd* | wc -l").strip() == str(len(disks))
    console.run("dd if=/dev/zero of=/dev/vda bs=512 count=1 2>/dev/null")
    console.close()
    host.ctl("guest", "restart", "web1")
    wrong = host.run("journalctl -q -o cat | grep -iE 'unknown (key|specifier)|ignoring|failed to (parse|resolve)' | grep srv || true").stdout
    assert wrong == "", wrong


def test_how_it_is_read_and_written(stopped):
    """Every option as QEMU has it, and limits as the guest feels them."""
    host = stopped
    settle(host, document(
        f"path: {IMAGES}/n.raw, size: 32MiB, format: raw, cache: none, aio: native, iothread: true",
        f"path: {IMAGES}/z.qcow2, size: 32MiB, discard: unmap, detect_zeroes: unmap, werror: report, rerror: stop",
        f"path: {IMAGES}/t.qcow2, size: 64MiB, throttle: {{bps_write: 2MiB, iops_read: 1000}}",
        f"path: {IMAGES}/d.qcow2, size: 32MiB, bus: scsi, cache: directsync, throttle: {{iops: 100}}"))
    console = host.console(SOCKET)
    console.ready()
    console.run("dd if=/dev/zero of=/dev/vda bs=1M count=16 conv=fsync 2>/dev/null")
    start = float(console.run("cut -d' ' -f1 /proc/uptime"))
    console.run("dd if=/dev/urandom of=/dev/vdc bs=64k count=128 conv=fsync 2>/dev/null", timeout=60)
    assert float(console.run("cut -d' ' -f1 /proc/uptime")) - start > 2.5, "8 MiB at 2 MiB a second"
    console.run("dd if=/dev/urandom of=/dev/vdb bs=1M count=8 conv=fsync 2>/dev/null")
    before = int(host.run(f"stat -c %b {IMAGES}/z.qcow2").stdout)
    console.run("dd if=/dev/zero of=/dev/vdb bs=1M count=8 conv=fsync 2>/dev/null")
    assert int(host.run(f"stat -c %b {IMAGES}/z.qcow2").stdout) < before, "zeros take no room"
    nodes = json.loads([line for line in host.run(
        ["kvmhostctl", "guest", "monitor", "web1"], input='{"execute": "query-named-block-nodes"}\n').stdout.splitlines()
        if '"return"' in line][0])["return"]
    by_name = {node["node-name"]: node for node in nodes}
    assert by_name["file0"]["cache"]["direct"] and by_name["disk1"]["detect_zeroes"] == "unmap"
    assert by_name["disk2"]["drv"] == "throttle" and by_name["format2"]["drv"] == "qcow2"
    # a limited disk grows like any other
    put(host, document(
        f"path: {IMAGES}/n.raw, size: 32MiB, format: raw, cache: none, aio: native, iothread: true",
        f"path: {IMAGES}/z.qcow2, size: 32MiB, discard: unmap, detect_zeroes: unmap, werror: report, rerror: stop",
        f"path: {IMAGES}/t.qcow2, size: 96MiB, throttle: {{bps_write: 2MiB, iops_read: 1000}}",
        f"path: {IMAGES}/d.qcow2, size: 32MiB, bus: scsi, cache: directsync, throttle: {{iops: 100}}"))
    host.ctl("apply")
    wait_until(lambda: console.run("cat /sys/block/vdc/size").strip() == str((96 << 20) // 512), what="it has grown")
    console.close()
    put(host, document(f"path: {IMAGES}/n.raw, size: 32MiB, format: raw, aio: io_uring"))
    host.ctl("apply")
    host.ctl("guest", "restart", "web1")
    console = host.console(SOCKET)
    console.ready()
    console.run("dd if=/dev/vda of=/dev/null bs=1M count=16 2>/dev/null")
    console.close()


@pytest.fixture
def device(stopped):
    """A block device of the machine's, which the capsule shares, with a file system in it."""
    host = stopped
    host.run("truncate -s 32M /srv/device.img && busybox mke2fs -F -L data /srv/device.img >/dev/null && "
             "{ test -e /dev/loop-control || mknod /dev/loop-control c 10 237; }")
    number = None
    for number in range(20, 60):
        host.run(f"test -e /dev/loop{number} || mknod /dev/loop{number} b 7 {number}")
        if host.run(f"losetup /dev/loop{number} /srv/device.img", check=False).rc == 0:
            break
    yield f"/dev/loop{number}"
    settle(host, "version: 1\n", "--allow-mass-removal")
    host.run(f"umount /dev/loop{number} 2>/dev/null; losetup -d /dev/loop{number}; rm /dev/loop{number}")


def test_a_device_of_the_host(stopped, device):
    host = stopped
    text = document(f"path: {device}")
    put(host, text)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "it carries the file system ext2 (label data), which is the guest's" in plan.stdout, plan
    host.run(f"mkdir -p /srv/mounted && mount {device} /srv/mounted")
    refused = host.ctl("apply", check=False)
    assert refused.rc == 1 and f"the host itself uses {device}: it carries the file system /srv/mounted" in refused.stdout + refused.stderr
    host.run("umount /srv/mounted")
    settle(host, text)
    console = host.console(SOCKET)
    console.ready()
    assert console.run("cat /sys/block/vda/size").strip() == str((32 << 20) // 512)
    console.run("mkdir -p /mnt && mount -t ext4 /dev/vda /mnt && echo from-the-guest >/mnt/file && umount /mnt")
    console.close()
    host.ctl("guest", "stop", "web1")
    # taken: what it carries is the guest's, and not told of again; but two must not write to it
    host.run(f"mount {device} /srv/mounted")
    assert host.read("/srv/mounted/file") == "from-the-guest\n"
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and "it carries the file system /srv/mounted" in refused.stderr
    host.run("umount /srv/mounted")
    host.run(f"ln -s {device} /srv/by-link.img")
    settle(host, document("path: /srv/by-link.img, format: raw", state="stopped"))
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and f"/srv/by-link.img leads to the block device {device}; write `path: {device}`" in refused.stderr, refused
    host.run("rm /srv/by-link.img")
    settle(host, document(f"path: {device}, device: lun", state="stopped"))
    refused = host.ctl("guest", "start", "web1", check=False)
    assert refused.rc == 1 and f"{device} is no SCSI disk, so it cannot be a lun" in refused.stderr, refused
    put(host, document("path: /dev/none", state="stopped"))
    host.ctl("apply", check=False)
    assert "waits for the device to be there" in host.ctl("plan", check=False).stdout
