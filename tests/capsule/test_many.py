# SPDX-License-Identifier: GPL-2.0-or-later
"""More networks that serve than the kernel gives a user inotify instances (128): each has its dnsmasq, and leases."""
from documents import EMPTY, put
from test_dhcp import LEASE, client

N = 130


def test_a_hundred_and_thirty_networks_serve(capsule):
    capsule.write("/usr/local/bin/lease", LEASE, 0o755)
    capsule.run("rm -f /etc/resolv.conf; echo nameserver 203.0.113.1 >/etc/resolv.conf")
    before = capsule.run("ip -o link | wc -l; nft list ruleset; pgrep -c dnsmasq", check=False).stdout
    assert int(capsule.read("/proc/sys/fs/inotify/max_user_instances")) < N, "this machine would not show it"
    capsule.write("/etc/kvmhost/host.yaml", "version: 1\nhost: {firewall: {backend: nftables}}\nnetworks:\n" + "".join(
        f"  n{i}: {{bridge: vb{i}, addresses: [10.50.{i}.1/24], dhcp: {{range: [10.50.{i}.2, 10.50.{i}.99]}}}}\n"
        for i in range(N)))
    capsule.run("kvmhostctl apply", timeout=240)
    assert capsule.ctl("plan").rc == 0
    # counted where the kernel counts them: each instance is an open file
    assert capsule.run("pgrep -c dnsmasq").stdout.strip() == str(N)
    assert capsule.run("for p in $(pgrep dnsmasq); do ls -l /proc/$p/fd; done | grep -c inotify", check=False).stdout == "0\n"
    for i in (0, 127, 128, N - 1):
        assert client(capsule, f"c{i}", f"vb{i}").address.startswith(f"10.50.{i}.")
        capsule.unplug(f"c{i}")
    put(capsule, EMPTY)
    capsule.run("kvmhostctl apply --allow-mass-removal", timeout=240)
    assert capsule.run("ip -o link | wc -l; nft list ruleset; pgrep -c dnsmasq", check=False).stdout == before
