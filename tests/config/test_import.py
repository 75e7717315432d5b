# SPDX-License-Identifier: GPL-2.0-or-later
"""Domains of libvirt's as documents: what is carried over, what is said of the rest, and input that means harm.

KVMHOST_ACCEPT=1 writes what is seen into import/*.expect instead of comparing; then read the diff."""
import os
import pathlib
import re
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
    lost = re.fullmatch(r"(warning: [\w.-]+: \d+ things? (is|are) not carried over; comments say which\n)?", done.stderr)
    assert lost and bool(lost[1]) == ("# Not carried over" in done.stdout), done.stderr
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
    assert "\n  = " in done.stderr and "virsh dumpxml --inactive NAME" in done.stderr, done


def test_a_file_that_is_not_there(tmp_path):
    done = imported(tmp_path / "none.xml")
    assert done.returncode == 1 and "none.xml: No such file or directory\n  = " in done.stderr and "virsh dumpxml" in done.stderr, done


def test_two_domains_are_two_guests(tmp_path):
    names = ["a b", "a-b", "a/b", "x" * 70, "x" * 70 + "y"]
    paths = []
    for i, name in enumerate(names):
        paths.append(tmp_path / f"{i}.xml")
        paths[-1].write_text(f"<domain><name>{name}</name><os><type>hvm</type><kernel>/boot/k</kernel></os></domain>")
    done = imported(*paths)
    keys = re.findall('^  "(.*)":$', done.stdout, re.M)
    assert done.returncode == 0 and keys[:3] == ["a-b", "a-b-2", "a-b-3"] and len(set(keys)) == 5, done
    assert "warning: the domain `a-b` is a-b-2 here: another one is a-b\n" in done.stderr, done.stderr
    assert "# name: a/b\n" in done.stdout, done.stdout
    document = tmp_path / "host.yaml"
    document.write_text(done.stdout)
    checked = subprocess.run([CTL, "check", str(document)], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stderr


def test_a_name_is_text(tmp_path):
    path = tmp_path / "x.xml"
    path.write_text("<domain><name>a: {b}\n# c</name><devices><disk><source file='/a\", size: 1'/></disk></devices></domain>")
    done = imported(path)
    assert done.returncode == 0 and '"a---b----c":' in done.stdout and "# name: a: {b} # c" in done.stdout and 'path: "/a\\", size: 1"' in done.stdout, done.stdout
