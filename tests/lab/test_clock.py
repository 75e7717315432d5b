# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock is set while something waits for a time of day."""
import re
from datetime import datetime, timedelta

from harness import wait_until

WHEN = r"a reboot is waited for; it will be at (\S+ \S+) "


def planned(lab):
    """When kvmhostd last said that it would reboot."""
    times = re.findall(WHEN, lab.run("journalctl --sync; journalctl -q -o cat -u kvmhostd").stdout)
    return datetime.strptime(times[-1], "%Y-%m-%d %H:%M") if times else None


def test_a_reboot_does_not_come_a_day_late(lab):
    """The note is what an apply leaves that waits for a reboot."""
    lab.write("/etc/kvmhost/host.yaml", "version: 1\n", 0o600)
    lab.run("systemctl start kvmhostd")
    begin, end = lab.run("date -d +5hours +%H:%M; date -d +6hours +%H:%M").stdout.split()
    lab.write("/run/kvmhost/note", f'{{"format": 1, "document": "x", "window": "{begin}-{end}"}}')
    lab.run("mv /run/kvmhost/note /run/kvmhost/reboot.json")
    first = wait_until(lambda: planned(lab), 30, "a word of when")
    lab.run("date -s -1day")
    try:
        wait_until(lambda: planned(lab) == first - timedelta(days=1), 30, "a word of the night before")
    finally:
        lab.run("date -s +1day")
    wait_until(lambda: planned(lab) == first, 30, "the first time again")
    lab.run("rm /run/kvmhost/reboot.json; systemctl stop kvmhostd")
