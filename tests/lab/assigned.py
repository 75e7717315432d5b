# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with something to give away, and a KVM guest that says what it got."""
import os
from pathlib import Path

from conftest import boot
from harness import wait_until

HERE = Path(__file__).parent
NIC, MAC = "0000:02:00.0", "52:54:00:1a:b1:02"
PAIR = "0000:03:00.0", "0000:03:00.1"
DRIVE = "0000:04:00.0"
PF, PEER = "0000:05:00.0", "0000:06:00.0"
# two functions of one card that nothing keeps apart (igb's would be apart, by ARI), a place for a drive, and two cards on one wire
EXTRA = (
    "-device pcie-root-port,id=pairs,chassis=20,slot=20 "
    "-device e1000e,bus=pairs,addr=0.0,multifunction=on,id=pair0,mac=52:54:00:1a:b2:00 "
    "-device e1000e,bus=pairs,addr=0.1,id=pair1,mac=52:54:00:1a:b2:01 "
    "-device pcie-root-port,id=drives,chassis=21,slot=21 "
    "-blockdev driver=null-co,node-name=nothing,size=67108864,read-zeroes=on "
    "-netdev hubport,hubid=1,id=wire0 -device pcie-root-port,id=wires0,chassis=22,slot=22 "
    "-device igb,bus=wires0,netdev=wire0,mac=52:54:00:1a:b3:00 "
    "-netdev hubport,hubid=1,id=wire1 -device pcie-root-port,id=wires1,chassis=23,slot=23 "
    "-device igb,bus=wires1,netdev=wire1,mac=52:54:00:1a:b3:01"
)
GUEST = r"""
look() {
	for nic in /sys/class/net/*; do
		[ ! -e $nic/device/vendor ] || echo "NIC ${nic##*/} $(cat $nic/device/vendor $nic/device/device | xargs) $(cat $nic/address)"
	done
	for disk in /sys/block/nvme*; do
		[ ! -e $disk ] || echo "DISK ${disk##*/} $(cat $disk/device/serial) $(dd if=/dev/${disk##*/} bs=4096 count=4 2>/dev/null | wc -c)"
	done
}
for dev in /sys/bus/pci/devices/*; do echo "PCI $(cat $dev/vendor $dev/device $dev/class | xargs)"; done
look
printf '#!/bin/sh\n[ "$1" != bound ] || { ip addr add $ip/24 dev $interface; echo "LEASE $ip"; }\n' >/lease
chmod +x /lease
connect() {
	ip link set eth0 up || return
	for i in $(seq 30); do [ "$(cat /sys/class/net/eth0/carrier 2>/dev/null)" != 1 ] || break; sleep 1; done
	case "$(cat /proc/cmdline)" in
	*wire*) ip addr add 192.0.2.2/24 dev eth0 ;;
	*) udhcpc -n -q -t 5 -T 2 -i eth0 -s /lease; ping -c 2 -W 3 10.102.0.2 ;;
	esac
}
connect
has() { echo /sys/class/net/e* /sys/block/nvme*; }
was=$(has)
echo GUEST IS READY
while sleep 1; do
	[ "$(has)" = "$was" ] || { sleep 1; was=$(has); look; echo "HAS $was NOW"; connect; }
done
"""


def guest(what, more=""):
    return f"""\
  web1:
    memory: {{size: 192MiB}}
    kernel:
      image: /srv/vmlinuz
      initrd: /srv/guest.img
      cmdline: "console=ttyS0 quiet panic=-1 net.ifnames=0 tsc=reliable {more}"
    {what}
    shutdown: {{timeout: 0s}}
"""


IOMMU = "version: 1\nhost: {iommu: {enabled: true}}\n"
LOG = "/var/log/kvmhost/web1.console.log"


def assigned_host(request, more="", **hardware):
    lab = boot(request, nics=2, qemu=EXTRA + more, **hardware)
    lab.push(os.environ["KVMHOST_STAGE"])
    lab.write("/usr/local/sbin/nested-initrd", (HERE / "nested-initrd").read_text(), 0o755)
    lab.write("/root/guest", GUEST)
    lab.run("cp /boot/vmlinuz-$(uname -r) /srv/vmlinuz && nested-initrd /srv/guest.img /root/guest igb igbvf nvme af_packet")
    # QEMU's NVMe cannot be part of a saved machine
    lab.machine.monitor("device_add nvme,bus=drives,id=nvme0,serial=kvmhost-1,drive=nothing")
    wait_until(lambda: lab.exists(function(DRIVE, "config")), 60, "the drive")
    wait_until(lambda: driver(lab, DRIVE) == "nvme", 60, "its driver")
    wait_until(lambda: driver(lab, PAIR[1]) == "e1000e", 60, "the pair's driver")
    lab.before = drivers(lab)
    return lab


def function(address, file=""):
    return f"/sys/bus/pci/devices/{address}/{file}"


def driver(host, address):
    return host.run(f"basename $(readlink {function(address, 'driver')}) 2>/dev/null", check=False).stdout.strip()


def drivers(host):
    """Which driver each function has, and which it is to have."""
    return host.run("cd /sys/bus/pci/devices && for d in *; do echo $d $(basename $(readlink $d/driver) 2>/dev/null) "
                    "$(cat $d/driver_override); done").stdout


def put(host, text):
    host.write("/etc/kvmhost/host.yaml", text)


def settle(host, text, *args):
    put(host, text)
    host.ctl("apply", *args, timeout=180)
    plan = host.ctl("plan", check=False)
    assert plan.stdout.rstrip().endswith("nothing to do"), plan


def refused(host, text):
    """What plan says of the device that it refuses; apply must leave everything as it was."""
    put(host, text)
    before = drivers(host)
    plan = host.ctl("plan", check=False)
    assert plan.rc == 1, plan
    assert host.ctl("apply", check=False, timeout=180).rc == 1
    assert drivers(host) == before, "half of it was done"
    return plan.stdout


PROBE = "/sys/bus/pci/drivers_probe"


def killed(host, address, path, *args):
    """An apply that kill -9 ends at its first write to the file of the function, or to PROBE."""
    real = host.run(["readlink", "-f", path if path.startswith("/") else function(address, path)]).stdout.strip()
    done = host.run(f"strace -f -qq -o /dev/null -P {real} -e trace=write -e inject=write:signal=KILL:when=1 "
                    f"kvmhostctl apply {' '.join(args)}", check=False, timeout=180)
    assert done.rc != 0, f"nothing was written to {path}"


def console(host, pattern, timeout=120):
    wait_until(lambda: host.run(["grep", "-qa", pattern, LOG], check=False).rc == 0, timeout,
               f"{pattern} on the guest's console", 1)
    return host.read(LOG).replace("\r", "")


def restart(host):
    """What its console says from now on is the new guest's."""
    host.run(f"truncate -s 0 {LOG} && kvmhostctl guest restart web1", timeout=120)


def hush(host):
    """Nobody configures the host's cards any more, also when one comes back."""
    host.run("systemctl disable --now systemd-networkd.socket systemd-networkd NetworkManager dhcpcd networking; "
             "for nic in /sys/class/net/e*; do ip link set ${nic##*/} down; ip addr flush dev ${nic##*/}; done", check=False)
