# SPDX-License-Identifier: GPL-2.0-or-later
"""A tree to install from on an NFS server: the kernel's own server, and its client, by each version there is."""
import re
import time
from pathlib import Path

import pytest
from harness import wait_until

DOCUMENT = """\
version: 1
guests:
  web1:
    state: %s
    memory: {size: 192MiB}
    disks: [{path: /srv/disk.img, format: raw}]
    shutdown: {timeout: 1s}
    install: {location: "%s", answers: ks.cfg, extra_args: "console=ttyS0 quiet"}
"""
GUEST = "echo told $(cat /proc/cmdline)\necho answers $(cat /ks.cfg)\ndd if=/dev/zero of=/dev/vda bs=512 seek=8 count=1 conv=fsync\n"
TREES = "/var/lib/kvmhost/trees"
LOG = "/var/log/kvmhost/web1.console.log"
INFO = """\
[general]
family = Fedora
[images-x86_64]
kernel = images/vmlinuz
initrd = images/initrd.img
"""


@pytest.fixture(scope="module")
def host(lab):
    lab.write("/root/guest", GUEST)
    lab.write("/usr/local/sbin/nested-initrd", (Path(__file__).parent / "nested-initrd").read_text(), 0o755)
    lab.run("mkdir -p /srv/tree/images /srv/secret && nested-initrd /srv/tree/images/initrd.img /root/guest virtio_pci virtio_blk && "
            "cp /boot/vmlinuz-$(uname -r) /srv/tree/images/vmlinuz && truncate -s 1M /srv/disk.img", timeout=120)
    lab.write("/srv/tree/.treeinfo", INFO)
    lab.write("/etc/kvmhost/ks.cfg", "of-the-host\n", 0o600)
    lab.write("/etc/exports", "/srv/tree 127.0.0.1(ro,no_subtree_check)\n/srv/secret 192.0.2.1(ro,no_subtree_check)\n")
    lab.write("/etc/hosts", lab.read("/etc/hosts") + "127.0.0.1 files.example\n")
    return lab


def apply(host, location, state="stopped"):
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % (state, location))
    done = host.ctl("apply", check=False, timeout=180)
    return done.rc, done.stdout + done.stderr


def fetched(host, location):
    host.run(f"rm -rf {TREES}/web1")
    rc, said = apply(host, location)
    assert rc == 0 and f"fetching {location}/images/vmlinuz" in said, said
    host.run(f"cmp /srv/tree/images/vmlinuz {TREES}/web1/kernel")
    assert host.ctl("plan").rc == 0
    wait_until(lambda: len(host.read("/proc/fs/nfsfs/volumes").splitlines()) <= 1, 30, "the mount is gone")


@pytest.fixture
def served(host):
    """The server runs, and nothing was fetched from it."""
    host.run(f"systemctl start nfs-server && rm -rf {TREES}/web1", timeout=120)
    return host


def calls(host):
    """What the server was asked since it was started, by version."""
    lines = dict(line.split(maxsplit=1) for line in host.read("/proc/net/rpc/nfsd").splitlines())
    return {"3": sum(map(int, lines["proc3"].split()[2:])), "4": sum(map(int, lines["proc4"].split()[2:]))}


def test_what_is_wrong_is_said(host):
    host.run("systemctl stop nfs-server", timeout=120)
    host.write("/etc/modprobe.d/without.conf", "install nfs /bin/false\n")
    rc, said = apply(host, "nfs:127.0.0.1:/srv/tree")
    assert rc == 1 and "cannot read 127.0.0.1:/srv/tree by NFS: No such device" in said and "no client for NFS" in said, said
    host.run("rm /etc/modprobe.d/without.conf")
    rc, said = apply(host, "nfs:127.0.0.1:/srv/tree")
    assert rc == 1 and "by NFS: Connection refused" in said and "systemctl status nfs-server" in said, said
    rc, said = apply(host, "nfs://nobody.example/srv/tree")
    assert rc == 1 and "the NFS server nobody.example has no address" in said, said
    host.run("systemctl start nfs-server", timeout=120)
    rc, said = apply(host, "nfs:127.0.0.1:/srv/none")
    assert rc == 1 and "cannot read 127.0.0.1:/srv/none by NFS: No such file or directory" in said, said
    rc, said = apply(host, "nfs:127.0.0.1:/srv/secret")
    assert rc == 1 and "cannot read 127.0.0.1:/srv/secret by NFS" in said and "exportfs -v" in said, said
    rc, said = apply(host, "nfs:127.0.0.1:/srv/tree/images")
    assert rc == 1 and "there is no installer in nfs:127.0.0.1:/srv/tree/images" in said, said
    assert host.run(f"ls -A {TREES}").stdout == "", "nothing half is left"


SILENT = ("nft 'add table ip x; add chain ip x in { type filter hook input priority 0; }; "
          "add rule ip x in tcp dport 2049 drop'")


def given_up(host, rc, said):
    host.run("nft delete table ip x; nested-initrd /srv/tree/images/initrd.img /root/guest virtio_pci virtio_blk", timeout=120)
    assert rc == 1 and ("Connection timed out" in said or "Input/output error" in said) and "the server is silent" in said, said
    assert said.count("tree/web1 failed: ") == 1 and host.run(f"ls -A {TREES}").stdout == "", said


def test_a_silent_server_is_given_up(served):
    served.run(SILENT)
    given_up(served, *apply(served, "nfs:127.0.0.1:/srv/tree"))  # which ends after 180 s


def test_one_that_falls_silent_is_given_up(served):
    """In the middle of a copy: the server as slow as over a long line, and then the line is cut."""
    host = served
    host.write("/etc/kvmhost/host.yaml", DOCUMENT % ("stopped", "nfs:127.0.0.1:/srv/tree"))
    host.run("truncate -s 200M /srv/tree/images/initrd.img; systemd-run -q --unit=slow -p StandardOutput=append:/root/slow "
             "-p StandardError=append:/root/slow --property=SuccessExitStatus=1 --remain-after-exit "
             "strace -qq -o /dev/null -e trace=sendfile -e inject=sendfile:delay_enter=300000 kvmhostctl apply", timeout=120)
    wait_until(lambda: host.run(f"[ $(stat -c %s {TREES}/.fetching/initrd) -gt 3000000 ]", check=False).rc == 0, 60, "a part")
    host.run(SILENT)
    begun = time.monotonic()
    wait_until(lambda: "exited" in host.run("systemctl show -P SubState slow").stdout, 240, "it ends", 1)
    print("it took", round(time.monotonic() - begun), "s")
    assert "cannot copy nfs:127.0.0.1:/srv/tree/images/initrd.img: " in host.read("/root/slow")
    rc = int(host.run("systemctl show -P ExecMainStatus slow").stdout)
    given_up(host, rc, host.read("/root/slow"))


@pytest.mark.parametrize("location", ["nfs:127.0.0.1:/srv/tree", "nfs://files.example:2049/srv/tree"])
def test_by_version_4(served, location):
    before = calls(served)
    fetched(served, location)
    after = calls(served)
    assert after["4"] > before["4"] and after["3"] == before["3"], (before, after)


def test_a_bar_on_a_terminal(served):
    """The server as slow as over a long line: each mebibyte waits."""
    served.write("/etc/kvmhost/host.yaml", DOCUMENT % ("stopped", "nfs://files.example:2049/srv/tree"))
    shown = served.run("script -qec 'strace -qq -o /dev/null -e trace=sendfile -e inject=sendfile:delay_enter=400000 kvmhostctl apply' "
                     "/dev/null", timeout=180).stdout
    assert re.search(r"\r  nfs://files.example:2049/srv/tree/images/vmlinuz \[#+ +\] \d+ %", shown), repr(shown)
    served.run(f"cmp /srv/tree/images/vmlinuz {TREES}/web1/kernel")


def test_the_daemon_reads_it_from_its_confinement(served):
    served.write("/etc/kvmhost/host.yaml", DOCUMENT % ("stopped", "nfs:127.0.0.1:/srv/tree"))
    served.run("systemctl start kvmhostd", timeout=120)
    served.run("systemctl reload kvmhostd", timeout=120)
    served.run(f"cmp /srv/tree/images/vmlinuz {TREES}/web1/kernel")
    served.run("systemctl stop kvmhostd")


def test_a_guest_is_installed_from_it(served):
    host = served
    rc, said = apply(host, "nfs://files.example/srv/tree", "running")
    assert rc == 0, said
    wait_until(lambda: host.run("cat /var/lib/kvmhost/install/web1", check=False).stdout == "done\n", 240, "it is installed")
    log = host.read(LOG)
    assert "told inst.ks=file:/ks.cfg inst.repo=nfs:files.example:/srv/tree console=ttyS0 quiet" in log, log
    assert "answers of-the-host" in log
    host.ctl("guest", "stop", "web1", check=False)
    host.run("rm /var/lib/kvmhost/install/web1")


def test_by_version_3(host):
    host.run("systemctl stop nfs-server && mkdir -p /etc/nfs.conf.d && printf '[nfsd]\\nvers4=n\\n' >/etc/nfs.conf.d/old.conf && "
             "systemctl start rpcbind nfs-server", timeout=120)
    before = calls(host)
    fetched(host, "nfs:127.0.0.1:/srv/tree")
    after = calls(host)
    assert after["3"] > before["3"], (before, after)
    host.run("systemctl stop nfs-server && rm /etc/nfs.conf.d/old.conf")
