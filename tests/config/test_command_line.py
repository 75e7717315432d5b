# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line itself: an option that a verb does not know is refused, completions offer what is taken, and what is
said goes to nobody's file.

KVMHOSTCTL=path      the program under test (default: kvmhostctl on PATH)
"""
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
COMPLETIONS = HERE.parent.parent / "completions"
CTL = os.path.abspath(shutil.which(os.environ.get("KVMHOSTCTL", "kvmhostctl")) or pytest.exit("KVMHOSTCTL names no program", 2))
DOCUMENT = "version: 1\nhost: {kernel: {sysctl: {vm.swappiness: 10}}}\n"
# Below every verb in the completions too; --man and --overdue are for the build and the timer.
EVERYWHERE = {"--config", "--root", "--json"}
NOT_FOR_PEOPLE = {"--man", "--overdue"}


def run(*args, **options):
    return subprocess.run([CTL, *map(str, args)], capture_output=True, text=True, timeout=60, **options)


@pytest.fixture(scope="module")
def as_nobody():
    """Runs a copy that everybody reaches: the tree may be below a directory of root's alone."""
    with tempfile.TemporaryDirectory(prefix="kvmhost-nobody-") as place:
        os.chmod(place, 0o755)
        program = shutil.copy(CTL, place)
        yield lambda *args: subprocess.run([program, *args], capture_output=True, text=True, timeout=60, cwd="/",
                                           user=65534, group=65534, extra_groups=[])


def verbs():
    lines = run("--help").stdout.split("\n\n")[1].splitlines()
    return sorted({line.split()[0] for line in lines})


def options():
    """All of them, as it lists what `--=` may mean."""
    return sorted(set(re.findall(r"(--[a-z-]+)", run("--=").stderr)))


def takes(verb):
    """The options that are not refused. Too many or wrong words beside them: nothing is done."""
    words = {"guest": ["nothing"], "import": ["nothing", "x"], "doctor": ["nothing"], "devices": ["nothing"],
             "check": ["/nowhere"]}.get(verb, ["x", "x", "x"])
    values = {"--config": ["/nowhere"], "--root": ["/"], "--confirm": ["60s"]}
    return {option for option in options() if option not in ("--help", "--version", "--no-color")
            and f"`{verb}` does not know the option {option}\n" not in run(option, *values.get(option, []), verb, *words).stderr}


def test_what_a_verb_does_not_know_is_refused(tmp_path):
    (tmp_path / "host.yaml").write_text(DOCUMENT)
    for verb, option in (("plan", "--confirm=60s"), ("reload", "--confirm=60s"), ("reload", "--config=host.yaml"),
                         ("apply", "--merged"), ("plan", "--tree"), ("explain", "--json"), ("revert", "--root=/")):
        said = run(option, verb, cwd=tmp_path)
        name = option.split("=")[0]
        assert said.returncode == 1 and said.stdout == "" and f"`{verb}` does not know the option {name}\n" in said.stderr, said
    said = run("--json", "check", "--merged", "host.yaml", cwd=tmp_path)
    assert said.returncode == 1 and said.stdout == "" and "--merged prints YAML" in said.stderr, said


def test_check_reads_files_beside_those_of_config(tmp_path):
    (tmp_path / "common.yaml").write_text("bridges: {br0: {}}\n")
    (tmp_path / "host.yaml").write_text("version: 1\n")
    said = run("--config", "common.yaml", "check", "host.yaml", "--merged", cwd=tmp_path)
    assert said.returncode == 0 and "common.yaml:1:16" in said.stdout and "host.yaml:1:10" in said.stdout, said


def test_json_of_nothing_is_a_list(tmp_path):
    assert json.loads(run("--root", tmp_path, "--json", "history").stdout) == {"format": 1, "generations": []}


def test_status_of_an_image(tmp_path):
    """Everybody can compare files; what only a running machine has is told as such."""
    (tmp_path / "host.yaml").write_text(DOCUMENT + "bridges: {br0: {}}\n")
    tree = tmp_path / "tree"
    tree.mkdir()

    def status(*words):
        return run("--config", "host.yaml", "--root", "tree", *words, cwd=tmp_path)
    before = status("status")
    assert before.returncode == 1 and "document    none applied" in before.stdout and "1 differs from the document" in before.stdout, before
    assert status("apply").returncode == 0
    after = status("status")
    assert after.returncode == 0 and "document    generation 1" in after.stdout and "files       as the document says" in after.stdout, after
    assert "bridge/br0 waits for the machine that boots" in after.stdout and "kvmhostd" not in after.stdout, after
    seen = json.loads(status("--json", "status").stdout)
    assert [s["resource"] for s in seen["drift"]] == ["bridge/br0"] and seen["daemon"] is None, seen
    one = status("status", "sysctl/vm.swappiness").stdout.splitlines()
    assert one == ["resource    sysctl/vm.swappiness, as wanted", "wanted at   host.yaml:2:26",
                   "before      it was not there: kvmhost made it"], one
    assert "waits for the machine that boots" in status("status", "bridge/br0").stdout
    (tree / "etc/sysctl.d/90-kvmhost.conf").unlink()
    assert status("status").returncode == 1
    (tmp_path / "host.yaml").write_text("version: 2\n")
    bad = status("status")
    assert bad.returncode == 1 and "the document is not valid" in bad.stdout and "generation 1" in bad.stdout, bad
    assert "nothing is known of `bridge/br1`: not compared, the document is not valid\n  = " in status("status", "bridge/br1").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes nobody, which only root can")
def test_who_is_not_root_knows_nothing_of_a_resource(as_nobody):
    said = as_nobody("status", "bridge/br0")
    assert said.returncode == 1 and "nothing is known of `bridge/br0`: not compared, which only root can\n  = sudo" in said.stderr, said


def test_checks_are_listed_as_json():
    listed = json.loads(run("--json", "doctor", "--list").stdout)
    assert listed["format"] == 1
    assert [check["name"] for check in listed["checks"]] == run("doctor", "--list").stdout.split()


@pytest.mark.parametrize("number", ["99999999999999999999", "0", "007", "+1", " 1"])
def test_what_is_no_number_of_a_generation(tmp_path, number):
    (tmp_path / "host.yaml").write_text(DOCUMENT)
    tree = tmp_path / "tree"
    tree.mkdir()
    here = "--config", "host.yaml", "--root", "tree"
    assert run(*here, "apply", cwd=tmp_path).returncode == 0
    said = run(*here, "rollback", number, cwd=tmp_path)
    assert said.returncode == 1 and said.stderr.startswith(f"error: `{number}` is not the number of a generation\n  = "), said
    if not number.strip("0123456789"):
        assert run(*here, "diff", number, cwd=tmp_path).stderr == said.stderr


def test_who_waits_for_the_lock_says_for_whom(tmp_path):
    (tmp_path / "host.yaml").write_text(DOCUMENT)
    state = tmp_path / "tree/var/lib/kvmhost"
    state.mkdir(parents=True)
    with open(state / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        waiting = subprocess.Popen([CTL, "--config", "host.yaml", "--root", "tree", "apply"], cwd=tmp_path, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        assert select.select([waiting.stderr], [], [], 20)[0]
        command = pathlib.Path("/proc/self/comm").read_text().strip()
        assert f"waits up to 60 s for {command} (pid {os.getpid()})" in waiting.stderr.readline()
    out, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0 and "converged" in out, out


def test_a_lock_that_cannot_be_made_is_named_with_its_root(tmp_path):
    (tmp_path / "host.yaml").write_text(DOCUMENT)
    (tmp_path / "tree/var/lib").mkdir(parents=True)
    (tmp_path / "tree/var/lib/kvmhost").write_text("")
    said = run("--config", "host.yaml", "--root", "tree", "apply", cwd=tmp_path)
    assert said.returncode == 1 and "cannot open the lock tree/var/lib/kvmhost/lock" in said.stderr, said


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes nobody, which only root can")
@pytest.mark.parametrize("verb, why", [
    ("history", "reads the record of what was applied"), ("diff", "reads the record of what was applied"),
    ("guest info web1", "speaks with the guest's QEMU"), ("guest stop web1", "changes guests"),
    ("export virt-who", "reads the guests' UUIDs"), ("plan", "reads the firewall"), ("apply", "changes this host"),
    ("confirm", "changes this host"), ("rollback", "changes this host")])
def test_why_one_must_be_root(as_nobody, verb, why):
    said = as_nobody(*verb.split())
    name = verb.removesuffix(" web1")
    assert said.returncode == 1 and said.stderr.startswith(f"error: {name} {why}"), said
    assert f", which only root can\n  = sudo kvmhostctl {name}" in said.stderr, said


def test_closed_descriptors_become_no_files(tmp_path):
    """What is meant for a closed standard output must not land in the next file that is opened."""
    (tmp_path / "host.yaml").write_text(DOCUMENT)
    for closed in (">&-", "<&- >&-", "<&- >&- 2>&-"):
        tree = tmp_path / "tree"
        tree.mkdir()
        subprocess.run(["bash", "-c", f'"$0" --config host.yaml --root tree apply {closed}', CTL], cwd=tmp_path, timeout=60,
                       capture_output=True)
        state = tree / "var/lib/kvmhost"
        assert (state / "lock").read_text().strip().isdigit(), closed
        json.loads((state / "record.json").read_text())
        assert (tree / "etc/sysctl.d/90-kvmhost.conf").read_text().endswith("vm.swappiness = 10\n")
        shutil.rmtree(tree)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["schema"], ["explain"]])
def test_a_full_disk_is_no_success(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([CTL, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "cannot write the output" in done.stderr, done


def test_a_reader_that_goes_is_no_noise():
    done = subprocess.run(["bash", "-c", '"$0" schema | head -c 1', CTL], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{" and done.stderr == "", done


def test_unknown_words():
    for words, said in (([], "usage: kvmhostctl"), (["aply"], "did you mean `apply`?"), (["--nope", "plan"], "there is no option `--nope`"),
                        (["explain", "a", "b"], "`explain` has too many arguments"), (["guest"], "`guest` has too few arguments"),
                        (["guest", "strat", "x"], "did you mean `guest start`?"), (["--config"], "the option --config needs"),
                        (["rollback", "-1"], "there is no option `-1`\n  = a number of kvmhostctl history stands without"),
                        (["--jason", "plan"], "did you mean `--json`?"), (["--json=1", "plan"], "takes no argument"),
                        (["--con", "plan"], "--config, --confirm"), (["-c"], "the option --config needs"),
                        (["--root", "", "apply"], "the option --root has an empty argument"), (["-c", "", "plan"], "the option --config has an empty argument"),
                        (["console"], "`console` has too few arguments"), (["guest", "info", "a", "b"], "`guest info` takes the name of one guest"),
                        (["guest", "start"], "`guest start` takes names of guests"), (["explain", ""], "`explain` has an empty argument"),
                        (["check", ""], "`check` has an empty argument"), (["guest", "start", "a", ""], "`guest` has an empty argument"),
                        (["guest", "list", "x"], "`guest list` takes no names"), (["explain", "version.x"], "kvmhostctl explain version tells"),
                        (["doctor", "kvm-devices"], "did you mean `kvm-device`?"), (["doctor", "xyzzyxyzzy"], "kvmhostctl doctor --list"),
                        (["--root", "/nonexistent", "plan"], "No such file or directory\n  = name the directory"),
                        (["explain", "guests.."], "`guests..` is no path of keys: it ends with a dot")):
        done = run(*words)
        assert done.returncode == 1 and done.stdout == "" and said in done.stderr, (words, done)


def test_help_of_one_verb():
    """What it takes, and of other verbs nothing."""
    everything = run("--help").stdout
    for verb in verbs():
        said = run(verb, "--help")
        usage, lines, *_ = said.stdout.split("\n\n")
        assert said.returncode == 0 and all(line in everything for line in lines.splitlines()), said
        assert {line.split()[0] for line in lines.splitlines() if line[2] != " "} == {verb}
        offered = set(re.findall(r"--[a-z-]+", said.stdout.replace("Without --config", "")))
        assert offered <= takes(verb) | {"--no-color"} | set(re.findall(r"--[a-z-]+", "--confirm" if verb == "confirm" else ""))
        assert EVERYWHERE & takes(verb) == EVERYWHERE & offered, verb
        assert max(map(len, said.stdout.splitlines())) <= 80


# Completions

@pytest.fixture(scope="module")
def taken():
    return {verb: takes(verb) for verb in verbs()}


def bash_offers(*words):
    line = " ".join(f"'{w}'" for w in ("kvmhostctl", *words))
    script = f"""compopt() {{ :; }}; source {COMPLETIONS}/kvmhostctl.bash; COMP_WORDS=({line}); COMP_CWORD={len(words)}; _kvmhostctl
                 printf '%s\\n' "${{COMPREPLY[@]}}" """
    env = {"PATH": os.path.dirname(CTL) + ":/usr/bin:/bin"}
    return set(subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, env=env, check=True).stdout.split())


def offered(shell, verb):
    """The options of its own that a shell's completion offers behind a verb."""
    if shell == "bash":
        return {o for o in bash_offers(verb, "--") if o not in EVERYWHERE | {"--help", "--version", "--no-color"}}
    if shell == "fish":
        text = (COMPLETIONS / "kvmhostctl.fish").read_text()
        return {f"--{o}" for o in re.findall(rf"__fish_seen_subcommand_from [a-z ]*\b{verb}\b[a-z ]*' -l ([a-z-]+)", text)}
    text = (COMPLETIONS / "_kvmhostctl").read_text()
    own = re.search(rf"^\t\t(?:[a-z]+ \| )*{verb}(?: \| [a-z]+)*\) (.*?);;$", text, re.M | re.S)
    return set(re.findall(r"'(--[a-z-]+)\[", own[1])) if own else set()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completions_offer_each_verbs_options(shell, taken):
    for verb, known in taken.items():
        assert offered(shell, verb) == known - EVERYWHERE - NOT_FOR_PEOPLE, verb


def test_completions_offer_every_verb():
    assert bash_offers("") == set(verbs())
    fish = (COMPLETIONS / "kvmhostctl.fish").read_text()
    assert sorted(re.search(r"^set -g __kvmhostctl_verbs (.*)$", fish, re.M)[1].split()) == verbs()
    assert sorted(re.findall(r"__kvmhostctl_no_verb -a ([a-z]+) ", fish)) == verbs()
    zsh = (COMPLETIONS / "_kvmhostctl").read_text()
    listed = zsh.split("\tverbs=(\n")[1].split("\t)\n")[0]
    assert sorted(re.findall(r"^\t\t'([a-z]+):", listed, re.M)) == verbs()


@pytest.mark.parametrize("typed, offered", [("", "0000:00:1f.2 0000:41:00.0 0000:41:00.1"), ("0000:4", "41:00.0 41:00.1"), ("0000:41:00.", "00.0 00.1"),
                                            ("1", "")])
def test_bash_completes_words_with_colons(typed, offered):
    """As bash itself calls it, whose line editor begins a new word at each colon."""
    words = ["kvmhostctl", "devices", *re.findall(r":|[^:]+", typed)] + ([""] if typed in ("", "0000:") else [])
    line = "kvmhostctl devices " + typed
    script = f"""compopt() {{ :; }}; source {COMPLETIONS}/kvmhostctl.bash
                 kvmhostctl() {{ printf '%s x\\n' ADDRESS 0000:00:1f.2 0000:41:00.0 0000:41:00.1; }}
                 COMP_WORDS=({" ".join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
                 COMP_LINE='{line}'; COMP_POINT={len(line)}; _kvmhostctl; echo ${{COMPREPLY[@]}}"""
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout.strip() == offered


def test_bash_skips_the_values_of_options():
    assert "list" in bash_offers("--root", "/x", "guest", "")
    assert bash_offers("--confirm", "60s", "apply", "--allow") == {"--allow-mass-removal"}
