# SPDX-License-Identifier: GPL-2.0-or-later
"""Capsules, network namespaces and guest consoles as Python objects. Fixtures are in conftest.py."""
import json
import re
import shlex
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CAPSULE = HERE / "capsule"
JOURNAL = "journalctl --sync; journalctl -q --no-pager -o short-precise -n 80 -u kvmhostd.service -u 'kvmhost-guest@*' " \
          "-u 'kvmhost-network@*'"


class CommandError(AssertionError):
    """A command that had to succeed did not; its message is all there is to know."""


class Result:
    def __init__(self, cmd, done):
        self.cmd = cmd if isinstance(cmd, str) else shlex.join(map(str, cmd))
        self.rc = done.returncode
        self.stdout = done.stdout.decode(errors="replace")
        self.stderr = done.stderr.decode(errors="replace")

    def __str__(self):
        return f"$ {self.cmd}\n{self.stdout}{self.stderr}(exit {self.rc})"

    __repr__ = __str__


def wait_until(condition, timeout=30, what=None, step=0.1):
    """The first true value of condition(); a failure that names it when there is none in time."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what or condition.__name__}")
        time.sleep(step)


def greets(host, monitor):
    """Whether the QEMU of that monitor runs by now: with its images open and locked."""
    return "QEMU" in host.run(f"socat -T 5 - UNIX-CONNECT:{monitor} </dev/null", check=False).stdout


class Host:
    """A machine with kvmhost on it, by whatever way `run` gets a command into it."""

    backend = None  # the firewall backend that documents ask for; None: what they say themselves

    def __init__(self, name):
        self.name = name

    def run(self, cmd, check=True, timeout=60, input=None):
        """A list is run as it is, a string by bash. Ended in there after `timeout` seconds (exit 124)."""
        raise NotImplementedError

    def write(self, path, text, mode=0o644):
        self.run(["sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1" && chmod "$2" "$1"', "-", path, f"{mode:o}"], input=text)

    def read(self, path):
        return self.run(["cat", path]).stdout

    def exists(self, path):
        return self.run(["test", "-e", path], check=False).rc == 0

    def active(self, unit):
        return self.run(["systemctl", "is-active", unit], check=False).stdout == "active\n"

    def remember(self, *units):
        """Units that nobody wants are forgotten as they end; of these systemd still knows when that was."""
        self.run(["systemd-run", "--quiet", "--collect", f"--property=Wants={' '.join(units)}", "sleep", "infinity"])

    # kvmhost

    def ctl(self, *args, check=True, timeout=120):
        return self.run(["kvmhostctl", "--no-color", *args], check=check, timeout=timeout)

    def restart_daemon(self):
        self.run("systemctl reset-failed kvmhostd; systemctl restart kvmhostd", timeout=120)  # its count of starts too

    def reload_daemon(self, check=True):
        return self.run("systemctl reload kvmhostd", check=check, timeout=180)

    # What was written is not in the journal at once: --sync waits for it.

    def journal(self):
        return self.run(JOURNAL, check=False).stdout

    def cursor(self):
        """Where the journal ends now."""
        return self.run("journalctl --sync; journalctl -q -n 0 --show-cursor").stdout.split("cursor: ")[1].strip()

    def said(self, unit, since=None):
        """What a service, and systemd of it, wrote into the journal, or has since a cursor()."""
        if not since:
            return self.run(f"journalctl --sync; journalctl -q -o cat -u {unit}").stdout
        # not by -u: behind a cursor at a line of somebody else it leaves out the first one
        lines = self.run(f"journalctl --sync; journalctl -q -o json --after-cursor='{since}'").stdout.splitlines()
        return "".join(f"{m['MESSAGE']}\n" for m in map(json.loads, lines)
                       if f"{unit}.service" in (m.get("_SYSTEMD_UNIT"), m.get("UNIT")))


class Capsule(Host):
    # life

    def boot(self):
        self._tool("boot", timeout=600)  # the first one makes the root

    def stop(self):
        self._tool("stop")

    def push(self, stage):
        self._tool("push", stage)

    def reboot(self):
        """systemctl reboot; the disk stays, links and processes do not."""
        old = self.pid()
        self.run("systemctl reboot", check=False)
        wait_until(lambda: self.pid(check=False) not in ("", old), 60, "a new systemd", 0.05)
        self._tool("wait", timeout=60)

    def pid(self, check=True):
        return self._tool("pid", check=check).stdout.strip()

    def run(self, cmd, check=True, timeout=60, input=None):
        argv = ["bash", "-c", cmd] if isinstance(cmd, str) else [str(word) for word in cmd]
        done = subprocess.run([CAPSULE, "exec", self.name, "timeout", "-k", "5", str(timeout), *argv],
                              input=(input or "").encode(), capture_output=True, timeout=timeout + 30)
        result = Result(cmd, done)
        if check and result.rc:
            raise CommandError(str(result))
        return result

    # guests

    def add_guest_kernel(self):
        """Puts a kernel and an initramfs (see guest-init) at /srv/boot/{vmlinuz,initrd.img}."""
        made = Path(subprocess.run([HERE / "guest-kernel"], check=True, stdout=subprocess.PIPE, text=True,
                                   timeout=300).stdout.strip())
        tar = subprocess.run(["tar", "-C", made, "-c", "vmlinuz", "initrd.img"], check=True, capture_output=True).stdout
        subprocess.run([CAPSULE, "exec", self.name, "sh", "-c", "mkdir -p /srv/boot && tar -C /srv/boot -x"],
                       input=tar, check=True, capture_output=True, timeout=60)

    def console(self, path, timeout=30):
        """The serial console behind the unix socket at `path`, as soon as it is there."""
        return Console(f"/proc/{self.pid()}/root{path}", timeout)

    def start_guest(self, name, *qemu_args, append="", memory=192):
        """A guest by plain QEMU, without kvmhost; returns its console."""
        path = f"/run/guest-{name}.sock"
        self.run(["systemd-run", "--quiet", f"--unit=guest-{name}", "qemu-system-x86_64", "-machine", "q35", "-accel",
                  "tcg", "-m", memory, "-display", "none", "-nodefaults", "-no-reboot", "-chardev",
                  f"socket,id=serial,path={path},server=on,wait=on", "-serial", "chardev:serial", "-monitor",
                  f"unix:/run/guest-{name}.monitor,server=on,wait=off", "-kernel", "/srv/boot/vmlinuz", "-initrd",
                  "/srv/boot/initrd.img", "-append", f"console=ttyS0 quiet no_timer_check {append}", *qemu_args])
        return self.console(path)

    # network

    def plug(self, script):
        """Network hardware: `script` runs now, and before systemd at each later boot."""
        self.write("/etc/capsule/hardware", "#!/bin/bash\nset -e\n" + script, 0o755)
        self.run("/etc/capsule/hardware")

    def uplink(self, nic="eth0", address="203.0.113.2/24", peer="203.0.113.1/24"):
        """A card `nic` with a route to the world, and the world: the namespace returned."""
        space = Netns(self, "world-" + nic, peer.split("/")[0])
        self.plug(f"ip netns add {space.name}\n"
                  f"ip link add {nic} type veth peer name eth0 netns {space.name}\n"
                  f"ip -n {space.name} link set lo up\nip -n {space.name} link set eth0 up\n"
                  f"ip -n {space.name} addr add {peer} dev eth0\n"
                  f"ip addr add {address} dev {nic}\nip link set {nic} up\n"
                  f"ip route add default via {space.address}\n")
        return space

    def client(self, name, bridge, address=None, gateway=None):
        """A namespace with its eth0 on `bridge`: what a guest is to the network, in no time."""
        space = Netns(self, name, address and address.split("/")[0])
        self.run(f"ip netns add {name} && ip link add port-{name} type veth peer name eth0 netns {name} && "
                 f"ip link set port-{name} master {bridge} up && ip -n {name} link set lo up && "
                 f"ip -n {name} link set eth0 up")
        if address:
            space.run(f"ip addr add {address} dev eth0")
        if gateway:
            space.run(f"ip route add default via {gateway}")
        return space

    def unplug(self, *names):
        """Ends what client() made, at once: a namespace, and a link in it, stay a while after `ip netns del`."""
        for name in names:
            self.run(f"systemctl stop 'serve-{name}-*'; ip link del port-{name}; ip netns del {name}", check=False)

    def _tool(self, action, *args, check=True, timeout=120):
        done = subprocess.run([CAPSULE, action, self.name, *args], capture_output=True, stdin=subprocess.DEVNULL,
                              timeout=timeout)
        result = Result(["capsule", action, self.name, *args], done)
        if check and result.rc:
            raise CommandError(str(result))
        return result


class Netns:
    """A network namespace inside a capsule."""

    def __init__(self, capsule, name, address):
        self.capsule, self.name, self.address = capsule, name, address

    def run(self, cmd, **options):
        argv = ["bash", "-c", cmd] if isinstance(cmd, str) else list(cmd)
        return self.capsule.run(["ip", "netns", "exec", self.name, *argv], **options)

    def serve(self, port, protocol="TCP"):
        """Answers each connection with the address it sees it coming from."""
        # what was asked is read too: a socat that finds nobody reading ends before it has answered
        family = "6" if ":" in (self.address or "") else "4"
        unit = f"serve-{self.name}-{protocol.lower()}-{port}"
        self.capsule.run(["systemd-run", "--quiet", "--collect", f"--unit={unit}", "ip", "netns", "exec", self.name, "socat",
                          f"{protocol}{family}-LISTEN:{port},reuseaddr,fork", "SYSTEM:echo $SOCAT_PEERADDR; timeout 5 cat >/dev/null"])
        flag = "-ltn" if protocol == "TCP" else "-lun"
        wait_until(lambda: f":{port} " in self.run(f"ss {flag}").stdout, 30, f"{unit} listening")

    def ask(self, address, port, protocol="TCP", timeout=15):
        """What serve() answers at address:port; empty when nothing comes through."""
        target = f"[{address}]" if ":" in address else address
        return self.run(f"echo | socat -t{timeout} -T{timeout} - {protocol}:{target}:{port},connect-timeout={timeout}"
                        if protocol == "TCP" else f"echo | socat -t{timeout} -T{timeout} - {protocol}:{target}:{port}",
                        check=False, timeout=timeout + 5).stdout.strip()

    def pings(self, address, count=1):
        return self.run(f"ping -n -q -c {count} -W 2 {address}", check=False).rc == 0


# Questions that a change of a card's place may cost, asked at a human pace: the kernel drops what comes in between its being
# a bridge's port and that port's forwarding, some tenth of a millisecond (br_add_if() in net/bridge/br_if.c).
INSTANT = 1


class Pings:
    """Pings from a namespace from now on, until stop() or lost()."""

    def __init__(self, space, address, every=0.02, name="pings"):
        self.host, self.name = space.capsule, name
        self.host.run(["systemd-run", "--quiet", "--collect", f"--unit={name}", "ip", "netns", "exec", space.name, "sh", "-c",
                       f"exec ping -n -i {every} {address} >/run/{name} 2>&1"])
        wait_until(lambda: "icmp_seq=" in self.host.run(f"cat /run/{name}", check=False).stdout, 30, f"the first of {name}")

    def stop(self):
        """All that ping said."""
        self.host.run(f"systemctl kill -s INT {self.name}; while systemctl -q is-active {self.name}; do sleep 0.05; done")
        return self.host.read(f"/run/{self.name}")

    def lost(self):
        """How many had no answer. The last one is not counted: ping may have been ended before it heard it."""
        said = self.stop()
        sent = int(re.search(r"(\d+) packets transmitted", said)[1])
        assert sent > 2, said[-600:]  # what is watched may take less than a fifth of a second
        return len(set(range(1, sent)) - set(map(int, re.findall(r"icmp_seq=(\d+) ttl=", said))))


class Console:
    """The serial console of a guest, by its unix socket."""

    NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")

    def __init__(self, path, timeout=30):
        self.text, self.seen = "", 0
        self.sock = wait_until(lambda: self._connect(path), timeout, f"a console at {path}")

    def expect(self, pattern, timeout=60):
        """The next match of `pattern` in what the guest writes; all that it wrote if there is none."""
        end = time.monotonic() + timeout
        while True:
            match = re.compile(pattern).search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0 or not self._receive(left):
                raise AssertionError(f"the console never said {pattern!r} within {timeout} s; it said:\n{self.text}")

    def ready(self, timeout=90):
        """Until guest-init has set everything up and shows its prompt."""
        self.expect(r"guest ready: ", timeout)
        self.expect(r"guest# ", timeout)

    def run(self, cmd, timeout=30, check=True):
        """A command at the guest's prompt; its output."""
        # the marks are written apart, so the shell's echo of them does not match
        self.sock.sendall(f"echo be''gin; {cmd}; echo en''d $?\n".encode())
        self.expect(r"begin\n", timeout)
        start = self.seen
        match = self.expect(r"end (\d+)\n", timeout)
        output = self.text[start:match.start()]
        if check and match[1] != "0":
            raise CommandError(f"guest# {cmd}\n{output}(exit {match[1]})")
        return output

    def ended(self, timeout=30):
        """Until the guest is gone."""
        end = time.monotonic() + timeout
        while self._receive(max(0.1, end - time.monotonic())):
            if time.monotonic() > end:
                raise AssertionError(f"the guest did not end within {timeout} s; it said:\n{self.text}")

    def close(self):
        self.sock.close()

    @staticmethod
    def _connect(path):
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            return None
        return sock

    def _receive(self, timeout):
        """False at end of file; a time-out counts as nothing new."""
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            return True
        except ConnectionResetError:
            return False
        self.text += self.NOISE.sub("", data.decode(errors="replace"))
        return bool(data)
