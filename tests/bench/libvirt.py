# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's libvirt in a booted capsule, as it comes. Its packages are no part of the capsule's root: those that the root
lacks are fetched once, and installed into the one capsule, which is thrown away.
"""
import subprocess
import tempfile
from pathlib import Path

from harness import wait_until

PACKAGES = ("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-clients")
UNIT = "bench-libvirtd.service"
NETWORK = ("<network><name>l{i}</name><forward mode='nat'/><bridge name='lb{i}'/><dns enable='no'/>"
           "<ip address='10.{a}.{b}.1' netmask='255.255.255.0'/></network>\n")


def fetch(root, cache):
    """The .deb files that `root` lacks, in a folder of the cache that goes by the root's name."""
    debs = Path(cache) / f"libvirt-{Path(root).name}"
    if not debs.is_dir():
        with tempfile.TemporaryDirectory(dir=cache, prefix="part-") as part:
            new = Path(part) / "debs"
            (new / "partial").mkdir(parents=True)
            subprocess.run(["apt-get", "-qq", "-y", "--no-install-recommends", "--download-only",
                            "-o", f"Dir::State::status={root}/var/lib/dpkg/status", "-o", f"Dir::Cache::archives={new}",
                            "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "install", *PACKAGES],
                           check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            new.rename(debs)
    return debs


def install(capsule, debs):
    """Until libvirtd answers. Root's connection asks no polkit, which is not there."""
    with tempfile.TemporaryDirectory(prefix="kvmhost-bench-") as stage:
        Path(stage).chmod(0o755)
        into = Path(stage) / "srv/libvirt"
        into.mkdir(parents=True)
        for deb in debs.glob("*.deb"):
            (into / deb.name).write_bytes(deb.read_bytes())
        capsule.push(stage)
    capsule.run("dpkg -i --force-unsafe-io /srv/libvirt/*.deb", timeout=300)
    # the user that libvirt-daemon-system would make
    capsule.run("useradd --system --no-create-home libvirt-qemu")
    capsule.write("/etc/libvirt/libvirtd.conf", 'auth_unix_rw = "none"\n')
    capsule.run(f"systemd-run --quiet --unit={UNIT} -p Type=notify /usr/sbin/libvirtd", timeout=120)
    wait_until(lambda: capsule.run("virsh -q uri", check=False).rc == 0, 30, "libvirtd to answer")


def scripts(capsule, n):
    """Two commands: N networks of NAT without DHCP and DNS defined and started, and gone again. One virsh for all of them."""
    for i in range(n):
        capsule.write(f"/srv/libvirt/l{i}.xml", NETWORK.format(i=i, a=200 + i // 250, b=i % 250))
    up, down = f"/srv/libvirt/up{n}", f"/srv/libvirt/down{n}"
    for path, lines in ((up, [f"net-define /srv/libvirt/l{i}.xml\nnet-start l{i}\n" for i in range(n)]),
                        (down, [f"net-destroy l{i}\nnet-undefine l{i}\n" for i in range(n)])):
        capsule.write(path, f"#!/bin/sh\nexec virsh -q <<'END'\n{''.join(lines)}END\n", 0o755)
    return up, down
