# SPDX-License-Identifier: GPL-2.0-or-later
"""What `--root` leaves in the tree of a bootc image, as a TOML parser that is not ours reads it."""
import os
import subprocess
import tomllib

CTL = os.environ.get("KVMHOSTCTL", "kvmhostctl")
DOCUMENT = """version: 1
host:
  iommu: {passthrough: true}
  kernel: {cmdline: ['dyndbg="file a.c +p"']}
  memory: {hugepages: {1GiB: 4}}
"""


def ctl(root, *words):
    return subprocess.run([CTL, "--no-color", "--root", root, *words], capture_output=True, text=True, timeout=60)


def test_kargs(tmp_path):
    for path, text in (("etc/kvmhost/host.yaml", DOCUMENT), ("usr/bin/bootc", "")):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
        (tmp_path / path).chmod(0o600)
    done = ctl(tmp_path, "apply")
    assert done.returncode == 0, done
    own = tmp_path / "usr/lib/bootc/kargs.d/90-kvmhost.toml"
    assert tomllib.loads(own.read_text()) == {
        "kargs": ['dyndbg="file a.c +p"', "intel_iommu=on", "iommu=pt", "hugepagesz=1G", "hugepages=4"]}
    again = ctl(tmp_path, "plan")
    assert again.returncode == 0, again
