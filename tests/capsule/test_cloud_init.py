# SPDX-License-Identifier: GPL-2.0-or-later
"""Data for cloud-init: the disc is made, changed and given back; and a Debian as clouds have it reads it."""
import subprocess

import pytest
from documents import NAT, put, settle
from harness import CAPSULE, HERE, wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"
SEED = "/var/lib/kvmhost/seeds/web1.iso"
USER = "#cloud-config\nssh_pwauth: false\n"
STOPPED = """\
version: 1
guests:
  web1:
    state: stopped
    disks: [{{path: /srv/disk.img, format: raw}}]
{lines}
"""


def stopped(*lines):
    return STOPPED.format(lines="\n".join(f"    {line}" for line in lines))


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    capsule.uplink()
    return capsule


@pytest.fixture
def clean(host):
    yield host
    settle(host, "version: 1\n", "--allow-mass-removal")
    assert host.run("ls /var/lib/kvmhost/seeds").stdout == ""


def test_the_disc_follows_its_files(clean):
    host = clean
    host.write("/etc/kvmhost/web1-user-data.yaml", USER + "password: very-secret\n", 0o600)
    text = stopped("cloud_init: {user_data: web1-user-data.yaml}")
    put(host, text)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "+ seed/web1" in plan.stdout and "very-secret" not in plan.stdout, plan
    settle(host, text)
    assert host.run(f"stat -c '%u %a' {SEED} $(dirname {SEED})").stdout == "0 600\n0 700\n"
    assert "TYPE=\"iso9660\"" in host.run(f"blkid -o full {SEED}").stdout and "LABEL=\"CIDATA\"" in host.run(f"blkid {SEED}").stdout
    first = host.run(f"grep -a -o 'instance-id: [^ ]*' {SEED}").stdout
    assert first.startswith("instance-id: web1-"), first
    inode = host.run(f"stat -c %i {SEED}").stdout
    host.ctl("apply")
    assert host.run(f"stat -c %i {SEED}").stdout == inode, "the same data make the same disc"
    host.write("/etc/kvmhost/web1-user-data.yaml", USER, 0o600)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2 and "~ seed/web1" in plan.stdout and "reads them at its next boot" in plan.stdout, plan
    settle(host, text)
    second = host.run(f"grep -a -o 'instance-id: [^ ]*' {SEED}").stdout
    assert second.startswith("instance-id: web1-") and second != first
    assert "very-secret" not in host.run(["cat", SEED]).stdout
    # its header tells what it was made of: a damaged disc is made anew
    host.run(f"dd if=/dev/zero of={SEED} bs=1k count=64 conv=notrunc status=none")
    settle(host, text)
    assert host.run(f"grep -a -o 'instance-id: [^ ]*' {SEED}").stdout == second


def test_what_is_wrong_with_the_files_is_said(clean):
    host = clean

    def said(*lines):
        put(host, stopped(*lines))
        done = host.ctl("apply", check=False)
        assert done.rc == 1, done
        return done.stdout + done.stderr

    assert "cannot read /etc/kvmhost/none.yaml, the `user_data` of guest/web1: No such file" in said(
        "cloud_init: {user_data: none.yaml}")
    host.write("/etc/kvmhost/user.yaml", USER)
    host.write("/etc/kvmhost/meta.yaml", "local-hostname: other\n")
    assert "have no instance-id" in said("cloud_init: {user_data: user.yaml, meta_data: meta.yaml}")
    host.write("/etc/kvmhost/meta.yaml", "instance-id: mine-1\n")
    host.run("mv /usr/lib/x86_64-linux-gnu/libarchive.so.13 /srv/")
    assert "apt install libarchive13" in said("cloud_init: {user_data: user.yaml, meta_data: meta.yaml}")
    host.run("mv /srv/libarchive.so.13 /usr/lib/x86_64-linux-gnu/")
    settle(host, stopped("cloud_init: {user_data: user.yaml, meta_data: meta.yaml}"))
    assert "instance-id: mine-1\n" in host.run(["cat", SEED]).stdout
    settle(host, stopped("cloud_init: {user_data: /etc/kvmhost/user.yaml}"))
    settle(host, stopped())
    assert not host.exists(SEED)


CLOUD = NAT + """\
    dhcp: {{range: [192.168.122.2, 192.168.122.99]}}
guests:
  web1:
    cpu: {{count: 2}}
    memory: {{size: 512MiB}}
    disks: [{{path: /var/lib/kvmhost/images/web1.qcow2, base: /srv/cloud.qcow2, size: 3GiB}}]
    interfaces: [{{network: default}}]
    shutdown: {{timeout: 60s}}
    cloud_init: {{user_data: {user_data}}}
"""
SSH = "ssh -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 -o LogLevel=ERROR "


def address_of(host):
    leases = host.run("cat /var/lib/kvmhost/networks/default/* 2>/dev/null | grep web1", check=False).stdout.split()
    return leases[2] if len(leases) > 2 else None


def test_a_debian_as_clouds_have_it(clean):
    """It boots from its own boot loader, is set up by cloud-init, gets an address, is reached by ssh, and shut down by ACPI."""
    host = clean
    image = subprocess.run([HERE / "cloud-image"], check=True, stdout=subprocess.PIPE, text=True, timeout=500).stdout.strip()
    with open(image, "rb") as file:
        subprocess.run([CAPSULE, "exec", host.name, "sh", "-c", "cat >/srv/cloud.qcow2"], stdin=file, check=True, timeout=120)
    host.run("rm -f /root/key* && ssh-keygen -q -t ed25519 -N '' -f /root/key")
    key = host.read("/root/key.pub").strip()
    host.write("/etc/kvmhost/cloud.yaml", "#cloud-config\nusers:\n- name: admin\n  ssh_authorized_keys:\n  - "
               f"{key}\nwrite_files:\n- path: /etc/from-the-host\n  content: here I am\n", 0o600)
    settle(host, CLOUD.format(user_data="cloud.yaml"))
    address = wait_until(lambda: address_of(host), 240, "a lease for web1", 1)
    wait_until(lambda: host.run(SSH + f"admin@{address} true", check=False).rc == 0, 180, "ssh", 1)

    def ask(command):
        return host.run(SSH + f"admin@{address} '{command}'", timeout=100).stdout

    assert ask("cloud-init status --wait | tail -n 1").strip() == "status: done"
    assert ask("hostname; cat /etc/from-the-host") == "web1\nhere I am"
    assert ask("findmnt -no SOURCE /; cat /sys/block/vda/size").split() == ["/dev/vda1", str((3 << 30) // 512)]
    assert int(ask("cat /sys/block/vda/vda1/size")) * 512 > 2 << 30, "cloud-init grew it into the new room"
    assert ask("cat /sys/block/vdb/ro; ls -l /dev/disk/by-label/CIDATA").split()[0] == "1"
    instance = ask("cloud-init query instance_id").strip()
    assert instance.startswith("web1-")
    info = host.ctl("guest", "info", "web1").stdout
    assert f"{address} (lease)" in info and "(steal)" in info and "balloon     leaves the guest 512 MiB" in info, info
    on_host = int(info.split("/images/web1.qcow2")[1].split()[0])
    taken = int(host.run("stat -c %b /var/lib/kvmhost/images/web1.qcow2").stdout) * 512 >> 20
    assert 5 < on_host and abs(on_host - taken) < 50, info
    host.ctl("guest", "stop", "web1", timeout=120)
    said = host.said("kvmhost-guest@web1")
    assert "the guest is down" in said and "switched off" not in said, said
    assert "Powering off" in host.read("/var/log/kvmhost/web1.console.log") or "Power down" in host.read("/var/log/kvmhost/web1.console.log")
