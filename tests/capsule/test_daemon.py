# SPDX-License-Identifier: GPL-2.0-or-later
"""kvmhostd: converges at start, tells the truth on reload, and leaves guests alone when it ends."""
import json

import pytest
from documents import EMPTY, GUEST, NAT, put
from harness import wait_until


@pytest.fixture(scope="module")
def host(capsule):
    capsule.add_guest_kernel()
    put(capsule, NAT)
    capsule.run("systemctl start kvmhostd")
    return capsule


def test_start_converges(host):
    assert host.run("systemctl is-active kvmhostd").stdout == "active\n"
    assert host.ctl("plan").rc == 0
    status = host.ctl("status")
    assert "running (pid" in status.stdout and "converged" in status.stdout
    assert "converged" in host.run("systemctl status kvmhostd").stdout


def test_reload_converges(host):
    put(host, NAT.replace("/24", "/25"))
    host.reload_daemon()
    assert "192.168.122.1/25" in host.run("ip -4 addr show virbr0").stdout
    assert "192.168.122.1/24" not in host.run("ip -4 addr show virbr0").stdout
    put(host, NAT)
    host.reload_daemon()
    assert host.ctl("plan").rc == 0


IMAGE = ("version: 1\nguests:\n  stored:\n    state: stopped\n    memory: {size: 192MiB}\n"
         "    disks: [{path: %s, size: 1MiB, format: raw}]\n")


@pytest.mark.parametrize("place", ["/home/somebody", "/root", "/var/tmp", "/tmp"])
def test_an_image_is_the_same_file_for_everybody(host, place):
    path = f"{place}/stored.img"
    host.run(["mkdir", "-p", place])
    put(host, IMAGE % path)
    host.reload_daemon()
    assert host.exists(path) and host.ctl("plan", check=False).rc == 0
    put(host, NAT)
    host.reload_daemon()
    host.run(["rm", path])


def test_an_image_where_the_daemon_writes_nothing(host):
    put(host, IMAGE % "/usr/local/stored.img")
    since = host.cursor()
    assert host.reload_daemon(check=False).rc
    assert "outside of /usr" in host.ctl("status", check=False).stdout + host.said("kvmhostd", since)
    put(host, NAT)
    host.reload_daemon()


def test_reload_of_a_bad_document_fails_with_the_reason(host):
    put(host, NAT.replace("bridge:", "brigde:"))
    r = host.reload_daemon(check=False)
    assert r.rc != 0
    journal = host.journal()
    assert "/etc/kvmhost/host.yaml:5:5" in journal
    assert "brigde" in journal and "did you mean `bridge`" in journal
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout, "the generation in force was lost"
    status = host.ctl("status", check=False)
    assert status.rc == 1 and "invalid" in status.stdout
    assert host.run("systemctl is-active kvmhostd").stdout == "active\n"
    put(host, NAT)
    host.reload_daemon()
    assert host.ctl("status").rc == 0


def test_a_file_whose_name_is_no_utf8(host):
    """Its name stands in the reason, which goes over a bus that takes nothing else: the daemon lost the bus by it."""
    host.run(r"mkdir -p /etc/kvmhost/conf.d; printf 'brigdes: {}\n' >/etc/kvmhost/conf.d/$'caf\xe9.yaml'")
    reloads = [host.run("kvmhostctl --no-color reload", check=False, timeout=30) for _ in range(2)]
    assert all(r.rc == 1 and "did you mean `bridges`" in r.stderr and "caf?.yaml:1:1" in r.stderr for r in reloads), reloads
    assert "not valid" in host.run("busctl get-property org.kvmhost1 /org/kvmhost1 org.kvmhost1.Manager Summary").stdout
    host.run(r"printf 'bridges: {br9: {}}\n' >/etc/kvmhost/conf.d/$'caf\xe9.yaml'")
    plan = json.loads(host.ctl("--json", "plan", check=False).stdout)
    assert [step["place"]["file"] for step in plan["steps"]] == ["/etc/kvmhost/conf.d/caf?.yaml"], plan
    host.run("rm -r /etc/kvmhost/conf.d")
    host.reload_daemon()


def test_where_nothing_can_be_written(host):
    """A full disk, and one that went read-only, under the record and the lock: nothing is begun, and what to do is said."""
    put(host, NAT.replace("/24", "/25"))
    for where in ("/var/lib/kvmhost", "/run/kvmhost"):
        host.run(f"cp -a {where} /tmp/state; mount -t tmpfs -o size=1M,mode=755 none {where}; cp -a /tmp/state/. {where}; rm -r /tmp/state; "
                 f"head -c 2M /dev/zero >{where}/filler", check=False)
        full = host.ctl("apply", check=False) if where == "/var/lib/kvmhost" else None
        told = host.ctl("status", check=False).stdout
        host.run(f"rm {where}/filler; mount -o remount,ro {where}")
        readonly = host.ctl("apply", check=False)
        host.run(f"umount {where}")
        assert readonly.rc == 1 and "Read-only file system" in readonly.stderr and "remount,rw" in readonly.stderr, readonly
        assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout, "begun without a way back"
        if full:
            assert full.rc == 1 and "No space left on device" in full.stderr and "df /var/lib/kvmhost/" in full.stderr, full
            assert "No space left on device\n      = make room" in told and "network/default not done" in told, told
    put(host, NAT)
    host.reload_daemon()


@pytest.mark.parametrize("damage", ["head -c 200 {0}.good >{0}", ": >{0}", "head -c 999 /dev/urandom >{0}", "echo '[]' >{0}",
                                    "sed s/1/9/ {0}.good >{0}", "rm {0} && mkdir {0}"])
def test_a_record_that_cannot_be_read(host, damage):
    """Nothing is begun, nothing written over it; everybody who asks is told what to do. Put back, all is as it was."""
    record = "/var/lib/kvmhost/record.json"
    cure = "install that version of kvmhost again" if damage.startswith("sed") else "put the file back from a backup"
    host.run(f"cp {record} {record}.good; {damage.format(record)}; cp -r {record} {record}.bad")
    put(host, NAT.replace("/24", "/25"))
    try:
        for answer in (host.ctl("plan", check=False), host.ctl("apply", check=False), host.reload_daemon(check=False)):
            assert answer.rc == 1, answer
        for said in (host.ctl("apply", check=False).stderr, host.ctl("status", check=False).stdout):
            assert record in said and cure in said, said
        assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
        host.run(f"diff -r {record} {record}.bad")
    finally:
        host.run(f"rm -rf {record} {record}.bad; mv {record}.good {record}")
        put(host, NAT)
        host.reload_daemon()
    assert host.ctl("status").rc == 0


def test_an_empty_file_is_refused(host):
    put(host, NAT + "  b: {mode: isolated, bridge: vb, addresses: [10.1.0.1/24]}\n"
        "  c: {mode: isolated, bridge: vc, addresses: [10.2.0.1/24]}\n")
    host.reload_daemon()
    put(host, EMPTY)
    r = host.reload_daemon(check=False)
    assert r.rc != 0
    assert "--allow-mass-removal" in host.journal()
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
    put(host, NAT)
    host.run("kvmhostctl apply --allow-mass-removal")
    host.reload_daemon()


def test_bad_document_at_start_falls_back_on_the_last_good_one(host):
    put(host, NAT)
    host.reload_daemon()
    host.run("systemctl stop kvmhostd && ip link del virbr0")
    put(host, "version: 1\nnetworks: [oops\n")
    host.run("systemctl start kvmhostd")
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
    assert "host.yaml:" in host.journal()
    put(host, NAT)
    host.reload_daemon()


def test_guests_outlive_the_daemon(host):
    put(host, GUEST)
    host.reload_daemon()
    pid = host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout
    assert int(pid) > 0
    host.run("systemctl stop kvmhostd")
    assert host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout == pid
    host.run("systemctl start kvmhostd")
    daemon = host.run("systemctl show -p MainPID --value kvmhostd").stdout
    host.run("systemctl kill -s KILL kvmhostd")
    wait_until(lambda: host.run("systemctl show -p MainPID --value kvmhostd").stdout not in (daemon, "0\n"), what="another one")
    wait_until(lambda: host.active("kvmhostd"), what="it is up")
    host.run("systemctl reset-failed kvmhostd")
    assert host.run("systemctl show -p MainPID --value kvmhost-guest@web1").stdout == pid
    assert host.ctl("plan").rc == 0
    put(host, NAT)
    host.reload_daemon()
    assert host.run("systemctl is-active kvmhost-guest@web1", check=False).stdout != "active\n"


def test_another_build_takes_over_from_the_one_that_runs(host):
    """Daemon, runner and command line of another version; the guests are those of the old one, and obey the new."""
    programs = "/usr/sbin/kvmhostd /usr/bin/kvmhostctl /usr/libexec/kvmhost/kvmhost-run"
    put(host, GUEST)
    host.restart_daemon()
    old = host.run("kvmhostd --version").stdout
    pid, qemu = host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout, host.run("pgrep -x qemu-system-x86").stdout
    # as a package manager does it: another file under the name
    host.run(f"for p in {programs}; do sed 's/0\\.1\\.0/9.8.7/g' $p >$p.new && chmod 755 $p.new && cp -a $p $p.old && mv $p.new $p; done")
    try:
        host.run("systemctl daemon-reload; systemctl restart kvmhostd")
        assert old != host.run("kvmhostd --version").stdout == old.replace("0.1.0", "9.8.7")
        daemon = host.run("systemctl show -P MainPID kvmhostd").stdout.strip()
        assert host.run(f"cmp /proc/{daemon}/exe /usr/sbin/kvmhostd.old", check=False).rc == 1, "the daemon is the new one"
        assert host.run(f"cmp /proc/{pid.strip()}/exe /usr/libexec/kvmhost/kvmhost-run.old").rc == 0, "the runner is the old one"
        assert host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout == pid and host.run("pgrep -x qemu-system-x86").stdout == qemu
        assert host.ctl("plan").rc == 0
        assert json.loads(host.ctl("--json", "guest", "info", "web1").stdout)["memory"]["size"] == 192 << 20
        host.ctl("guest", "pause", "web1")
        host.ctl("guest", "resume", "web1")
        put(host, GUEST.replace("shutdown: {timeout: 20s}", "shutdown: {timeout: 1s}"))
        host.reload_daemon()
        assert host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout == pid
        host.ctl("guest", "restart", "web1")
        runner = host.run("systemctl show -P MainPID kvmhost-guest@web1").stdout.strip()
        assert host.run(f"cmp /proc/{runner}/exe /usr/libexec/kvmhost/kvmhost-run").rc == 0, "now it is the new one"
        host.ctl("guest", "stop", "web1")
        assert not host.active("kvmhost-guest@web1")
    finally:
        host.run(f"for p in {programs}; do mv $p.old $p; done; systemctl restart kvmhostd")
    put(host, NAT)
    host.reload_daemon()


def test_the_bus_starts_anew(host):
    """What hung on the connection (reload, status, what systemd tells) would be gone for good."""
    pid = host.run("systemctl show -P MainPID kvmhostd").stdout
    host.run("systemctl restart dbus", timeout=120)
    wait_until(lambda: host.run("systemctl show -P MainPID kvmhostd").stdout not in (pid, "0\n"), 20, "another kvmhostd")
    assert "the system bus has ended" in host.journal()
    host.reload_daemon()
    assert "running (pid" in host.ctl("status").stdout


def test_reload_without_the_daemon(host):
    host.run("systemctl stop kvmhostd")
    r = host.ctl("reload", check=False)
    assert r.rc == 1
    assert "kvmhostd is not running" in r.stderr and "systemctl start kvmhostd" in r.stderr
    status = host.ctl("status", check=False)
    assert "not running" in status.stdout
    host.run("systemctl start kvmhostd")


def test_only_root_may_reload(host):
    nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups kvmhostctl"
    r = host.run(f"{nobody} reload", check=False)
    assert r.rc == 1
    assert "refuses a reload" in r.stderr and "sudo" in r.stderr
    status = host.run(f"{nobody} status", check=False)
    assert "running (pid" in status.stdout and "only root can" in status.stdout
    r = host.run("setpriv --reuid=4444 --regid=4444 --clear-groups kvmhostctl reload", check=False)
    assert r.rc == 1 and "bus refuses the connection of uid 4444" in r.stderr
    for verb in ("plan", "apply"):
        r = host.run(f"{nobody} {verb}", check=False)
        assert r.rc == 1 and f"sudo kvmhostctl {verb}" in r.stderr


def test_a_file_that_others_can_write_is_refused(host):
    host.run("chmod 0666 /etc/kvmhost/host.yaml")
    r = host.ctl("plan", check=False)
    assert r.rc == 1 and "host.yaml" in r.stderr and "chmod" in r.stderr
    assert host.reload_daemon(check=False).rc != 0
    host.run("chmod 0644 /etc/kvmhost/host.yaml")
    host.reload_daemon()


def test_no_process_is_spawned_when_nothing_changes(host):
    for args in ("plan", "apply"):
        r = host.run(f"strace -f -qq -e trace=clone,clone3,fork,vfork,execve -o /run/spawned kvmhostctl {args}; "
                     "grep -c -v exited /run/spawned")
        assert r.stdout.strip().splitlines()[-1] == "1", host.read("/run/spawned")


def test_a_large_plan_sees_what_a_second_thread_saw(host):
    """While the document is read; with nothing but the threads of one process."""
    put(host, "version: 1\nhost: {firewall: {backend: nftables}}\nnetworks:\n" + "".join(
        f"  n{i}: {{bridge: vb{i}, addresses: [10.60.{i}.1/24]}}\n" for i in range(60)))
    host.run("kvmhostctl apply --allow-mass-removal")
    try:
        assert host.ctl("plan").rc == 0
        host.run("strace -f -qq -e trace=clone,clone3,fork,vfork,execve -o /run/spawned kvmhostctl plan")
        calls = [line for line in host.read("/run/spawned").splitlines() if "exited" not in line]
        assert len(calls) <= 2 and "execve" in calls[0] and all("CLONE_THREAD" in line for line in calls[1:]), calls
        if int(host.run("nproc").stdout) > 1:
            assert len(calls) == 2, calls
        host.run("systemctl stop kvmhostd; ip link del vb17; ip addr add 10.61.0.1/24 dev vb18; nft flush set ip kvmhost "
                 "$(nft list sets | awk '/^table ip kvmhost/ {ours = 1} ours && $1 == \"set\" {print $2; exit}')")
        for _ in range(10):
            r = host.ctl("plan", check=False)
            assert r.rc == 2 and "+ network/n17" in r.stdout, r.stdout
            assert "~ network/n18" in r.stdout and "firewall/ip-" in r.stdout and "network/n19" not in r.stdout, r.stdout
        bad = host.run("sed '$ s/addresses/adresses/' /etc/kvmhost/host.yaml >/run/bad.yaml; kvmhostctl -c /run/bad.yaml plan", check=False)
        assert bad.rc == 1 and "addresses" in bad.stderr
    finally:
        put(host, NAT)
        host.run("kvmhostctl apply --allow-mass-removal; systemctl start kvmhostd")


def test_a_large_plan_sees_guests_as_their_files_say(host):
    """A hundred guests' files are read by the second thread; what was damaged, went or is held is seen each time."""
    put(host, "version: 1\nguests:\n" + "".join(
        f"  v{i}: {{autostart: {'true' if i == 7 else 'false'}, memory: {{size: 64MiB}}, shutdown: {{timeout: 1s}}, "
        f"disks: [{{path: /srv/v{i}.img, format: raw}}]}}\n" for i in range(100)))
    host.run("for i in $(seq 0 99); do truncate -s 1M /srv/v$i.img; done; systemctl stop kvmhostd; kvmhostctl apply --allow-mass-removal")
    try:
        assert host.ctl("plan").rc == 0
        host.run("kvmhostctl guest stop v7")
        host.run("cd /run/kvmhost/guests && echo { >v20/spec.json && rm v30/spec.json && rm -r v40 && sed -i 's/67108864\\|64MiB/96MiB/' v50/spec.json")
        for _ in range(10):
            r = host.ctl("plan", check=False)
            told = [line.split()[1] for line in r.stdout.splitlines() if line[:4].strip() in ("+", "~")]
            assert r.rc == 2 and told == ["guest/v7", "guest/v20", "guest/v30", "guest/v40", "guest/v50"], r.stdout
            assert "waits for a start: it was stopped by hand" in r.stdout and "96MiB -> 64MiB" in r.stdout, r.stdout
        host.run("kvmhostctl apply")
        assert host.ctl("plan").rc == 0
    finally:
        put(host, NAT)
        host.run("kvmhostctl apply --allow-mass-removal; systemctl start kvmhostd")


def test_history_names_generations(host):
    out = json.loads(host.ctl("--json", "history").stdout)
    numbers = [g["number"] for g in out["generations"]]
    assert len(numbers) >= 2 and numbers == sorted(numbers)


def test_two_at_once_take_turns(host):
    put(host, NAT)
    r = host.run("for i in 1 2 3 4; do kvmhostctl apply >/run/turn.$i 2>&1 & done; wait; cat /run/turn.*")
    assert r.stdout.count("converged") == 4


def test_memory_stays_flat(host):
    def pss(kind="Pss:"):
        pid = host.run("systemctl show -p MainPID --value kvmhostd").stdout.strip()
        text = host.read(f"/proc/{pid}/smaps_rollup")
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(kind))
    # its own memory: of libraries it pays more whenever somebody who shared them ends
    host.run("for i in $(seq 20); do kvmhostctl reload >/dev/null; done", timeout=120)
    before = pss("Pss_Anon:")
    host.run("for i in $(seq 100); do kvmhostctl reload >/dev/null; done", timeout=300)
    after = pss("Pss_Anon:")
    assert after <= before + 128, f"{before} KiB before, {after} KiB after 100 reloads"
    assert pss() <= 6 * 1024


def test_the_unit_is_confined(host):
    score = float(host.run("systemd-analyze security --no-pager kvmhostd | tail -1 | grep -o '[0-9.]* [A-Z]*' | cut -d' ' -f1").stdout)
    assert score < 7


def test_stop_is_quick(host):
    host.run("systemctl stop kvmhostd", timeout=10)
    wait_until(lambda: host.run("systemctl is-active kvmhostd", check=False).stdout.strip() == "inactive", 30, "stopped")


def test_diff_and_rollback(host):
    put(host, NAT)
    host.run("systemctl restart kvmhostd")
    before = json.loads(host.ctl("--json", "history").stdout)["generations"][-1]["number"]
    put(host, NAT.replace("/24", "/25") + "bridges: {br7: {mtu: 1400}}\n")
    diff = host.ctl("diff", check=False)
    assert diff.rc == 2 and "+ bridge/br7" in diff.stdout, str(diff)
    assert "[192.168.122.1/24] -> [192.168.122.1/25]" in diff.stdout, str(diff)
    host.reload_daemon()
    assert host.ctl("diff").rc == 0
    assert "- bridge/br7" in host.ctl("diff", str(before + 1), str(before), check=False).stdout
    assert "kvmhostctl history" in host.ctl("diff", "99", check=False).stderr
    back = host.ctl("rollback")
    assert "is held" in back.stdout, str(back)
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
    assert host.run("ip link show br7", check=False).rc != 0
    status = host.ctl("status", check=False).stdout
    assert f"somebody went back to generation {before}" in status, status
    # neither a reload nor a restart nor an event applies the held document, or undoes the return
    assert host.reload_daemon(check=False).rc != 0
    host.run("systemctl reset-failed kvmhostd; systemctl restart kvmhostd")
    assert host.run("ip link show br7", check=False).rc != 0
    assert "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout
    # what is in force is kept in force
    host.run("ip addr del 192.168.122.1/24 dev virbr0")
    wait_until(lambda: "192.168.122.1/24" in host.run("ip -4 addr show virbr0").stdout, 30, "the address")
    put(host, NAT + "bridges: {br7: {mtu: 1300}}\n")
    host.reload_daemon()
    assert "mtu 1300" in host.run("ip link show br7").stdout
    assert "held" not in host.ctl("status").stdout
    # by number, confirmed or put back
    host.run("systemctl stop kvmhostd")
    host.ctl("rollback", str(before))
    assert host.run("ip link show br7", check=False).rc != 0
    put(host, NAT)
    host.run("systemctl start kvmhostd")


def test_history_has_the_commit_of_the_document(host):
    """That of the repository it was read from; going back has the earlier one again."""
    commits = ["a" * 40, "b" * 40]

    def apply(commit, *args):
        host.run("mkdir -p /srv/fleet/.git/refs/heads /srv/fleet/hosts")
        host.write("/srv/fleet/.git/HEAD", "ref: refs/heads/main\n")
        host.write("/srv/fleet/.git/refs/heads/main", f"{commit}\n")
        host.write("/srv/fleet/hosts/kvm7.yaml", f"{NAT}\nbridges: {{br{commit[0]}: {{}}}}\n")
        host.ctl("--config", "/srv/fleet/hosts/kvm7.yaml", "apply", *args)

    def last():
        return json.loads(host.ctl("--json", "history").stdout)["generations"][-1]

    put(host, NAT)
    host.ctl("apply")
    assert "git" not in last()
    apply(commits[0])
    first = last()
    assert first["git"] == commits[0]
    apply(commits[1])
    assert last()["git"] == commits[1]
    host.ctl("rollback", str(first["number"]))
    assert last()["git"] == commits[0]
    apply("c" * 40, "--allow-mass-removal")
    host.reload_daemon()
    assert "git" not in last()
