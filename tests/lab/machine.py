# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's machine: made, booted, spoken to and ended. The command line is in `lab`, the tests' view in harness.py.

Nothing that passes between here and there touches its network, so that what runs in there may break that: QEMU's
own monitor (QMP) and the guest agent's virtio-serial port are all. QEMU outlives the process that started it.
"""
import base64
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("LAB_CACHE", "/var/cache/kvmhost-lab"))
RUN = Path(os.environ.get("LAB_RUN", CACHE / "run"))
BOOT_TIME = 360  # seconds that a boot may take; 30 is usual, and three times that on a busy machine
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SVM = "EPYC,+svm,+npt,-fxsr-opt,-misalignsse,-osvw,-topoext,-nrip-save,-xsavec"
VTD = ["-device", "intel-iommu,intremap=on,caching-mode=on"]
VTD_ALONE = ["-device", "intel-iommu,intremap=off,caching-mode=on"]
PROFILES = {  # CPU and IOMMU; README.md says what each is good for
    "hybrid": (SVM, VTD),
    "unsafe": (SVM, VTD_ALONE),
    "intel": (SVM.replace("+svm,+npt,", "") + ",vendor=GenuineIntel", VTD),
    "amd": (SVM, ["-device", "amd-iommu,intremap=off"]),
    "none": (SVM, []),
}
HARDWARE = {"profile": "hybrid", "nics": "1", "memory": "2560", "cmdline": "", "qemu": ""}


class LabError(Exception):
    """Said to whoever asked, without a traceback."""


# what machines are made of


def digest(*parts):
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name):
    with open(CACHE / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(*paths):
    """With all that is in them, but nothing that may be mounted there."""
    subprocess.run(["rm", "-rf", "--one-file-system", *paths], check=True)


def made(script, *inputs, arguments=()):
    """What HERE/make-SCRIPT makes, from the cache as long as its inputs are the same."""
    sources = [HERE / f"make-{script}", HERE / "../../tools/lib/debian.sh", *inputs]
    release = re.search(r"^VERSION_CODENAME=(.*)$", Path("/etc/os-release").read_text(), re.M)
    path = CACHE / f"{script}-{digest(release and release[1], *arguments, *(file.read_text() for file in sources))}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(f"lock.{script}"):
        if not path.exists():
            remove(*CACHE.glob(f"{script}-*"))
            part = path.with_name(f"{script}-part")
            if subprocess.run([sources[0], part, *arguments], stdin=subprocess.DEVNULL, stdout=2).returncode:
                raise LabError(f"make-{script} failed")
            part.rename(path)
    return path


def make():
    """The emulator and the disk."""
    if os.geteuid() != 0:
        raise LabError("needs root")
    overlay = sorted(path for path in (HERE / "overlay").rglob("*") if path.is_file())
    return Emulator(made("emulator")), made("disk", HERE / "packages", HERE / "../capsule/packages", *overlay)


def make_iommufd(kernel):
    """What a machine with this kernel lacks for iommufd: a tar for its root."""
    return made("iommufd", arguments=(kernel, str(made("emulator"))))


class Emulator:
    """Programs of the unpacked QEMU, with its own libraries and firmware."""

    def __init__(self, root):
        self.root = root

    def command(self, program):
        libraries = ":".join(f"{self.root}{top}/lib/x86_64-linux-gnu" for top in ("/usr", ""))
        return [f"{self.root}/lib64/ld-linux-x86-64.so.2", "--library-path", libraries, f"{self.root}/usr/bin/{program}"]

    def environment(self):
        return os.environ | {"QEMU_MODULE_DIR": f"{self.root}/usr/lib/x86_64-linux-gnu/qemu"}

    def overlay(self, path, base, form):
        subprocess.run([*self.command("qemu-img"), "create", "-q", "-f", "qcow2", "-F", form, "-b", base, path],
                       check=True, env=self.environment())

    def hardware(self, wanted):
        """Part of what a saved machine's RAM depends on, so nothing in it names a file of one machine."""
        cpu, iommu = PROFILES[wanted["profile"]]
        argv = ["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", "2", "-m", wanted["memory"],
                "-nodefaults", "-display", "none", "-rtc", "base=utc",
                "-L", f"{self.root}/usr/share/qemu", "-L", f"{self.root}/usr/share/seabios",
                "-L", f"{self.root}/usr/lib/ipxe/qemu", *iommu, "-device", "virtio-rng-pci",
                "-netdev", "user,id=up0,restrict=on", "-device", "virtio-net-pci,netdev=up0,mac=52:54:00:1a:b0:00"]
        for n in range(1, int(wanted["nics"]) + 1):
            argv += ["-device", f"pcie-root-port,id=port{n},chassis={n},slot={n}",
                     "-netdev", f"user,id=nic{n},restrict=on,net=10.{100 + n}.0.0/24",
                     "-device", f"igb,bus=port{n},netdev=nic{n},mac=52:54:00:1a:b1:{n:02x}"]
        if wanted["cmdline"]:
            argv += ["-smbios", "type=11,value=" + wanted["cmdline"].replace(",", ",,")]
        return argv + shlex.split(wanted["qemu"])


# talking to it


class Wire:
    """Commands and answers, one JSON object a line, on a unix socket."""

    def __init__(self, path, timeout):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, command, **arguments):
        self.sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")

    def receive(self):
        line = self.file.readline()
        if not line:
            raise ConnectionResetError("the other end is gone")
        return json.loads(line)

    def call(self, command, **arguments):
        self.send(command, **arguments)
        while True:
            answer = self.receive()
            if "error" in answer:
                raise LabError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


class Monitor(Wire):
    """QEMU's own."""

    def __init__(self, path, timeout=60):
        super().__init__(path, timeout)
        self.receive()
        self.call("qmp_capabilities")

    def human(self, command):
        return self.call("human-monitor-command", **{"command-line": command})


class Agent(Wire):
    """The guest agent in the machine."""

    ids = itertools.count(os.getpid() << 16)

    def __init__(self, path, timeout=60):
        super().__init__(path, timeout)
        # what an earlier caller did not wait for may still come; all up to the mark is that
        number = next(self.ids)
        self.sock.sendall(b"\xff")
        self.send("guest-sync-delimited", id=number)
        while True:
            while (byte := self.file.read(1)) != b"\xff":
                if not byte:
                    raise ConnectionResetError("the other end is gone")
            if self.receive().get("return") == number:
                return


# the machine


class Machine:
    def __init__(self, name, run=RUN):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise LabError("a NAME of letters, digits, - and _ is needed")
        self.name, self.dir = name, run / name
        self.qemu = None  # its process, for whoever started it

    # life

    def boot(self, warm=False, **wanted):
        """`warm`: from a saved machine that has just booted; for hardware that was never saved, saves it first."""
        wanted = HARDWARE | {key: str(value) for key, value in wanted.items()}
        if unknown := set(wanted) - set(HARDWARE):
            raise LabError(f"no such hardware: {', '.join(unknown)}; there is {', '.join(HARDWARE)}")
        if wanted["profile"] not in PROFILES:
            raise LabError(f"no profile {wanted['profile']}; there are {', '.join(PROFILES)}")
        emulator, disk = make()
        if self.booted():
            raise LabError(f"{self.name} is booted already")
        self.stop()  # what a crash left
        if warm:
            saved = self._saved(emulator, disk, wanted)
            self._start(emulator, wanted, saved / "disk", "qcow2", "-incoming", "defer")
            with self._last_words(), self._monitor() as monitor:
                mapped_ram(monitor)
                monitor.call("migrate-incoming", uri=f"file:{saved}/ram")
                until_migrated(monitor)
                monitor.call("cont")
        else:
            self._start(emulator, wanted, disk, "raw")
        self.wait()

    def _saved(self, emulator, disk, wanted):
        """The folder with disk and RAM of a machine that has just booted."""
        hardware = emulator.hardware(wanted)
        saved = CACHE / f"saved-{digest(disk, *hardware)}"
        with locked("lock.saved"):
            if not saved.exists():
                made_from = f"{emulator.root} {disk}"
                remove(*(old for old in CACHE.glob("saved-*") if not (old / "made-from").exists()
                         or (old / "made-from").read_text() != made_from))
                part = CACHE / "saved-part"
                part.mkdir()
                emulator.overlay(part / "disk", disk, "raw")
                first = Machine(f"{self.name}-saved", self.dir.parent)
                first.stop()
                try:
                    first._start(emulator, wanted, part / "disk", None)
                    first.wait()
                    first.run(["sync"])
                    with first._last_words(), first._monitor() as monitor:
                        monitor.call("stop")
                        mapped_ram(monitor)
                        monitor.call("migrate", uri=f"file:{part}/ram")
                        until_migrated(monitor)
                        monitor.call("quit")
                    first._ended(20)
                except BaseException:
                    remove(part)
                    raise
                finally:
                    first.stop()
                (part / "made-from").write_text(made_from)  # now it is whole
                part.rename(saved)
        return saved

    def _start(self, emulator, wanted, disk, form, *more):
        """QEMU on a throw-away layer over the disk; on the disk itself when it has no `form`."""
        self.dir.mkdir(parents=True)
        if form:
            emulator.overlay(self.dir / "disk", disk, form)
            disk = self.dir / "disk"
        argv = [*emulator.command("qemu-system-x86_64"), *emulator.hardware(wanted), "-msg", "timestamp=on",
                "-drive", f"file={disk},if=none,id=root,format=qcow2,cache=unsafe,discard=unmap",
                "-device", "virtio-blk-pci,drive=root,bootindex=1",
                "-serial", f"file:{self.dir}/console", "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.dir}/agent,server=on,wait=off",
                "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0", *more]
        with open(self.dir / "qemu.log", "w") as log:
            self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                         env=emulator.environment(), start_new_session=True)
        (self.dir / "pid").write_text(f"{self.qemu.pid} {start_time(self.qemu.pid)}")
        self._until(self._listens, 30, "no QEMU")

    def booted(self):
        """Its QEMU's process id, if it lives and is the one we started."""
        try:
            pid, start = (self.dir / "pid").read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(pid) == start else None

    def stop(self):
        if pid := self.booted():
            os.kill(pid, signal.SIGKILL)
            self._ended(20)
        self.qemu = None
        remove(self.dir)
        with contextlib.suppress(OSError):
            self.dir.parent.rmdir()

    def wait(self):
        """Until systemd and udev have finished booting; `degraded` counts, the caller sees what failed."""
        self._until(self._boot_id, BOOT_TIME, "its agent does not answer")
        self.run(["date", "-s", f"@{time.time():.0f}"])  # a saved machine woke up in the past
        self._until(lambda: self.run(["systemctl", "is-system-running"]).stdout.strip() in (b"running", b"degraded"),
                    BOOT_TIME, "it does not finish booting")
        self.run(["udevadm", "settle"], timeout=120)

    def reboot(self):
        """In order; returns when it is up again."""
        def ask():
            with contextlib.suppress(OSError, ValueError):  # its agent may be gone before it has answered
                self.run(["systemctl", "--no-block", "reboot"], patience=5)
        self._until_rebooted(ask)

    def power_cut(self, whole=True):
        """Nothing is written back, no unit is stopped; returns when it is up again, or else when its agent answers."""
        self._until_rebooted(lambda: self.monitor("system_reset"), whole)

    # work

    def run(self, argv, input=b"", timeout=60, patience=30):
        """A command in there, ended after `timeout` seconds (exit 124); `patience`: seconds to wait for no answer."""
        deadline = time.monotonic() + timeout + patience
        with self._last_words(), self._agent(patience) as agent:
            pid = agent.call("guest-exec", path="/usr/bin/timeout", arg=["-k", "5", str(timeout), *map(str, argv)],
                             env=[f"PATH={SEARCH_PATH}", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb"],
                             **{"input-data": base64.b64encode(input).decode(), "capture-output": True})["pid"]
            pause = 0.01
            while not (state := agent.call("guest-exec-status", pid=pid))["exited"]:
                if time.monotonic() > deadline:
                    raise LabError(f"{self.name}: no end of {argv}")
                time.sleep(pause)
                pause = min(pause * 1.5, 0.25)
        output = {key: base64.b64decode(state.get(f"{key}-data", "")) for key in ("out", "err")}
        return subprocess.CompletedProcess(argv, state.get("exitcode", 128 + state.get("signal", 0)),
                                           output["out"], output["err"])

    def push(self, stage):
        """Installs a DESTDIR tree."""
        if not Path(stage).is_dir():
            raise LabError(f"{stage} is no directory")
        tree = subprocess.run(["tar", "-C", stage, "--owner=0", "--group=0", "-czf", "-", "."], check=True,
                              stdout=subprocess.PIPE).stdout
        done = self.run(["sh", "-ec", "tar -C / --keep-directory-symlink --no-overwrite-dir -xzf -; "
                         "systemd-sysusers; systemd-tmpfiles --create 2>/dev/null || true; systemctl daemon-reload; "
                         "busctl -q call org.freedesktop.DBus / org.freedesktop.DBus ReloadConfig"],
                        input=tree, timeout=120)
        if done.returncode:
            raise LabError(f"{self.name}: {done.stderr.decode(errors='replace')}")

    def monitor(self, command):
        """A line of QEMU's human monitor; its answer."""
        with self._last_words(), self._monitor() as monitor:
            return monitor.human(command)

    def console(self):
        with contextlib.suppress(FileNotFoundError):
            return (self.dir / "console").read_text(errors="replace").replace("\r", "")
        return ""

    def said(self):
        """By its QEMU: an assertion that ended it."""
        with contextlib.suppress(FileNotFoundError):
            return (self.dir / "qemu.log").read_text(errors="replace")
        return ""

    def ending(self):
        """How QEMU ended, and the ends of what it and the machine in it said: all that is left to find out why."""
        status = self.qemu.poll() if self.qemu else None
        if status is None:
            how = "lives" if self.booted() else "ended, with a status that only its parent could have"
        else:
            how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return (f"{self.name}: QEMU {how}\nIts last words:\n{self.said()[-3000:].strip() or '(none)'}\n"
                f"Its console:\n{self.console()[-3000:].strip() or '(nothing)'}")

    # parts

    @contextlib.contextmanager
    def _last_words(self):
        """What goes wrong because QEMU has ended is told as that."""
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: half an answer
            end = time.monotonic() + (0 if isinstance(error, TimeoutError) else 2)  # its sockets go before it does
            while self.booted() and time.monotonic() < end:
                time.sleep(0.05)
            if self.booted():
                raise
            raise LabError(self.ending()) from error

    def _monitor(self):
        return Monitor(self.dir / "qmp")

    def _listens(self):
        with contextlib.suppress(OSError), self._monitor():
            return True
        return False

    def _agent(self, timeout):
        if not self.booted():
            raise LabError(self.ending() if self.qemu else f"{self.name} is not booted")
        return Agent(self.dir / "agent", timeout)

    def _boot_id(self):
        """Of the boot that answers now, if one does."""
        with contextlib.suppress(OSError, ValueError, LabError):
            return self.run(["cat", "/proc/sys/kernel/random/boot_id"], timeout=2, patience=2).stdout

    def _until_rebooted(self, reboot, whole=True):
        old = self._boot_id()
        reboot()
        self._until(lambda: self._boot_id() not in (None, b"", old), BOOT_TIME, "it does not come back")
        if whole:
            self.wait()

    def _until(self, condition, timeout, what):
        end = time.monotonic() + timeout
        while not condition():
            if not self.booted():
                raise LabError(self.ending())
            if time.monotonic() > end:
                raise LabError(f"{what} within {timeout} s; {self.ending()}")
            time.sleep(0.1)

    def _ended(self, timeout):
        end = time.monotonic() + timeout
        while pid := self.booted():
            if time.monotonic() > end:
                raise LabError(f"{self.name}: process {pid} does not end")
            time.sleep(0.02)


def machines(run=RUN):
    return [Machine(path.name, run) for path in sorted(run.iterdir())] if run.is_dir() else []


def mapped_ram(monitor):
    monitor.call("migrate-set-capabilities", capabilities=[{"capability": "mapped-ram", "state": True}])


def until_migrated(monitor):
    while (state := monitor.call("query-migrate")).get("status") != "completed":
        if state.get("status") == "failed":
            raise LabError(f"the machine's state was not taken: {state.get('error-desc', state)}")
        time.sleep(0.05)


def start_time(pid):
    """Of a living process; with the id it names one process for good."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if state == "Z" else rest[18]
