# SPDX-License-Identifier: GPL-2.0-or-later
"""Interfaces that leave a guest's entry of the document while the guest runs with them."""
import pytest
from documents import GUEST, put, settle
from harness import wait_until

SOCKET = "/run/kvmhost/guests/web1/console.sock"
DEFAULT = '{network: default, mac: "52:54:00:1a:b3:4a"}'
OTHER = '{network: default, mac: "52:54:00:1a:b3:4c"}'
LAB = '{network: lab, mac: "52:54:00:1a:b3:4b"}'
NETWORKS = """\
networks:
  lab: {mode: isolated, bridge: virbr9, addresses: [192.168.9.1/24]}
"""


def document(*interfaces, on_change="wait"):
    return GUEST.replace("networks:\n", NETWORKS).replace(
        "      - " + DEFAULT + "\n", "".join(f"      - {i}\n" for i in interfaces)).replace(
        "    shutdown:", f"    on_change: {on_change}\n    shutdown:")


def link(host, name):
    return host.run(f"ip -o link show {name}", check=False).stdout


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


@pytest.fixture
def console(host):
    """The guest with both, its second one set up."""
    host.run("systemctl stop kvmhostd")
    settle(host, document(DEFAULT, LAB), "--allow-mass-removal")
    host.ctl("guest", "restart", "web1", timeout=120)
    console = host.console(SOCKET)
    console.ready(120)
    console.run("ip addr add 192.168.9.10/24 dev eth1 && ping -c 1 -W 3 192.168.9.1")
    yield console
    console.close()


def test_the_tap_goes_when_the_guest_no_longer_has_it(host, console):
    put(host, document(OTHER))
    plan = host.ctl("plan", check=False).stdout
    assert "tap/web1-tap1" in plan and "the guest to be restarted, which has the tap open" in plan, plan
    settle(host, document(OTHER))
    console.run("ping -c 1 -W 3 192.168.9.1")
    host.ctl("guest", "restart", "web1", timeout=120)
    # nobody but a run looks where no daemon is
    assert "virbr9" in link(host, "web1-tap1") and host.ctl("plan", check=False).rc == 2
    settle(host, document(OTHER))
    assert not link(host, "web1-tap1") and "virbr0" in link(host, "web1-tap0")


def test_the_first_of_two_goes_and_the_daemon_follows(host, console):
    """The second is the first one then; until the guest restarts each stays where it is."""
    put(host, document(LAB))
    host.run("systemctl start kvmhostd")
    assert host.ctl("plan").rc == 0
    assert "virbr0" in link(host, "web1-tap0") and "virbr9" in link(host, "web1-tap1")
    console.run("ping -c 1 -W 3 192.168.122.1; ping -c 1 -W 3 192.168.9.1")
    host.ctl("guest", "restart", "web1", timeout=120)
    wait_until(lambda: "virbr9" in link(host, "web1-tap0") and not link(host, "web1-tap1"), 30, "the daemon to see it")
    host.run("systemctl stop kvmhostd")
    assert host.ctl("plan", check=False).rc == 0


def test_at_once_where_the_document_lets_it_restart(host, console):
    pid = host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout
    put(host, document(OTHER, on_change="restart"))
    plan = host.ctl("plan", check=False).stdout
    assert "- tap/web1-tap1" in plan and "which has the tap open" not in plan, plan
    settle(host, document(OTHER, on_change="restart"))
    assert not link(host, "web1-tap1")
    assert host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout != pid


def test_one_that_was_deleted_needs_a_restart(host, console):
    host.run("ip link del web1-tap1")
    settle(host, document(DEFAULT, LAB))
    plan = host.ctl("plan").stdout
    assert "web1-tap1  one that went -> the one that is there" in plan and "guest restart web1" in plan, plan
    host.ctl("guest", "restart", "web1", timeout=120)
    assert "guest" not in host.ctl("plan").stdout


def test_with_the_guest_they_go_in_one_run(host, console):
    settle(host, "version: 1\n" + NETWORKS, "--allow-mass-removal")
    assert not link(host, "web1-tap0") and not link(host, "web1-tap1")
