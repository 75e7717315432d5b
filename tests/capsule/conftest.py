# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: `capsule` has kvmhost installed, `bare` is Debian alone; both are pristine for each test module."""
import os
import re
from pathlib import Path

import pytest
from harness import Capsule

BOOTED = []
os.environ.setdefault("CAPSULE_RUN", f"/run/kvmhost-capsule-{os.getpid()}")


def boot(request, suffix=""):
    """A new capsule named after the test module, stopped at its end."""
    capsule = Capsule(re.sub(r"^test_", "", request.module.__name__) + suffix)
    request.addfinalizer(lambda: (BOOTED.remove(capsule) if capsule in BOOTED else None, capsule.stop()))
    capsule.boot()
    BOOTED.append(capsule)
    return capsule


def pytest_generate_tests(metafunc):
    """A module's BACKENDS: all of its tests, once with each firewall backend."""
    backends = getattr(metafunc.module, "BACKENDS", None)
    if backends and "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", backends, indirect=True, scope="module")


def install(capsule):
    stage = os.environ.get("KVMHOST_STAGE")
    if not stage:
        pytest.fail("KVMHOST_STAGE names no build: run tools/check --only capsule, "
                    "or meson install --destdir DIR and set KVMHOST_STAGE=DIR", pytrace=False)
    capsule.push(stage)


@pytest.fixture(scope="session", autouse=True)
def leave_nothing():
    yield
    run = Path(os.environ["CAPSULE_RUN"])
    if run.is_dir() and not any(run.iterdir()):
        run.rmdir()


@pytest.fixture(scope="module")
def backend(request):
    return getattr(request, "param", None)


@pytest.fixture(scope="module")
def capsule(request, backend):
    made = boot(request)
    made.backend = backend
    install(made)
    return made


@pytest.fixture(scope="module")
def bare(request):
    return boot(request, "-bare")


@pytest.fixture
def another(request, backend):
    """Boots further capsules, for one test: another("b"), another("c", kvmhost=True)."""
    def make(suffix, kvmhost=False):
        made = boot(request, "-" + suffix)
        made.backend = backend
        if kvmhost:
            install(made)
        return made
    return make


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and call.when != "teardown":
        for capsule in BOOTED:
            try:
                report.sections.append((f"journal of {capsule.name}", capsule.journal() or "(nothing)"))
                failed = capsule.run("systemctl --failed --no-pager --plain --no-legend", check=False, timeout=10).stdout
                if failed:
                    report.sections.append((f"failed units of {capsule.name}", failed))
            except Exception as error:  # the capsule may be what is broken
                report.sections.append((f"journal of {capsule.name}", f"not to be had: {error}"))
