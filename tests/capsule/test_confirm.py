# SPDX-License-Identifier: GPL-2.0-or-later
"""apply --confirm: kept when confirmed, put back when not, whoever dies in between; then held."""
import json

import pytest
from documents import EMPTY, NAT, everything, put, settle
from harness import wait_until
from test_crash import killed, messages, points

MORE = NAT + "  more: {mode: isolated, bridge: vbm, addresses: [10.3.0.1/24]}\n"


@pytest.fixture
def host(capsule):
    settle(capsule, NAT, "--allow-mass-removal")
    capsule.before = everything(capsule)
    put(capsule, MORE)
    return capsule


def begin(host, seconds):
    """apply --confirm in a session of its own, once it waits."""
    host.run("systemctl reset-failed apply 2>/dev/null; rm -f /run/apply.log; systemd-run --quiet --unit=apply "
             f"-p StandardOutput=append:/run/apply.log -p StandardError=append:/run/apply.log kvmhostctl apply --confirm {seconds}s")
    wait_until(lambda: "kvmhostctl confirm" in host.run("cat /run/apply.log", check=False).stdout, 30, "the wait")
    assert "10.3.0.1" in host.run("ip -4 addr show vbm").stdout


def test_confirmed_stays(host):
    begin(host, 30)
    status = host.ctl("status", check=False)
    assert "unconfirmed" in status.stdout
    again = host.ctl("apply", check=False)
    assert again.rc == 1 and "waits" in again.stderr and "kvmhostctl confirm" in again.stderr
    host.ctl("confirm")
    wait_until(lambda: "confirmed" in host.read("/run/apply.log"), 30, "told")
    assert host.ctl("plan").rc == 0
    assert host.run("systemctl is-active kvmhost-revert.timer", check=False).stdout == "inactive\n"
    generations = json.loads(host.ctl("--json", "history").stdout)["generations"]
    assert len(generations) >= 2
    status = host.ctl("status").stdout
    assert "last run    converged" in status and f"generation {max(g['number'] for g in generations)}," in status, status


def test_what_changed_beside_a_failure_waits_too(host):
    """A step that failed alone: who applied must not be gone before the way back is."""
    host.run("ip link add theirs type bridge; ip link add v0 type veth peer name v1; ip link set v0 master theirs")
    put(host, MORE + "bridges:\n  br0: {ports: [v0]}\n")
    begin(host, 5)
    log = host.read("/run/apply.log")
    assert "v0 is a port of theirs" in log and "1 failed" in log, log
    assert "unconfirmed" in host.ctl("status", check=False).stdout
    wait_until(lambda: "put back:" in host.read("/run/apply.log"), 30, "put back")
    assert "vbm" not in host.run("ip -o link").stdout
    begin(host, 30)
    host.ctl("confirm")
    wait_until(lambda: host.run("systemctl is-active apply", check=False).stdout != "active\n", 15, "its end")
    status = host.ctl("status", check=False)
    assert "last run    failed" in status.stdout and "10.3.0.1" in host.run("ip -4 addr show vbm").stdout, status
    host.run("ip link del theirs; ip link del v0")
    settle(host, NAT, "--allow-mass-removal")


def test_unconfirmed_goes_back_and_is_held(host):
    begin(host, 5)
    wait_until(lambda: "put back:" in host.read("/run/apply.log"), 30, "put back")
    assert everything(host) == host.before
    status = host.ctl("status", check=False).stdout
    assert "rolled back" in status and "held" in status and "nobody confirmed it in time" in status, status
    host.run("systemctl start kvmhostd")
    assert everything(host) == host.before, "the daemon tried a held document"
    r = host.reload_daemon(check=False)
    assert r.rc != 0 and "nobody confirmed it in time" in host.journal()
    host.run("systemctl stop kvmhostd")
    host.ctl("apply")   # said by a person, it is tried again
    assert "10.3.0.1" in host.run("ip -4 addr show vbm").stdout


def test_the_applier_killed_the_timer_puts_back(host):
    begin(host, 5)
    host.run("systemctl kill -s KILL apply")
    wait_until(lambda: everything(host) == host.before, 30, "put back by the timer")


def ended(host):
    wait_until(lambda: not host.active("apply"), 15, "the end of apply")


def test_confirmed_when_the_applier_is_gone(host):
    """A lost connection may end the session with all that runs in it: who confirms needs nobody's help."""
    begin(host, 60)
    host.run("systemctl kill -s KILL apply")
    ended(host)
    host.ctl("confirm")
    assert "10.3.0.1" in host.run("ip -4 addr show vbm").stdout
    assert host.ctl("diff", check=False).rc == 0, "the document in force is still the one before"
    assert "last run    converged" in host.ctl("status").stdout


def test_revert_at_once(host):
    begin(host, 60)
    host.ctl("revert")
    assert everything(host) == host.before
    assert host.ctl("confirm", check=False).rc == 1
    ended(host)
    log = host.read("/run/apply.log")
    assert "confirmed" not in log.split("kvmhostctl confirm")[1] and "put back" in log, log
    assert "Result=exit-code" in host.run("systemctl show -p Result apply").stdout
    assert host.ctl("diff", check=False).rc == 2, "the document in force is the one that was put back"
    status = host.ctl("status", check=False).stdout
    assert "rolled back" in status and "it was put back by kvmhostctl revert" in status, status


def test_reboot_in_the_middle(host):
    """However much time is left: a machine that was rebooted had nobody to confirm it."""
    host.run("systemctl enable -q kvmhostd")
    begin(host, 600)
    host.reboot()
    wait_until(lambda: host.run("systemctl is-active kvmhostd", check=False).stdout == "active\n", 30, "kvmhostd up")
    assert "192.168.122.1" in host.run("ip -4 addr show virbr0").stdout, "the last good document is in force"
    assert "vbm" not in host.run("ip -o link").stdout
    assert "kvmhostctl apply was ended before anybody confirmed it" in host.ctl("status", check=False).stdout
    assert host.ctl("confirm", check=False).rc == 1
    host.run("systemctl disable -q --now kvmhostd")


def test_killed_in_the_middle(host):
    """Half of a change that was to be confirmed: nobody could, so it goes back and is not tried again unasked."""
    where = [point for point in points(host, 9) if point[0] in ("sendmsg", "sendto", "fsync")]
    holds = 0
    for point in where:
        settle(host, NAT, "--allow-mass-removal")
        put(host, MORE)
        killed(host, point, "--confirm", "5s")
        host.run("systemctl start kvmhostd")
        status = host.ctl("status", check=False).stdout
        held = "it was cut off while it was applied" in status
        assert everything(host) == host.before or not held, point
        holds += held
        host.run("systemctl stop kvmhostd")
    assert holds
    settle(host, NAT, "--allow-mass-removal")


def test_killed_in_the_middle_with_nobody_there(host):
    """No kvmhostd, no next run: the timer stood before the first change."""
    points(host, 9)
    where = messages(host)
    settle(host, NAT, "--allow-mass-removal")
    put(host, MORE)
    for point in where:  # the first kill that leaves something half done
        assert killed(host, point, "--confirm", "5s")
        if everything(host) != host.before:
            break
        host.ctl("revert", "--overdue")
    else:
        pytest.fail("never half done")
    assert "active" == host.run("systemctl is-active kvmhost-revert.timer").stdout.strip()
    wait_until(lambda: everything(host) == host.before, 30, "put back by the timer")
    status = host.ctl("status", check=False).stdout
    assert "held" in status and "it was cut off while it was applied" in status, status
    wait_until(lambda: not host.exists("/run/systemd/transient/kvmhost-revert.timer"), 10, "the timer's end")
    settle(host, NAT, "--allow-mass-removal")


@pytest.mark.parametrize("time", ["1s", "2h", "soon"])
def test_a_time_that_makes_no_sense(host, time):
    r = host.ctl("apply", "--confirm", time, check=False)
    assert r.rc == 1 and f"--confirm takes a duration from 5s to 1h, not `{time}`" in r.stderr, r


def test_nothing_to_confirm(host):
    settle(host, EMPTY, "--allow-mass-removal")
    host.run("rm -f /run/kvmhost/lock")
    for verb in ("confirm", "revert"):
        r = host.ctl(verb, check=False)
        assert r.rc == 1 and "no change waits" in r.stderr and not host.exists("/run/kvmhost/lock"), verb
    put(host, EMPTY)
    host.ctl("apply", "--confirm", "5s")   # changes no network: nothing to wait for


def test_what_cannot_be_put_back_is_told(host):
    """Every apply and reload fails then: status must not go on with what it knew before."""
    host.run("systemctl start kvmhostd")
    host.write("/var/lib/kvmhost/undo.json", '{"format": 1, "steps": [{"id": "x/y", "kind": "x", "name": "y", "before": null}]}')
    try:
        assert host.reload_daemon(check=False).rc != 0
        r = host.ctl("status", check=False)
        assert r.rc == 1 and "last run    failed" in r.stdout and "the undo log" in r.stdout, r
    finally:
        host.run("rm /var/lib/kvmhost/undo.json; systemctl stop kvmhostd")
    host.ctl("apply")
    assert "last run    converged" in host.ctl("status").stdout


def test_what_serves_a_network_goes_back_with_it(host):
    """dnsmasq of the network that comes back serves again, and the host forwards; that of the one that goes does not look for its bridge for ever."""
    def document(name, bridge, network):
        return f"""\
version: 1
networks:
  stays: {{mode: isolated, bridge: vbs, addresses: [10.6.0.1/24]}}
  {name}:
    mode: isolated
    bridge: {bridge}
    addresses: [{network}.1/24]
    dhcp: {{range: [{network}.2, {network}.9]}}
"""
    def serving():
        return host.run("systemctl is-active kvmhost-network@one kvmhost-network@two", check=False).stdout.split()

    host.run("sysctl -q net.ipv4.ip_forward=0")
    settle(host, document("one", "vbo", "10.5.0").replace("{mode: isolated", "{mode: nat", 1), "--allow-mass-removal")
    before = everything(host) + host.read("/etc/sysctl.d/90-kvmhost.conf")
    put(host, document("two", "vbm", "10.3.0"))
    begin(host, 5)
    assert serving() == ["inactive", "active"] and host.read("/proc/sys/net/ipv4/ip_forward") == "0\n"
    wait_until(lambda: "put back:" in host.read("/run/apply.log"), 30, "put back")
    assert serving() == ["active", "inactive"] and everything(host) + host.read("/etc/sysctl.d/90-kvmhost.conf") == before
    # and where a step fails: a port of somebody else's
    host.run("ip link add theirs type bridge; ip link add v0 type veth peer name v1; ip link set v0 master theirs; ip link set v0 up")
    put(host, document("two", "vbm", "10.3.0") + "host: {rollback: {probe: 10.5.0.1, timeout: 1s}}\n")
    r = host.ctl("apply", check=False)
    assert r.rc == 1 and "put back" in r.stdout, r
    assert serving() == ["active", "inactive"]
    host.run("ip link del theirs; ip link del v0")
    settle(host, NAT, "--allow-mass-removal")
