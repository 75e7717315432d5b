# SPDX-License-Identifier: GPL-2.0-or-later
"""Fifty small guests in five levels of `after`: one level after the other, and all of a level at once."""
import pytest
from documents import put

LEVELS = [[f"g{level}{n}" for n in range(10)] for level in range(5)]
ALL = [name for level in LEVELS for name in level]
TIMES = ["InactiveExit", "ActiveEnter", "ActiveExit", "InactiveEnter"]  # begins to start, is up, begins to stop, is down


def document():
    """Nothing to boot and nobody to hear the power button: each is switched off when its second is over."""
    text = "version: 1\nguests:\n"
    for number, names in enumerate(LEVELS):
        after = f", after: [{', '.join(LEVELS[number - 1])}]" if number else ""
        text += "".join(f"  {name}: {{memory: {{size: 16MiB}}, disks: [{{path: /srv/{name}, format: raw, size: 1MiB}}], "
                        f"shutdown: {{timeout: 1s}}{after}}}\n" for name in names)
    return text


def times(host):
    """Of each guest, in microseconds since boot."""
    asked = " ".join(f"kvmhost-guest@{name}.service" for name in ALL)
    blocks = host.run(f"systemctl show -p {','.join(t + 'TimestampMonotonic' for t in TIMES)} {asked}").stdout.split("\n\n")
    found = {name: dict(line.split("TimestampMonotonic=") for line in block.split()) for name, block in zip(ALL, blocks)}
    return {name: {key: int(value) for key, value in one.items()} for name, one in found.items()}


@pytest.fixture(scope="module")
def host(capsule):
    put(capsule, document())
    capsule.ctl("apply", timeout=240)
    capsule.remember(*(f"kvmhost-guest@{name}.service" for name in ALL))
    return capsule


def test_each_level_starts_after_the_one_before(host):
    at = times(host)
    assert all(one["ActiveEnter"] for one in at.values()), at
    for lower, upper in zip(LEVELS, LEVELS[1:]):
        assert max(at[name]["ActiveEnter"] for name in lower) <= min(at[name]["InactiveExit"] for name in upper)


def check_stop(host):
    at = times(host)
    assert all(one["InactiveEnter"] > one["ActiveEnter"] for one in at.values()), at
    for lower, upper in zip(LEVELS, LEVELS[1:]):
        assert max(at[name]["InactiveEnter"] for name in upper) <= min(at[name]["ActiveExit"] for name in lower)
    for level in LEVELS:
        last_asked, first_down = max(at[name]["ActiveExit"] for name in level), min(at[name]["InactiveEnter"] for name in level)
        assert last_asked < first_down, "all of a level are asked before the first of it is down"


def test_by_hand_they_stop_the_other_way_round_and_each_level_at_once(host):
    host.ctl("guest", "stop", *ALL, timeout=120)
    check_stop(host)


def test_and_as_the_host_shuts_down(host):
    host.ctl("guest", "start", *ALL, timeout=120)
    host.run("systemctl stop kvmhost-guests.slice", timeout=120)
    check_stop(host)
