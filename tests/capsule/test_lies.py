# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that a guest has taken over speaks to its runner, and through it to root's kvmhostctl: nothing it says may harm either."""
import json
import re

import pytest
from documents import settle
from harness import HERE, wait_until

QEMU = "/usr/bin/qemu-system-x86_64"
KERNEL = 'kernel: {image: /srv/boot/vmlinuz, initrd: /srv/boot/initrd.img, cmdline: "console=ttyS0 quiet no_timer_check"}'
ANSWERING = ["types", "words", "sizes", "picture", "ids", "descriptors", "chatter"]
DEAF = ["events", "silent", "gone"]
LIES = ANSWERING + DEAF
# Events that nothing here makes a real QEMU send, and what is said of them.
TOLD = {"told-internal": "cannot run the guest on (internal error), and it stands still; kvmhostctl guest restart told-internal",
        "told-crash": "the guest's kernel crashed, and its crash kernel (kdump) runs",
        "told-memory": "memory of the host that the guest uses is damaged (action: inject)",
        "told-watchdog": "the guest let its watchdog expire (action: none)"}
FATAL = ["line", "deep", "noise"]  # what is no QMP ends it
VICTIM = f"""\
version: 1
guests:
  victim:
    memory: {{size: 96MiB}}
    {KERNEL}
    shutdown: {{timeout: 0s}}
"""
# What the guest has that lets a liar be asked more.
EVIL = """\
  {name}:
    memory: {{size: 96MiB, current: 64MiB}}
    {kernel}
    cpu: {{count: 2, pinning: [0, 0]}}
    agent: true
    graphics: {{type: vnc}}
    shutdown: {{timeout: 1s}}
    restart: no
    resources: {{cpu_quota: 10%}}
"""
# A megabyte's line as JSON is more; the console's history and its clients' buffers are in it too.
RUNNER_KIB = 40 * 1024


def document(names):
    return VICTIM + "".join(EVIL.format(name=name, kernel=KERNEL) for name in names)


def unit(host, key, name):
    return host.run(f"systemctl show -P {key} kvmhost-guest@{name}").stdout.strip()


def runner(host, name):
    """Resident KiB, and how many files it has open."""
    pid = unit(host, "MainPID", name)
    return (int(re.search(r"VmRSS:\s+(\d+)", host.read(f"/proc/{pid}/status"))[1]),
            len(host.run(f"ls /proc/{pid}/fd").stdout.split()))


def guests(host):
    return {one["name"]: one for one in json.loads(host.ctl("--json", "guest", "list").stdout)["guests"]}


def no_forgery(text):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), repr(text[:2000])
    assert not re.search(r"^(<\d>)?forged", text, re.M), text[:2000]


@pytest.fixture(scope="module")
def host(capsule):
    """A victim by the real QEMU, and a liar of each kind."""
    capsule.add_guest_kernel()
    settle(capsule, VICTIM)
    capsule.victim = unit(capsule, "MainPID", "victim")
    capsule.run(f"mv {QEMU} {QEMU}.real")
    capsule.write(QEMU, (HERE / "lying-qemu").read_text(), 0o755)
    capsule.write("/etc/kvmhost/host.yaml", document([*LIES, *FATAL, *TOLD]))
    capsule.first = capsule.cursor()
    capsule.ctl("apply", check=False, timeout=300)
    yield capsule
    capsule.run(f"mv {QEMU}.real {QEMU}", check=False)


def test_what_is_no_qmp_ends_it(host):
    for name in FATAL:
        wait_until(lambda: guests(host)[name]["state"] == "failed", 60, f"{name} has failed")
        assert "what it says is no QMP" in guests(host)[name]["error"], guests(host)[name]
        assert unit(host, "MainPID", name) == "0"


def test_the_others_run_under_their_runners(host):
    for name in LIES:
        assert guests(host)[name]["state"] in ("running", "paused"), guests(host)[name]


@pytest.mark.parametrize("name", TOLD)
def test_what_befell_a_guest_is_told(host, name):
    wait_until(lambda: TOLD[name] in guests(host)[name].get("event", ""), 20, f"{TOLD[name]} in {guests(host)[name]}")
    assert guests(host)[name]["state"] == ("paused" if name == "told-internal" else "running")
    assert TOLD[name] in host.said(f"kvmhost-guest@{name}", host.first)
    assert TOLD[name] in host.ctl("status", check=False).stdout


def look(host, *command):
    done = host.ctl(*command, check=False, timeout=45)
    assert done.rc < 10, str(done)[:3000]
    no_forgery(done.stdout + done.stderr)
    return done.stdout


@pytest.mark.parametrize("name", ANSWERING)
def test_every_verb_ends_with_an_answer(host, name):
    host.run("rm -f /root/shot.png")
    json.loads(look(host, "--json", "guest", "info", name))
    for command in (("info", name), ("screenshot", name, "/root/shot.png"), ("pause", name), ("resume", name)):
        look(host, "guest", *command)
    size, mode = host.run("stat -c '%s %a' /root/shot.png 2>/dev/null || echo 0 600").stdout.split()
    assert int(size) <= 256 << 20 and mode == "600", "what a liar claims for a picture"
    if name == "picture":
        assert size == "0", "it was refused, and not a byte of it was written"


def test_who_does_not_answer_is_not_waited_for(host):
    """For half a minute each; at once here."""
    asked = " ".join(f"(kvmhostctl --no-color guest info {name} 2>&1; echo exit $?) &" for name in DEAF)
    said = host.run(f"{asked} wait", timeout=45).stdout
    assert len(re.findall(r"^exit [01]$", said, re.M)) == len(DEAF), said
    no_forgery(said)


def test_the_whole_of_them_is_listed_and_planned(host):
    for command in (("guest", "list"), ("status",), ("plan",)):
        look(host, *command)


def test_a_viewer_of_a_liar_is_nobodys_trouble(host):
    for name in ("types", "words", "sizes"):
        port = guests(host)[name]["display"].rpartition(":")[2]
        host.run(f"timeout 2 socat -u TCP4:127.0.0.1:{port} - </dev/null | head -c 100", check=False)
        assert guests(host)[name]["state"] in ("running", "paused")


def test_runners_stay_small(host):
    before = {name: runner(host, name) for name in ANSWERING}
    host.run("sleep 5")
    for name in ANSWERING:
        kib, files = runner(host, name)
        assert kib < RUNNER_KIB, f"{name}: {kib} KiB, before {before[name]}"
        assert files <= before[name][1] + 1 and files < 40, f"{name}: {files} files"
    for log in ("chatter.console.log", "chatter.console.log.1"):
        assert int(host.run(f"stat -c %s /var/log/kvmhost/{log}").stdout) < 2 << 20


def test_the_journal_has_no_words_of_theirs_as_its_own(host):
    for name in LIES + FATAL:
        said = host.said(f"kvmhost-guest@{name}", host.first)
        no_forgery(said)
        lines = said.splitlines()
        assert max(map(len, lines)) < 1000, f"{name}: a line without an end"
        assert len(lines) < 1500, f"{name}: {len(lines)} lines"
    # said once a minute
    wait_until(lambda: " more lines that QEMU caused are left out" in host.said("kvmhost-guest@chatter", host.first), 90,
               "how many lines are left out")


def test_they_are_stopped_with_all_they_started(host):
    users = {name: guests(host)[name]["uid"] for name in LIES}
    host.ctl("guest", "stop", *LIES, check=False, timeout=110)
    for name, uid in users.items():
        assert guests(host)[name]["state"] in ("stopped", "failed"), guests(host)[name]
        assert not host.run(f"pgrep -u {uid}", check=False).stdout, f"{name} has left a process"
    told = host.run("journalctl --sync; journalctl -q -b -o cat -t systemd").stdout
    assert not re.search(r"kvmhost-guest@.*(dumped core|status=11)|SIGSEGV", told), told
    # systemd's own watchdog, of who answers nothing for two minutes
    assert not [line for line in told.splitlines() if "ABRT" in line and not any(f"@{name}." in line for name in DEAF)], told
    assert unit(host, "MainPID", "victim") == host.victim
