# SPDX-License-Identifier: GPL-2.0-or-later
"""A link that leads nowhere, made by the real driver, keeps a bridge up."""

DOCUMENT = """\
version: 1
host: {kernel: {modules: {dummy: {options: {numdummies: 0}}}}}
dummies:
  quiet0: {mtu: 9000, mac: "52:54:00:6d:90:50"}
bridges:
  br7: {ports: [quiet0], addressing: [192.0.2.65/26]}
"""


def settle(host, text, *args):
    host.write("/etc/kvmhost/host.yaml", text)
    host.ctl("apply", *args)
    assert host.ctl("plan", check=False).rc == 0


def test_made_changed_and_released(lab):
    settle(lab, DOCUMENT)
    link = lab.run("ip -d link show quiet0").stdout
    assert "dummy" in link and "mtu 9000" in link and "52:54:00:6d:90:50" in link and "master br7" in link
    assert "LOWER_UP" in lab.run("ip link show br7").stdout
    settle(lab, DOCUMENT.replace("9000", "1400"))
    assert "mtu 1400" in lab.run("ip link show quiet0").stdout
    lab.run("ip link del quiet0")
    settle(lab, DOCUMENT)
    assert "master br7" in lab.run("ip link show quiet0").stdout
    settle(lab, "version: 1\n", "--allow-mass-removal")
    assert "quiet0" not in lab.run("ip -o link").stdout
