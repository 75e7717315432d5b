# SPDX-License-Identifier: GPL-2.0-or-later
"""A document and a captured tree give one plan, word for word; applying it leaves the files expected.

A case is a folder under cases/:
    host.yaml    the document
    tree/        the machine's files before (may be missing: an empty machine)
    plan.txt     what `kvmhostctl --root TREE plan` prints
    files.txt    every file that apply made or changed, with its content
    status       exit status of plan, default 2
KVMHOST_ACCEPT=1 writes plan.txt and files.txt anew: read the difference before you commit it.
"""
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
CTL = os.environ.get("KVMHOSTCTL", "kvmhostctl")
CASES = sorted(p.parent.name for p in (HERE / "cases").glob("*/host.yaml"))
OURS = ("var/lib/kvmhost/", "run/kvmhost/")     # records and locks: with times and hashes


def snapshot(tree):
    return {str(p.relative_to(tree)): p.read_text() for p in sorted(tree.rglob("*"))
            if p.is_file() and not p.is_symlink()}


def ctl(tree, *verb):
    return subprocess.run([CTL, "--no-color", "--config", "host.yaml", "--root", str(tree), *verb],
                          cwd=tree.parent, capture_output=True, text=True, timeout=60)


def compare(path, text):
    if os.environ.get("KVMHOST_ACCEPT"):
        path.write_text(text)
    assert path.exists(), f"{path} is missing; KVMHOST_ACCEPT=1 writes it"
    assert text == path.read_text()


def changed_files(before, after):
    out = []
    for name in sorted(before.keys() | after.keys()):
        if name.startswith(OURS) or before.get(name) == after.get(name):
            continue
        if name in after:
            out.append(f"== {name}\n{after[name]}")
        else:
            out.append(f"== {name} is gone\n")
    return "".join(out)


@pytest.fixture
def case(request, tmp_path):
    source = HERE / "cases" / request.param
    tree = tmp_path / "tree"
    if (source / "tree").exists():
        shutil.copytree(source / "tree", tree, symlinks=True)
    else:
        tree.mkdir()
    shutil.copy(source / "host.yaml", tmp_path / "host.yaml")
    return source, tree


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_plan(case):
    source, tree = case
    before = snapshot(tree)
    r = ctl(tree, "plan")
    status = source / "status"
    assert r.stderr == ""
    assert r.returncode == (int(status.read_text()) if status.exists() else 2), r.stdout
    compare(source / "plan.txt", r.stdout)
    assert snapshot(tree) == before, "plan wrote something"


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_apply(case):
    source, tree = case
    before = snapshot(tree)
    r = ctl(tree, "apply")
    assert r.returncode == 0, r.stdout + r.stderr
    compare(source / "files.txt", changed_files(before, snapshot(tree)))
    again = ctl(tree, "plan")
    assert again.returncode == 0, f"the second plan is not empty:\n{again.stdout}{again.stderr}"


@pytest.mark.parametrize("case", CASES, indirect=True)
def test_release(case):
    """Everything given back: the tree's files are what they were."""
    _, tree = case
    before = snapshot(tree)
    assert ctl(tree, "apply").returncode == 0
    (tree.parent / "host.yaml").write_text("version: 1\n")
    r = ctl(tree, "apply", "--allow-mass-removal")
    assert r.returncode == 0, r.stdout + r.stderr
    assert changed_files(before, snapshot(tree)) == ""


def test_there_are_cases():
    assert len(CASES) >= 5


UNIT = "usr/lib/systemd/system/kvmhostd.service"
LINK = "etc/systemd/system/multi-user.target.wants/kvmhostd.service"


def image(tmp_path, yaml):
    (tmp_path / "host.yaml").write_text(yaml)
    tree = tmp_path / "tree"
    (tree / UNIT).parent.mkdir(parents=True, exist_ok=True)
    (tree / UNIT).write_text("[Service]\n")
    return tree


def test_kvmhostd_is_enabled_in_an_image(tmp_path):
    """What it cannot hold is made at its boot; given back, it is as it was."""
    tree = image(tmp_path, "version: 1\nbridges:\n  br0: {}\n")
    assert ctl(tree, "plan").returncode == 0 and not (tree / LINK).is_symlink()
    assert ctl(tree, "apply").returncode == 0
    assert os.readlink(tree / LINK) == "/" + UNIT
    assert ctl(tree, "apply").returncode == 0
    image(tmp_path, "version: 1\n")
    assert ctl(tree, "apply", "--allow-mass-removal").returncode == 0
    assert not (tree / LINK).is_symlink()


def test_what_he_enabled_stays_enabled(tmp_path):
    tree = image(tmp_path, "version: 1\nbridges:\n  br0: {}\n")
    (tree / LINK).parent.mkdir(parents=True)
    (tree / LINK).symlink_to("/" + UNIT)
    assert ctl(tree, "apply").returncode == 0
    image(tmp_path, "version: 1\n")
    assert ctl(tree, "apply", "--allow-mass-removal").returncode == 0
    assert (tree / LINK).is_symlink()


def test_before_the_first_apply(tmp_path):
    (tmp_path / "tree").mkdir()
    (tmp_path / "host.yaml").write_text("version: 1\n")
    diff = ctl(tmp_path / "tree", "diff")
    assert (diff.returncode, diff.stderr) == (1, "error: no document has been applied yet\n"
                                              "  = kvmhostctl plan compares the document with the machine\n")
    history = subprocess.run([CTL, "--root", tmp_path / "tree", "history"], capture_output=True, text=True, timeout=60)
    assert (history.returncode, history.stdout) == (0, "no document has been applied yet\n")
