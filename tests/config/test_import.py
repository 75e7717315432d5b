# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains of libvirt's as documents: what is carried over, what is said of the rest, and input that means harm.

KVMHOST_ACCEPT=1 writes what is seen into import/*.expect instead of comparing; then read the diff."""
import os
import pathlib
import subprocess

import pytest
from test_config import CTL, HERE

DOMAINS = sorted((HERE / "import").glob("*.xml"))


def imported(*paths):
    return subprocess.run([CTL, "--no-color", "import", "libvirt", *map(str, paths)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("path", DOMAINS, ids=lambda p: p.stem)
def test_domain(path, tmp_path):
    done = imported(path)
    assert done.returncode == 0, done.stderr
    expected = path.with_suffix(".expect")
    if os.environ.get("KVMHOST_ACCEPT"):
        expected.write_text(done.stdout)
    assert done.stdout == expected.read_text()
    document = tmp_path / "host.yaml"
    document.write_text(done.stdout + "networks: {default: {bridge: virbr0, addresses: [192.168.122.1/24]}}\n")
    checked = subprocess.run([CTL, "check", str(document)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


def test_a_remark_stays_a_comment(tmp_path):
    """&#10; in an attribute is a line's end, behind which a guest could stand that nobody asked for."""
    path = tmp_path / "a.xml"
    path.write_text("<domain><name>a</name><memory>1048576</memory><os><type>hvm&#10;  b: {}</type></os><devices>"
                    "<hostdev type='x&#10;  evil: {memory: {size: 1GiB}}'/></devices></domain>")
    done = imported(path)
    assert done.returncode == 0 and "evil" in done.stdout, done
    assert all(line.startswith("    # ") for line in done.stdout.splitlines() if "evil" in line or "b: {}" in line), done.stdout


@pytest.mark.parametrize("text, said", [
    ("", "no element found"),
    ("<domain>", "line 1: no element found"),
    ("<network><name>default</name></network>", "is no domain of libvirt's, but <network>"),
    ("<a>" * 200 + "</a>" * 200, "line 1: parsing aborted"),
    ("<!DOCTYPE d [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><domain><name>&b;</name></domain>", "undefined entity"),
], ids=["empty", "half", "network", "deep", "entity"])
def test_what_is_no_domain(tmp_path, text, said):
    path = tmp_path / "x.xml"
    path.write_text(text)
    done = imported(path)
    assert done.returncode == 1 and said in done.stderr and not done.stdout, done


def test_a_name_is_text(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text("<domain><name>a: {b}\n# c</name><devices><disk><source file='/a\", size: 1'/></disk></devices></domain>")
    done = imported(path)
    assert done.returncode == 0 and '"a---b----c":' in done.stdout and "# name: a: {b} # c" in done.stdout and 'path: "/a\\", size: 1"' in done.stdout, done.stdout
