# SPDX-License-Identifier: GPL-2.0-or-later
"""The test command's tiers. A tier that runs no test has failed; every skipped test is named with its reason."""
import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
CAPSULE = TOP / "tests/capsule/capsule"
HOST_LAYOUT = ["--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var"]
BUILDS = {  # name: (compiler, what meson is told)
    "gcc": ("gcc", []),
    "clang": ("clang", []),
    "asan": ("clang", ["-Db_sanitize=address,undefined", "-Db_lundef=false"]),
}
CLANG_FORMAT = "14"  # each version lays out a little differently; this one's word counts
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Tier:
    """What one tier found."""

    def __init__(self, name):
        self.name, self.passed, self.failures, self.skips, self.seconds = name, 0, [], [], 0.0

    def count(self, name, ok):
        if ok:
            self.passed += 1
        else:
            self.failures.append(name)

    @property
    def ran(self):
        return self.passed + len(self.failures)


class Run:
    """One call of tools/check: its options, its scratch folder, and the builds made so far."""

    def __init__(self, fast, scratch):
        self.fast, self.scratch, self.built = fast, Path(scratch), {}
        os.environ["CAPSULE_RUN"] = f"/run/kvmhost-check-{os.getpid()}"

    def call(self, *argv, timeout=600, quiet=False, **env):
        """True if the command succeeded; its output is shown, or with `quiet` only if it failed."""
        argv = [str(word) for word in argv]
        out = tempfile.TemporaryFile() if quiet else None
        process = subprocess.Popen(argv, cwd=TOP, env=os.environ | env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT if quiet else None, start_new_session=True)
        try:
            rc = process.wait(timeout)
        except subprocess.TimeoutExpired:
            rc = f"still running after {timeout} s"
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if rc != 0:
            if quiet:
                out.seek(0)
                sys.stdout.write(out.read().decode(errors="replace"))
            print(f"--- {' '.join(argv)[:150]}: {rc}", flush=True)
        return rc == 0

    def build(self, name):
        """The build folder, or None if it does not build. Made once per run, kept between runs."""
        if name not in self.built:
            compiler, options = BUILDS[name]
            folder = TOP / f"build-{name}"
            options = [*HOST_LAYOUT, "-Dwerror=true", "-Dtests=enabled", *options]
            stamp = folder / "check-options"
            if not stamp.exists() or stamp.read_text() != repr(options):
                shutil.rmtree(folder, ignore_errors=True)
                if self.call("meson", "setup", folder, *options, quiet=True, CC=compiler):
                    stamp.write_text(repr(options))
            ok = stamp.exists() and self.call("ninja", "-C", folder, quiet=True, timeout=1200)
            self.built[name] = folder if ok else None
        return self.built[name]

    def pytest(self, tier, folder, *options, label="", sudo=False, timeout=600, **env):
        if not sorted((TOP / folder).glob("test_*.py")):
            return
        report = self.scratch / f"{tier.name}{label}.xml"
        argv = ["/usr/bin/python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", TOP / folder,
                "--junitxml", report, *options, TOP / folder]
        if sudo and os.geteuid() != 0:
            argv = ["sudo", "env", f"CAPSULE_RUN={os.environ['CAPSULE_RUN']}", *(f"{k}={v}" for k, v in env.items()), *argv]
        ok = self.call(*argv, timeout=timeout, PYTHONUNBUFFERED="1", **env)
        cases = xml.etree.ElementTree.parse(report).iter("testcase") if report.exists() else []
        before = len(tier.failures)
        for case in cases:
            name = f"{label}{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
            skipped = case.find("skipped")
            if skipped is not None:
                tier.skips.append((name, skipped.get("message") or "no reason given"))
            else:
                tier.count(name, case.find("failure") is None and case.find("error") is None)
        if not ok and len(tier.failures) == before:
            tier.failures.append(f"{label}pytest itself")


# tiers


def build(run, tier):
    for name in ("gcc",) if run.fast else ("gcc", "clang"):
        tier.count(f"{name} -Werror", run.build(name) is not None)


def unit(run, tier):
    meson_suite(run, tier, "unit")


def netns(run, tier):
    """The kinds of src/net on the real kernel, each test in a network namespace of its own."""
    meson_suite(run, tier, "netns", builds=("gcc",), sudo=True)


def meson_suite(run, tier, suite, builds=("gcc", "asan"), sudo=False):
    for name in ("gcc",) if run.fast else builds:
        folder = run.build(name)
        if not folder:
            tier.failures.append(f"{name}: does not build")
            continue
        log = folder / "meson-logs/testlog.json"
        log.unlink(missing_ok=True)
        ok = run.call(*(["sudo"] if sudo and os.geteuid() != 0 else []),
                      "meson", "test", "-C", folder, "--suite", suite, "--no-rebuild", "--print-errorlogs",
                      "--timeout-multiplier", "4", quiet=True, timeout=900, **(SANITIZERS if name == "asan" else {}))
        before = len(tier.failures)
        for line in log.read_text().splitlines() if log.exists() else []:
            count_program(tier, f"{name}: ", json.loads(line))
        if not ok and len(tier.failures) == before:
            tier.failures.append(f"{name}: meson test itself")


def count_program(tier, label, entry):
    """One test program of meson's log; a cmocka one counts by the tests in it."""
    name = label + entry["name"].split("/")[-1].strip()
    said = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    cases = re.findall(r"^\[ +(OK|FAILED|SKIPPED|ERROR) +\] (?!\d+ test)(\w+)", said, re.M)
    failed = {case for word, case in cases if word in ("FAILED", "ERROR")}
    for case in dict.fromkeys(case for word, case in cases if word == "OK"):
        tier.count(f"{name}::{case}", True)
    for case in sorted(failed):
        tier.count(f"{name}::{case}", False)
    for case in dict.fromkeys(case for word, case in cases if word == "SKIPPED"):
        tier.skips.append((f"{name}::{case}", skip_reason(said, case)))
    if entry["result"] == "SKIP":
        tier.skips.append((name, said.strip().splitlines()[-1] if said.strip() else "no reason given"))
    elif entry["result"] not in ("OK", "EXPECTEDFAIL"):
        if not failed:
            tier.failures.append(f"{name} ({entry['result']})")
    elif not cases:
        tier.count(name, True)


def skip_reason(said, case):
    """cmocka's skip() takes no words; ours print `skip: why` first."""
    found = re.search(rf"^\[ RUN +\] {case}\n(?:(?!\[ RUN).*\n)*?skip: (.*)$", said, re.M)
    return found[1] if found else "no reason given"


def config(run, tier):
    against_kvmhostctl(run, tier, "tests/config")


def plan(run, tier):
    against_kvmhostctl(run, tier, "tests/plan")


def against_kvmhostctl(run, tier, folder):
    for name in ("gcc",) if run.fast else ("gcc", "asan"):
        built = run.build(name)
        if not built:
            tier.failures.append(f"{name}: does not build")
            continue
        run.pytest(tier, folder, label=f"{name}: ", KVMHOSTCTL=str(built / "src/kvmhostctl"),
                   **(SANITIZERS if name == "asan" else {}))


def capsule(run, tier):
    # each module has a capsule of its own, and waits for it most of the time
    against_installed(run, tier, "tests/capsule", 3600, "-n", "2", "--dist", "loadfile")


def lab(run, tier):
    against_installed(run, tier, "tests/lab", 2400)


def against_installed(run, tier, folder, timeout, *options):
    built, stage = run.build("gcc"), run.scratch / "stage"
    if not built or not run.call("meson", "install", "-C", built, "--no-rebuild", "--destdir", stage, quiet=True):
        tier.failures.append("nothing to install")
        return
    run.pytest(tier, folder, *options, sudo=True, timeout=timeout, KVMHOST_STAGE=str(stage))


def style(run, tier):
    sources = sorted(path for top in ("src", "tests") for path in (TOP / top).rglob("*.[ch]"))
    scripts = sorted(path for path in tracked("tools", "tests", ".ci") if first_line(path).startswith(b"#!/bin/"))
    pages = sorted((TOP / "man").glob("*.[0-9]"))
    version = subprocess.check_output(["clang-format", "--version"], text=True)
    if f"version {CLANG_FORMAT}." in version:
        tier.count("clang-format", run.call("clang-format", "--dry-run", "-Werror", *sources, quiet=True))
    else:
        tier.skips.append(("clang-format", f"needs version {CLANG_FORMAT}, here is {version.strip()}"))
    # it does not understand the cleanup attribute (clang-tidy does), and we have one thread
    noise = ("missingIncludeSystem", "memleak", "resourceLeak", "deallocret", "readdirCalled", "strtokCalled",
             "unknownMacro",  # jansson's and libnl's loops
             # cppcheck 2.17: our allocators abort instead of returning NULL; and it tells its own limits
             "nullPointerOutOfMemory", "nullPointerArithmeticOutOfMemory", "normalCheckLevelMaxBranches")
    tier.count("cppcheck", run.call(
        "cppcheck", "-q", "-j2", "--error-exitcode=1", "--enable=warning,portability", "--inline-suppr", "--std=c11",
        "--library=posix,gnu", *(f"--suppress={name}" for name in noise), "-D_GNU_SOURCE", "-DHAVE_IPTC",
        f"-I{TOP}/src", TOP / "src",
        quiet=True, timeout=1200))
    tier.count("shellcheck", run.call("shellcheck", "-x", "-e", "SC1091,SC2015,SC2016", *scripts, quiet=True))
    if pages:
        tier.count("mandoc", run.call("mandoc", "-T", "lint", "-W", "warning", *pages, quiet=True))
    bare = [path for path in [*sources, *scripts, *tracked("tests", "tools", suffix=".py")]
            if b"SPDX-License-Identifier: GPL-2.0-or-later" not in path.read_bytes()[:300] and path.parent.name != ".ci"]
    for path in bare:
        print(f"{path.relative_to(TOP)}: no SPDX-License-Identifier line at its top")
    tier.count("SPDX headers", not bare)


def tidy(run, tier):
    folder = run.build("clang")
    tier.count("clang-tidy", bool(folder) and run.call(
        "run-clang-tidy", "-quiet", "-p", folder, f"^{re.escape(str(TOP))}/src/", quiet=True, timeout=2400))


def tracked(*tops, suffix=None):
    return [path for top in tops for path in (TOP / top).rglob("*")
            if path.is_file() and "/tree/" not in str(path) and (suffix is None or path.suffix == suffix)]  # not what was captured


def first_line(path):
    with open(path, "rb") as file:
        return file.readline(80)


TIERS = {"build": build, "style": style, "unit": unit, "config": config, "plan": plan, "netns": netns,
         "capsule": capsule, "lab": lab, "tidy": tidy}
APART = ("lab", "tidy")  # a whole emulated machine, and an analyzer that takes minutes: said by --only
FAST = ("build", "unit", "config", "plan")


def summary(tiers):
    print(f"\n{'tier':<10}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for tier in tiers:
        print(f"{tier.name:<10}{tier.passed:>8}{len(tier.failures):>8}{len(tier.skips):>8}{tier.seconds:>9.1f}")
    print()
    for tier in tiers:
        for name, reason in tier.skips:
            print(f"skipped: {tier.name}: {name}: {reason}")
        for name in tier.failures:
            print(f"FAILED: {tier.name}: {name}")
    for name in APART:
        if name not in (tier.name for tier in tiers):
            print(f"not run: {name}: it has a tier of its own, tools/check --only {name}")
    passed, failed, skipped = (sum(numbers) for numbers in zip(
        *((tier.passed, len(tier.failures), len(tier.skips)) for tier in tiers)))
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


def stop_capsules():
    left = Path(os.environ["CAPSULE_RUN"])
    for capsule_dir in left.iterdir() if left.is_dir() else []:
        subprocess.run([CAPSULE, "stop", capsule_dir.name], check=False)
    with contextlib.suppress(OSError):
        left.rmdir()


def main():
    parser = argparse.ArgumentParser(prog="tools/check", description="Runs kvmhost's tests.")
    parser.add_argument("--fast", action="store_true", help=f"under a minute: {', '.join(FAST)}, with one compiler")
    parser.add_argument("--only", action="append", choices=TIERS, metavar="TIER", help=f"one of {', '.join(TIERS)}")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    done = []
    with tempfile.TemporaryDirectory(prefix="kvmhost-check-") as scratch:
        os.chmod(scratch, 0o755)
        run = Run(options.fast, scratch)
        try:
            for name in options.only or (FAST if options.fast else [name for name in TIERS if name not in APART]):
                print(f"== {name}", flush=True)
                tier, start = Tier(name), time.monotonic()
                TIERS[name](run, tier)
                if not tier.ran:
                    tier.failures.append("no test ran")
                tier.seconds = time.monotonic() - start
                done.append(tier)
        finally:
            stop_capsules()
    return summary(done)


if __name__ == "__main__":
    sys.exit(main())
