# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's life: order at the host's shutdown, agent, pause, reset, panic, QEMU that hangs, QMP."""
import json
import time

import pytest
from documents import settle
from harness import CommandError, wait_until

GUEST = """\
  {name}:
    memory: {{size: 128MiB}}
    kernel: {{image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check {words}"}}
    shutdown: {{timeout: 20s}}
"""


def document(*guests):
    return "version: 1\nguests:\n" + "".join(GUEST.format(name=name, words=words) + more for name, words, more in guests)


WEB = ("web1", "agent=yes hostname=web1", "    agent: true\n    after: [db1]\n")
DB = ("db1", "hostname=db1", "")


def guest(host, name="web1"):
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)
    return next(g for g in listed["guests"] if g["name"] == name)


def socket(name):
    return f"/run/kvmhost/guests/{name}/console.sock"


def unit(host, what, name="web1"):
    return host.run(f"systemctl show -p {what} --value kvmhost-guest@{name}").stdout.strip()


def qmp(host, command, name="web1"):
    """Answers and events, after the greeting."""
    said = host.run(f"kvmhostctl guest monitor {name}", input=json.dumps(command) + "\n").stdout
    return [json.loads(line) for line in said.splitlines()][1:]


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    return capsule


@pytest.fixture
def both(host):
    settle(host, document(DB, WEB))
    down = [name for name in ("db1", "web1") if guest(host, name)["state"] != "running"]
    if down:
        host.ctl("guest", "start", *down)
    return host


def test_the_host_stops_guests_in_their_order(both):
    host = both
    for name in ("db1", "web1"):
        console = host.console(socket(name))
        console.expect(r"guest# |guest ready", 90)
        console.close()
    since = host.cursor()
    host.remember("kvmhost-guest@db1.service", "kvmhost-guest@web1.service")
    host.run("systemctl stop kvmhost-guests.slice", timeout=90)
    # not by lines of the journal: two units' may change places in it
    assert 0 < int(unit(host, "InactiveEnterTimestampMonotonic", "web1")) <= int(unit(host, "ActiveExitTimestampMonotonic", "db1"))
    said = {name: host.said(f"kvmhost-guest@{name}", since).splitlines() for name in ("db1", "web1")}
    for lines in said.values():
        assert "the guest is down" in lines and any("shutting" in line for line in lines), said
    assert "asked the guest's agent" in said["web1"], said
    assert "agent: powering off" in host.read("/var/log/kvmhost/web1.console.log")
    assert "power button: powering off" in host.read("/var/log/kvmhost/db1.console.log")


def test_another_order_reaches_units_that_run(both):
    host = both
    pid, loaded = unit(host, "MainPID", "db1"), host.run("systemctl show -P UnitsLoadStartTimestampMonotonic").stdout
    settle(host, document((DB[0], DB[1], "    after: [web1]\n"), (WEB[0], WEB[1], "    agent: true\n")))
    assert "kvmhost-guest@web1.service" in unit(host, "After", "db1")
    assert "kvmhost-guest@db1.service" not in unit(host, "After", "web1")
    assert unit(host, "MainPID", "db1") == pid
    assert host.run("systemctl show -P UnitsLoadStartTimestampMonotonic").stdout == loaded, "no daemon-reload"
    settle(host, document(DB, WEB))


def test_a_reboot_of_the_host_is_a_power_button_to_guests(both):
    host = both
    for name in ("db1", "web1"):
        console = host.console(socket(name))
        console.expect(r"guest# |guest ready", 90)
        console.close()
        host.run(f"truncate -s 0 /var/log/kvmhost/{name}.console.log")
    host.reboot()
    assert "agent: powering off" in host.read("/var/log/kvmhost/web1.console.log")
    assert "power button: powering off" in host.read("/var/log/kvmhost/db1.console.log")


def test_only_who_is_to_start_by_itself_does_so_at_boot(both):
    host = both
    settle(host, document(DB, ("web1", "hostname=web1", "    autostart: false\n    after: [db1]\n"), ("off1", "", "    autostart: false\n")))
    assert guest(host, "off1")["state"] == "stopped" and host.ctl("plan").rc == 0, "nor by an apply"
    host.ctl("guest", "start", "off1", "web1")
    host.run("systemctl enable kvmhostd")
    host.reboot()
    wait_until(lambda: guest(host, "db1")["state"] == "running", 60, "db1 starts by itself")
    wait_until(lambda: host.ctl("plan", check=False).rc == 0, 60, "all is as wanted")
    assert {guest(host, name)["state"] for name in ("off1", "web1")} == {"stopped"}
    settle(host, document(DB, WEB))


def test_pause_resume_reset(both):
    host = both
    console = host.console(socket("db1"))
    console.ready()
    host.ctl("guest", "pause", "db1")
    assert guest(host, "db1")["state"] == "paused"
    host.ctl("guest", "resume", "db1")
    assert guest(host, "db1")["state"] == "running"
    assert console.run("echo still here") == "still here\n"
    pid = unit(host, "MainPID", "db1")
    host.ctl("guest", "reset", "db1")
    console.ready()
    assert unit(host, "MainPID", "db1") == pid
    host.ctl("guest", "pause", "db1")
    console.close()
    host.ctl("guest", "stop", "db1")
    assert guest(host, "db1")["state"] == "stopped"
    assert guest(host, "db1")["end"] == "stopped", "a paused guest hears the power button too"
    refused = host.ctl("guest", "pause", "db1", check=False)
    assert refused.rc == 1 and "does not run" in refused.stderr and "guest start db1" in refused.stderr


def test_every_verb_has_json(both):
    host = both

    def says(*words, check=True):
        return json.loads(host.ctl("--json", "guest", *words, check=check).stdout)

    for verb, state in (("pause", "paused"), ("resume", "running"), ("reset", "running"), ("restart", "running"), ("stop", "stopped"), ("start", "running")):
        said = says(verb, "db1")
        assert said["format"] == 1 and [(g["name"], g["state"]) for g in said["guests"]] == [("db1", state)], (verb, said)
    assert [g["name"] for g in says("start", "web1", "db1")["guests"]] == ["web1", "db1"]
    # one that cannot: its object has the reason, and so has standard error
    host.run("mv /srv/boot/initrd.img /srv/boot/away")
    failed = host.ctl("--json", "guest", "restart", "db1", check=False)
    host.run("mv /srv/boot/away /srv/boot/initrd.img")
    assert failed.rc == 1 and "initrd.img" in json.loads(failed.stdout)["guests"][0]["error"] and "initrd.img" in failed.stderr, failed
    nobody = host.ctl("--json", "guest", "start", "web9", check=False)
    assert nobody.rc == 1 and nobody.stdout == "" and "there is no guest `web9`" in nobody.stderr


def test_info_asks_the_agent(both):
    host = both
    info = wait_until(lambda: (i := json.loads(host.ctl("--json", "guest", "info", "web1").stdout)).get("agent") and i,
                      60, "the agent answers")
    assert info["guest_interfaces"][0]["ip-addresses"][0]["ip-address"] == "192.0.2.7"
    assert info["cpu"]["count"] == 1 and info["cpu"]["used_usec"] > 0 and info["memory"]["size"] == 128 << 20
    assert 64 << 20 < info["memory"]["guest_total"] < 128 << 20, info["memory"]
    assert 0 < info["memory"]["guest_free"] < info["memory"]["guest_total"]
    text = host.ctl("guest", "info", "web1").stdout
    assert "192.0.2.7 (agent)" in text and "steal" in text
    shown = host.ctl("status", "guest/web1", check=False).stdout
    assert shown.startswith("resource    guest/web1, ") and "192.0.2.7 (agent)" in shown and "steal" in shown and "{" not in shown, shown
    status = json.loads(host.ctl("--json", "status", "guest/web1", check=False).stdout)
    assert status["format"] == info["format"] == 1 and status["guest"]["name"] == "web1" and status["managed"], status
    assert status["wanted"].startswith("/etc/kvmhost/host.yaml:"), status
    assert "agent" not in json.loads(host.ctl("--json", "guest", "info", "db1").stdout)
    refused = qmp(host, {"execute": "x-agent", "arguments": {"execute": "guest-info"}}, "db1")
    assert "agent: true" in refused[-1]["error"]["desc"]


def test_monitor_is_qmp_for_several(both):
    host = both
    assert qmp(host, {"execute": "query-status", "id": "mine"})[-1]["id"] == "mine"
    assert "error" in qmp(host, {"execute": "no-such"})[-1]
    assert len(json.dumps(qmp(host, {"execute": "query-qmp-schema"}))) > 100000
    many = host.run("for i in 1 2 3; do echo '{\"execute\": \"query-name\"}' | kvmhostctl guest monitor web1 & done; wait").stdout
    assert many.count('"web1"') == 3
    with pytest.raises(CommandError):
        host.run("setpriv --reuid 65534 --clear-groups kvmhostctl guest monitor web1 </dev/null")


def test_a_console_for_several_that_one_leaves(both):
    host = both
    other = host.console(socket("db1"))
    other.sock.sendall(b"\n")
    other.expect("guest# ", 90)
    other.run("echo in the hist''ory")
    # on a terminal of its own, until Ctrl-]
    host.write("/run/typist", "until grep -qs Ctrl-] /run/seen; do sleep 0.1; done; printf 'echo ty''ped\\n'; "
               "until grep -q typed /run/seen; do sleep 0.1; done; printf '\\035'; sleep 20")
    seen = host.run("rm -f /run/seen; sh /run/typist | timeout 60 script -qefc 'kvmhostctl --no-color console db1' /run/seen",
                    timeout=90).stdout
    assert "in the history" in seen and "typed" in seen, seen
    assert "Ctrl-]" in seen, "it says how to leave"
    other.expect("typed", 10)
    assert other.run("echo still here") == "still here\n"
    other.close()


def test_the_consoles_history_and_its_log(both):
    """Who comes later is told the last 64 KiB, and the log begins anew at a mebibyte."""
    host, log = both, "/var/log/kvmhost/db1.console.log"
    other = host.console(socket("db1"))
    other.sock.sendall(b"\n")
    other.expect("guest# ", 90)
    host.run(f"truncate -s 0 {log} {log}.1; systemctl stop kvmhostd", check=False)
    host.ctl("guest", "restart", "db1")
    other.close()
    other = host.console(socket("db1"))
    other.ready()
    other.sock.sendall(b"seq 100001 250000; echo al''l\n")
    other.expect("all", 300)
    other.close()
    host.run("sleep 1")
    sizes = [int(n) for n in host.run(f"stat -c %s {log}.1 {log}").stdout.split()]
    assert (1 << 20) - 4096 < sizes[0] <= 1 << 20 and 1 << 16 < sizes[1] < 1 << 19, sizes
    host.run(f"timeout 3 socat -u UNIX-CONNECT:{socket('db1')} OPEN:/run/history,creat,trunc", check=False)
    assert host.run("stat -c %s /run/history").stdout == "65536\n"
    host.run(f"tail -c 65536 {log} | cmp - /run/history")
    counted = host.run(f"cat {log}.1 {log} | tr -d '\\r' | grep -E '^[12][0-9]{{5}}$'").stdout.split()
    assert counted == [str(n) for n in range(100001, 250001)], "nothing is lost between the two"


def test_an_agent_that_does_not_answer_is_passed_over(both):
    host = both
    settle(host, document(DB, WEB, ("deaf1", "", "    agent: true\n")))
    console = host.console(socket("deaf1"))
    console.ready()
    console.run("(sleep 1000 <>/dev/$(ls /sys/class/virtio-ports | head -n 1) &)")
    since = host.cursor()
    host.ctl("guest", "stop", "deaf1", timeout=60)
    console.close()
    said = host.said("kvmhost-guest@deaf1", since)
    assert "asked the guest's agent" in said and "the guest is down" in said and "switched off" not in said, said
    assert "power button: powering off" in host.read("/var/log/kvmhost/deaf1.console.log")
    settle(host, document(DB, WEB))


def test_virt_who_is_told_of_all(both):
    host = both
    told = json.loads(host.ctl("export", "virt-who").stdout)["hypervisors"]
    listed = json.loads(host.ctl("--json", "guest", "list").stdout)["guests"]
    assert len(told) == 1 and len(told[0]["uuid"]) == 36 and told[0]["name"] == host.run("hostname").stdout.strip()
    assert told[0]["guests"] == [{"guestId": g["uuid"], "state": 1} for g in listed] and len(listed) == 2
    host.ctl("guest", "pause", "db1")
    assert json.loads(host.ctl("export", "virt-who").stdout)["hypervisors"][0]["guests"][0]["state"] == 3
    host.ctl("guest", "resume", "db1")
    host.ctl("guest", "stop", "db1")
    assert json.loads(host.ctl("export", "virt-who").stdout)["hypervisors"][0]["guests"][0]["state"] == 5


def test_a_panic_is_told(both):
    host = both
    settle(host, document(DB, WEB, ("crash1", "panic=0", "    panic: fail\n")))
    console = host.console(socket("crash1"))
    console.ready()
    pid = unit(host, "MainPID", "crash1")
    console.sock.sendall(b"echo c >/proc/sysrq-trigger\n")
    wait_until(lambda: unit(host, "MainPID", "crash1") not in (pid, "0"), 90, "restarted by policy")
    console.close()
    assert "kernel panicked" in host.said("kvmhost-guest@crash1")
    settle(host, document(DB, WEB, ("crash1", "panic=0", "    panic: pause\n")))
    host.ctl("guest", "restart", "crash1")
    console = host.console(socket("crash1"))
    console.ready()
    console.sock.sendall(b"echo c >/proc/sysrq-trigger\n")
    wait_until(lambda: guest(host, "crash1")["state"] == "paused", 30, "paused")
    console.close()
    assert "kernel panicked" in host.ctl("status", check=False).stdout
    settle(host, document(DB, WEB))


def test_the_guest_sees_its_watchdog(both):
    """The guest's kernel has no driver for it, so it never expires here."""
    host = both
    settle(host, document(DB, WEB, ("dog1", "", "    watchdog: reset\n")))
    console = host.console(socket("dog1"))
    console.ready()
    assert console.run("cat /sys/bus/pci/devices/0000:00:13.0/device") == "0x25ab\n"
    console.close()
    settle(host, document(DB, WEB))


def test_qemu_that_hangs_is_found_by_systemd(both):
    host = both
    settle(host, document(DB, WEB, ("hang1", "", "")))
    host.write("/run/systemd/system/kvmhost-guest@.service.d/quick.conf", "[Service]\nWatchdogSec=3s\n")
    host.run("systemctl daemon-reload")
    host.ctl("guest", "restart", "hang1")
    pid = unit(host, "MainPID", "hang1")
    host.run("sleep 5")
    assert unit(host, "MainPID", "hang1") == pid, "QEMU answers, and so it is fed"
    host.run("pkill -STOP -f '[g]uest=hang1,debug'")
    wait_until(lambda: unit(host, "MainPID", "hang1") not in (pid, "0"), 30, "restarted")
    wait_until(lambda: guest(host, "hang1")["state"] == "running", 30, "running again")
    host.run("rm -r /run/systemd/system/kvmhost-guest@.service.d; systemctl daemon-reload")
    settle(host, document(DB, WEB))


def test_a_silent_qemu_is_told(both):
    """Who asks is not kept waiting, and the runner tells of it by itself."""
    host = both
    settle(host, document(DB, WEB, ("mute1", "", "    agent: true\n")))
    host.write("/run/systemd/system/kvmhost-guest@.service.d/quick.conf", "[Service]\nWatchdogSec=60s\n")
    host.run("systemctl daemon-reload")
    host.ctl("guest", "restart", "mute1")
    since = host.cursor()
    host.run("pkill -STOP -f '[g]uest=mute1,debug'")
    began = time.monotonic()
    for command in (("guest", "info", "mute1"), ("--json", "guest", "info", "mute1"), ("status", "guest/mute1"), ("status",),
                    ("guest", "list")):
        asked = time.monotonic()
        said = host.ctl(*command, check=False)
        assert time.monotonic() - asked < 4, f"{command} took {time.monotonic() - asked:.1f} s"
        if "list" not in command and len(command) > 1:
            assert said.rc == 0 and ("QEMU does not answer" in said.stdout or '"qemu_answers": false' in said.stdout), said
    info = json.loads(host.ctl("--json", "guest", "info", "mute1").stdout)
    assert info["memory"]["size"] == 128 << 20 and info["cpu"]["used_usec"] > 0, info
    assert info["disks"] == [] and "agent" not in info, info
    wait_until(lambda: "QEMU does not answer" in guest(host, "mute1").get("event", ""), 45, "the runner tells of it")
    for command in (("status",), ("guest", "list")):
        assert "QEMU does not answer" in host.ctl(*command, check=False).stdout
    assert time.monotonic() - began < 50, "before systemd ended it"
    host.run("pkill -CONT -f '[g]uest=mute1,debug'")
    wait_until(lambda: "event" not in guest(host, "mute1"), 20, "it answers again")
    said = host.said("kvmhost-guest@mute1", since)
    assert said.count("QEMU does not answer") == 1 and "QEMU answers again" in said, said
    assert json.loads(host.ctl("--json", "guest", "info", "mute1").stdout)["qemu_answers"] is True
    host.run("rm -r /run/systemd/system/kvmhost-guest@.service.d; systemctl daemon-reload")
    settle(host, document(DB, WEB))


def test_one_that_is_always_to_run(both):
    host = both
    settle(host, document(DB, WEB, ("ever1", "", "    restart: always\n")))
    console = host.console(socket("ever1"))
    console.ready()
    pid = unit(host, "MainPID", "ever1")
    console.sock.sendall(b"poweroff -f\n")
    wait_until(lambda: unit(host, "MainPID", "ever1") not in (pid, "0"), 60, "started again")
    console.close()
    host.ctl("guest", "stop", "ever1", timeout=60)
    assert guest(host, "ever1")["state"] == "stopped", "by hand all the same"
    settle(host, document(DB, WEB))


def test_one_that_fails_again_and_again_is_given_up(both):
    host = both
    settle(host, document(DB, WEB, ("bad1", "", "")))
    for _ in range(5):
        wait_until(lambda: guest(host, "bad1")["state"] == "running", 30, "up")
        pid = unit(host, "MainPID", "bad1")
        host.run("pkill -9 -f '[g]uest=bad1,debug'")
        wait_until(lambda: unit(host, "MainPID", "bad1") != pid, 30, "down")
    wait_until(lambda: guest(host, "bad1")["state"] == "failed", 30, "given up")
    assert "failed 5 times" in guest(host, "bad1")["error"] and "signal 9" in guest(host, "bad1")["error"]
    assert "5 times" in host.ctl("status", check=False).stdout
    settle(host, document(DB, WEB))
