# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel modules and settings on a real kernel: live, after a power cut, after a reboot without kvmhostd, and given
back. The tests are one story and run in order."""
import json

import pytest
from documents import EMPTY, put

SYSCTLS = {
    "vm.swappiness": "15",
    "vm.mmap_min_addr": "131072",
    "kernel.panic": "7",
    "kernel.sysrq": "16",
    "kernel.printk": "4 4 1 7",
    "kernel.yama.ptrace_scope": "2",
    "net.bridge.bridge-nf-call-iptables": "0",
}
DOCUMENT = f"""\
version: 1
host:
  kernel:
    sysctl: {json.dumps(SYSCTLS)}
    modules:
      br_netfilter: {{state: loaded}}
      vhost_net: {{state: loaded}}
      dummy: {{state: loaded, options: {{numdummies: 2}}}}
      bonding: {{options: {{max_bonds: 3}}}}
      pcspkr: {{state: blacklisted}}
      kvm_amd: {{options: {{nested: 0}}}}
      igb: {{options: {{max_vfs: 2}}}}
"""
OURS = ("/etc/sysctl.d/90-kvmhost.conf", "/etc/modprobe.d/zz-kvmhost.conf", "/etc/modules-load.d/kvmhost.conf")
# of many shapes: every byte of it must survive
FOREIGN = {
    "/etc/sysctl.d/10-theirs.conf": "# theirs\n\n  vm.swappiness=33\n",
    "/etc/modprobe.d/theirs.conf": "# theirs\n\n options  loop \\\n\tmax_loop=4\t max_part=2\nblacklist nosuch\nalias a-b loop",
    "/etc/modules-load.d/theirs.conf": "; theirs\n# and this\n\n  loop  \n",
}
NIC = "$(ls /sys/bus/pci/devices/0000:01:00.0/net)"
VFS = "cat /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"


def settings(host):
    return host.run(["sysctl", *SYSCTLS], check=False).stdout.replace("\t", " ")


def directories(host):
    return host.run("sha256sum /etc/{sysctl,modprobe,modules-load}.d/* | grep -v kvmhost; "
                    "stat -c '%n %s %y %A %U' /etc/{sysctl,modprobe,modules-load}.d/* | grep -v kvmhost").stdout


def wanted():
    return "".join(f"{name} = {value}\n" for name, value in SYSCTLS.items())


def waiting(host):
    """The resources that wait, with what they wait for; nothing else is to be done."""
    plan = host.ctl("--json", "plan")
    return {step["resource"]: step["waits_for"] for step in json.loads(plan.stdout)["steps"]}


@pytest.fixture(scope="module")
def host(lab):
    for path, text in FOREIGN.items():
        lab.write(path, text)
    lab.run("sysctl -q -p /etc/sysctl.d/10-theirs.conf && modprobe loop && systemctl enable kvmhostd && sync")
    lab.run(f"ip link set {NIC} up")  # as one that carries traffic
    lab.before = settings(lab), directories(lab)
    assert lab.loaded("pcspkr") and not lab.loaded("dummy") and not lab.loaded("vhost_net")
    return lab


def test_plan_tells_what_will_wait(host):
    put(host, DOCUMENT)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 2, plan
    assert "module/igb  will then wait for module igb to be loaded again" in plan.stdout, plan
    assert "module/kvm_amd  module kvm_amd is loaded again for it" in plan.stdout, plan
    assert (settings(host), directories(host)) == host.before, "plan changed something"


def test_the_daemon_converges(host):
    host.run("systemctl start kvmhostd")
    assert settings(host) == wanted()
    for module in ("br_netfilter", "vhost_net", "dummy"):
        assert host.loaded(module)
    assert not host.loaded("pcspkr"), "blacklisted, unused, and still loaded"
    assert not host.loaded("bonding"), "nobody asked for it"
    assert directories(host) == host.before[1]
    for path in OURS:
        assert host.read(path).startswith("# Written by kvmhost")


def test_options_hold_at_the_next_load(host):
    """systemd's own file says max_bonds=0 and numdummies=0; the document's word is the last."""
    assert host.exists("/sys/class/net/dummy0") and host.exists("/sys/class/net/dummy1")
    host.run("modprobe bonding")
    assert host.exists("/sys/class/net/bond2")
    host.run("modprobe -r bonding")


def test_options_come_into_a_module_that_nobody_uses(host):
    assert host.read("/sys/module/kvm_amd/parameters/nested") == "0\n"
    put(host, DOCUMENT.replace("nested: 0", "nested: 1"))
    host.run("systemd-run -q --unit held bash -c 'exec 3<>/dev/kvm; sleep infinity'")
    host.reload_daemon()
    wait = waiting(host)
    assert set(wait) == {"module/kvm_amd", "module/igb"}
    assert "it has nested=0, but it is in use (1 users)" in wait["module/kvm_amd"], wait
    host.run("systemctl stop held")
    host.reload_daemon()
    assert host.read("/sys/module/kvm_amd/parameters/nested") == "1\n"
    put(host, DOCUMENT)
    host.reload_daemon()
    assert host.read("/sys/module/kvm_amd/parameters/nested") == "0\n"


def test_options_of_a_card_that_is_up_wait(host):
    wait = waiting(host)
    assert set(wait) == {"module/igb"}
    assert "it has max_vfs=0, but link " in wait["module/igb"] and " would go with it" in wait["module/igb"], wait
    assert "module/igb waiting for" in host.ctl("status").stdout


def test_a_kill_between_out_and_in(host):
    """Nobody would load kvm_amd again but kvmhost."""
    put(host, DOCUMENT.replace("nested: 0", "nested: 1"))
    traced = host.run("strace -f -o /dev/null -e trace=finit_module,init_module -e inject=finit_module,init_module:signal=KILL "
                      "kvmhostctl apply", check=False)
    assert traced.rc != 0 and not host.loaded("kvm_amd"), traced
    put(host, DOCUMENT)
    host.reload_daemon()
    assert host.loaded("kvm_amd") and host.read("/sys/module/kvm_amd/parameters/nested") == "0\n"


def test_reload_brings_back_what_drifted(host):
    host.run("sysctl -q vm.swappiness=70 && modprobe -r dummy")  # a link goes with it, which kvmhostd may hear
    host.reload_daemon()
    assert settings(host) == wanted() and host.loaded("dummy")
    assert set(waiting(host)) == {"module/igb"}


@pytest.mark.parametrize("modules, told", [
    ("virtio_pci: {state: blacklisted}", "virtio_pci is built into"),
    ("fuse: {options: {max_user_bgreq: 1}}", "put fuse.max_user_bgreq=1 on the kernel command line"),
    ("vhost_nett: {state: loaded}", "there is no module vhost_nett for the running kernel"),
    ("kvm_amd: {options: {nestd: 1}}", "did you mean `nested`?"),
    ("virtio_net: {options: {csum: maybe}}, ext4: {state: blacklisted}",
     "will then wait for module ext4 to be unloaded"),
])
def test_what_cannot_be_is_told(host, modules, told):
    host.write("/root/other.yaml", f"version: 1\nhost:\n  kernel:\n    modules: {{{modules}}}\n")
    plan = host.ctl("--config", "/root/other.yaml", "plan", check=False)
    assert told in plan.stdout + plan.stderr, plan


def test_a_module_whose_link_is_up_is_kept(host):
    """The kernel counts no user for dummies, bonds and VLANs, and takes them away with the module."""
    host.run("ip link set dummy1 up && ip link add link dummy1 name v7 type vlan id 7 && ip link set v7 up")
    host.write("/root/other.yaml", "version: 1\nhost:\n  kernel:\n    modules:\n"
               "      dummy: {state: blacklisted}\n      8021q: {state: blacklisted}\n")
    plan = host.ctl("--config", "/root/other.yaml", "plan", check=False).stdout
    assert "module dummy to be unloaded: link dummy1 is up" in plan, plan
    assert "module 8021q to be unloaded: link v7 is up" in plan, plan
    host.run("ip link del v7 && modprobe -r 8021q && ip link set dummy1 down")


def test_an_install_line_of_others_is_told(host):
    host.write("/etc/modprobe.d/site.conf", "install ifb /bin/true\n")
    put(host, DOCUMENT + "      ifb: {state: loaded}\n")
    result = host.ctl("apply", check=False)
    assert result.rc == 1 and "module ifb is still not loaded" in result.stdout, result
    host.run("rm /etc/modprobe.d/site.conf")
    put(host, DOCUMENT)
    host.reload_daemon()


def test_the_idle_card_gets_its_options(host):
    host.run(f"ip link set {NIC} down")
    host.reload_daemon()
    assert not waiting(host) and host.run(VFS).stdout == "2\n"


def test_a_setting_that_is_refused_leaves_the_rest(host):
    put(host, DOCUMENT.replace('"vm.swappiness": "15"', '"vm.swappiness": "700"').replace('"7"', '"8"'))
    assert host.reload_daemon(check=False).rc != 0
    assert "vm.swappiness" in host.journal() and "700" in host.journal()
    assert host.run("sysctl -n kernel.panic vm.swappiness").stdout == "8\n15\n"
    assert "700" not in host.read(OURS[0])
    put(host, DOCUMENT)
    host.reload_daemon()
    assert settings(host) == wanted()


def test_all_is_there_after_a_power_cut(host):
    # the last thing before it: written, so it must be on the disk
    put(host, DOCUMENT.replace("numdummies: 2", "numdummies: 1"))
    host.reload_daemon()
    host.power_cut()
    assert host.ctl("status").rc == 0
    assert host.run("systemctl is-active kvmhostd").stdout == "active\n"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
    assert settings(host) == wanted()
    assert host.run("ls /sys/class/net").stdout.count("dummy") == 1
    assert host.run(VFS).stdout == "2\n" and host.read("/sys/module/kvm_amd/parameters/nested") == "0\n"
    assert not host.loaded("pcspkr")
    assert "0 changed" in host.journal(), "systemd and the kernel had to be helped at boot"
    assert directories(host) == host.before[1]


def test_all_is_there_without_the_daemon(host):
    host.run("systemctl disable kvmhostd")
    host.reboot()
    assert host.run("systemctl is-active kvmhostd", check=False).stdout == "inactive\n"
    assert settings(host) == wanted()
    assert host.loaded("br_netfilter") and host.loaded("vhost_net") and host.loaded("dummy")
    assert not host.loaded("pcspkr")
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_release_gives_everything_back(host):
    put(host, EMPTY)
    host.ctl("apply", "--allow-mass-removal")
    assert directories(host) == host.before[1]
    for path in OURS:
        assert not host.exists(path)
    for name, value in (line.split(" = ") for line in host.before[0].splitlines()):
        assert host.run(["sysctl", "-n", name]).stdout.strip().replace("\t", " ") == value
    assert not host.loaded("dummy") and not host.loaded("vhost_net")
    assert host.loaded("pcspkr")
    assert host.read("/sys/module/kvm_amd/parameters/nested") == "1\n", "not as it was, though nobody uses it"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")


def test_nothing_comes_back_at_the_next_boot(host):
    host.run("systemctl enable kvmhostd")
    host.reboot()
    assert (settings(host), directories(host)) == host.before
    assert host.run(VFS).stdout == "0\n" and host.read("/sys/module/kvm_amd/parameters/nested") == "1\n"
    assert host.loaded("pcspkr") and host.loaded("loop")
    for module in ("br_netfilter", "vhost_net", "dummy"):
        assert not host.loaded(module)
    assert host.ctl("status").rc == 0


def test_the_initramfs_knows_options_of_its_modules(host):
    """virtio_blk drives the root: what it is loaded with stands in the initramfs alone."""
    def inside():
        return host.run("lsinitramfs /boot/initrd.img-$(uname -r) | grep -c -e virtio_blk.ko -e modprobe.d/zz-kvmhost", check=False).stdout

    assert inside() == "1\n"
    put(host, "version: 1\nhost:\n  kernel:\n    modules:\n      virtio_blk: {options: {num_request_queues: 2}}\n")
    host.run("systemctl restart kvmhostd", timeout=300)
    assert inside() == "2\n", host.journal()
    assert "module/virtio_blk" in waiting(host)
    host.reboot()
    assert host.read("/sys/module/virtio_blk/parameters/num_request_queues") == "2\n"
    assert host.ctl("plan").stdout.rstrip().endswith("nothing to do")
    put(host, EMPTY)
    host.run("systemctl stop kvmhostd")
    host.ctl("apply", "--allow-mass-removal", timeout=300)
    assert inside() == "1\n"
