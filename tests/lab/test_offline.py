# SPDX-License-Identifier: GPL-2.0-or-later
"""An image prepared with --root boots as its document says. The image is the machine's own root with all changes caught
in a layer above it; before the reboot the layer is laid into the root."""
DOCUMENT = """version: 1
host:
  iommu: {enabled: true, passthrough: true}
  kernel:
    cmdline: ["transparent_hugepage=never"]
    sysctl: {vm.swappiness: 15}
    modules: {vhost_net: {state: loaded}, pcspkr: {state: blacklisted}}
  memory: {hugepages: {2MiB: 32}}
bridges:
  br7: {}
"""
MOUNT = "mkdir -p /srv/up /srv/work /srv/image && mount -t overlay -o lowerdir=/,upperdir=/srv/up,workdir=/srv/work image /srv/image"


def test_an_image_boots_converged(lab):
    lab.run("systemctl disable kvmhostd; rm -rf /etc/kvmhost; sync", check=False)
    lab.run(MOUNT)
    lab.write("/srv/image/etc/kvmhost/host.yaml", DOCUMENT)
    plan = lab.run("kvmhostctl --root /srv/image plan", check=False)
    assert plan.rc == 2 and "the machine that boots from this tree" in plan.stdout, plan
    before = lab.run("sysctl -n vm.swappiness; lsmod | grep -c vhost_net; ip link | grep -c br7", check=False).stdout
    result = lab.run("kvmhostctl --root /srv/image apply", check=False)
    assert result.rc == 0, result
    assert lab.run("sysctl -n vm.swappiness; lsmod | grep -c vhost_net; ip link | grep -c br7", check=False).stdout == before
    assert not lab.exists("/etc/sysctl.d/90-kvmhost.conf"), "this machine was changed"
    again = lab.run("kvmhostctl --root /srv/image plan", check=False)
    assert again.rc == 0, again
    # what installing a kernel into the image does
    lab.run("umount /srv/image; rm -rf /srv/up/srv; cp -a /srv/up/. / && update-grub && sync", timeout=180)
    lab.reboot()
    words = lab.read("/proc/cmdline").split()
    assert [words.count(word) for word in ("intel_iommu=on", "iommu=pt", "transparent_hugepage=never")] == [1, 1, 1], words
    assert lab.run("systemctl is-active kvmhostd").stdout == "active\n"
    assert lab.ctl("status").rc == 0, lab.ctl("status", check=False)
    assert lab.ctl("plan").stdout.rstrip().endswith("nothing to do")
    assert lab.run("sysctl -n vm.swappiness").stdout == "15\n"
    assert lab.loaded("vhost_net") and not lab.loaded("pcspkr") and lab.exists("/sys/class/net/br7")
