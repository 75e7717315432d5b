# SPDX-License-Identifier: GPL-2.0-or-later
"""host.memory.hugepages.SIZE.mount: a real hugetlbfs by a real unit. The number of pages is the machine's: as it is, so that
nothing of it is written; the lab sets it."""
import pytest
from documents import EMPTY, put
from harness import wait_until

PLACE = "/dev/huge-2M"
UNIT = r"/etc/systemd/system/dev-huge\x2d2M.mount"
WANTED = r"/etc/systemd/system/sysinit.target.wants/dev-huge\x2d2M.mount"


def mounted(host, place=PLACE):
    return host.run(f"findmnt -no FSTYPE,OPTIONS {place}", check=False).stdout.strip()


@pytest.fixture(scope="module")
def document(capsule):
    pages = capsule.read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages").strip()
    return f"version: 1\nhost:\n  memory: {{hugepages: {{2MiB: {{pages: {pages}, mount: {PLACE}}}}}}}\n"


def test_mounted_and_at_boot(capsule, document):
    put(capsule, document)
    plan = capsule.ctl("plan", check=False)
    assert plan.rc == 2 and f"hugetlbfs/{PLACE}" in plan.stdout, plan
    assert not mounted(capsule)
    capsule.ctl("apply")
    assert mounted(capsule).startswith("hugetlbfs") and "pagesize=2M" in mounted(capsule)
    assert capsule.ctl("plan").rc == 0
    capsule.reboot()
    assert "pagesize=2M" in mounted(capsule), "by systemd, without kvmhostd"
    assert capsule.ctl("plan").rc == 0


def test_unmounted_by_hand_it_comes_back(capsule, document):
    capsule.run(["umount", PLACE])
    plan = capsule.ctl("plan", check=False)
    assert plan.rc == 2 and "mounted" in plan.stdout, plan
    capsule.ctl("apply")
    assert "pagesize=2M" in mounted(capsule)


def test_killed_at_each_write(capsule, document):
    """Wherever it is killed, the next run makes it whole, and none is left when it goes."""
    for call in ("rename", "renameat", "symlinkat", "unlinkat"):
        for text in (EMPTY, document):
            put(capsule, text)
            capsule.run(f"strace -f -o /dev/null -e trace={call} -e inject={call}:signal=KILL:when=2 "
                        "kvmhostctl apply --allow-mass-removal", check=False)
            capsule.ctl("apply", "--allow-mass-removal")
            assert bool(mounted(capsule)) == capsule.exists(UNIT) == (text == document), call
            assert capsule.run(f"test -L '{WANTED}'", check=False).rc == (0 if text == document else 1)
            assert capsule.ctl("plan").rc == 0


def test_who_has_files_open_there_is_told(capsule, document):
    capsule.run(f"systemd-run -q --unit holder sh -c 'cd {PLACE} && exec sleep infinity'")
    wait_until(lambda: capsule.run("readlink /proc/$(systemctl show -P MainPID holder)/cwd").stdout.strip() == PLACE, what="it is there")
    put(capsule, EMPTY)
    result = capsule.ctl("apply", "--allow-mass-removal", check=False)
    assert result.rc == 1 and f"fuser -vm {PLACE}" in result.stdout, result
    capsule.run("systemctl stop holder")
    capsule.ctl("apply", "--allow-mass-removal")
    assert not mounted(capsule) and not capsule.exists(UNIT)
    assert capsule.ctl("plan").rc == 0


def test_one_of_others_is_left_alone(capsule, document):
    capsule.run(f"mkdir -p {PLACE} && mount -t hugetlbfs -o pagesize=2M theirs {PLACE}")
    put(capsule, document)
    assert f"= hugetlbfs/{PLACE}" in capsule.ctl("plan", check=False).stdout
    capsule.ctl("apply")
    assert not capsule.exists(UNIT) and capsule.ctl("plan").rc == 0
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert mounted(capsule)
    capsule.run(["umount", PLACE])


def test_a_place_with_a_blank(capsule, document):
    place = "/dev/huge pages"
    put(capsule, document.replace(PLACE, f'"{place}"'))
    capsule.ctl("apply")
    assert "pagesize=2M" in mounted(capsule, f"'{place}'") and capsule.ctl("plan").rc == 0
    put(capsule, EMPTY)
    capsule.ctl("apply", "--allow-mass-removal")
    assert not mounted(capsule, f"'{place}'") and not capsule.exists(r"/etc/systemd/system/dev-huge\x20pages.mount")
