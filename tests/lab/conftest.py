# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: `lab` has kvmhost installed, `bare` is Debian alone; both are pristine for each test module.

One machine at a time, whoever runs tests here: each is two busy processors.
"""
import fcntl
import os
import re
import signal
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "capsule"))

from host import RUN, Lab  # noqa: E402
from machine import CACHE, machines  # noqa: E402

BOOTED = []


@pytest.fixture(scope="session", autouse=True)
def alone():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the machine, as ^C does
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock.tests", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in machines(RUN):  # by a session that was killed
            left.stop()
        yield


def boot(request, **hardware):
    """A new machine named after the test module, with what its HARDWARE adds, stopped at its end."""
    lab = Lab(re.sub(r"^test_", "", request.module.__name__))
    request.addfinalizer(lambda: (BOOTED.clear(), lab.stop()))
    BOOTED.append(lab)
    usual = {"warm": True, "cmdline": "intel_iommu=on"}
    lab.boot(**(usual | getattr(request.module, "HARDWARE", {}) | hardware))
    return lab


@pytest.fixture(scope="module")
def bare(request):
    return boot(request)


@pytest.fixture(scope="module")
def lab(request):
    stage = os.environ.get("KVMHOST_STAGE")
    if not stage:
        pytest.fail("KVMHOST_STAGE names no build: run tools/check --only lab, "
                    "or meson install --destdir DIR and set KVMHOST_STAGE=DIR", pytrace=False)
    made = boot(request)
    made.push(stage)
    return made


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        for lab in BOOTED:
            report.sections.append((f"machine of {lab.name}", lab.machine.ending()))
            try:
                report.sections.append((f"journal of {lab.name}", lab.journal() or "(nothing)"))
                kernel = lab.run("dmesg | tail -n 30", check=False, timeout=10).stdout
                report.sections.append((f"kernel log of {lab.name}", kernel))
            except Exception as error:  # the machine may be what is broken
                report.sections.append((f"journal of {lab.name}", f"not to be had: {error}"))
