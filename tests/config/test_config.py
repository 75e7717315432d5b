# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration language from outside: bad documents and their exact messages, JSON Schema against parser, and
input that means harm.

KVMHOSTCTL=path      the program under test (default: kvmhostctl on PATH)
KVMHOST_ACCEPT=1     write the messages seen into bad/*.expect instead of comparing; then read the diff
"""
import json
import os
import pathlib
import re
import resource
import shutil
import stat
import subprocess
import tempfile
import threading

import jsonschema
import pytest
import yaml

HERE = pathlib.Path(__file__).resolve().parent
EXAMPLES = HERE.parent.parent / "examples"
CTL = shutil.which(os.environ.get("KVMHOSTCTL", "kvmhostctl")) or pytest.exit("KVMHOSTCTL names no program", 2)
CTL = os.path.abspath(CTL)
BAD = sorted((HERE / "bad").glob("*.yaml"))
GOOD = sorted((HERE / "good").glob("*.yaml")) + sorted(EXAMPLES.glob("*.yaml")) + sorted((EXAMPLES / "bare-metal").glob("*.yaml"))
# The parser refuses what a schema cannot say: two values that contradict each other, or YAML that is not ours.
ACCEPTS = "# schema: accepts"


def run(*args, cwd=None, **kwargs):
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **{k: v for k, v in os.environ.items() if "SAN_" in k}}
    return subprocess.run([CTL, *map(str, args)], cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, **kwargs)


# YAML 1.2 core schema: PyYAML's own is 1.1, where `on` is true and 010 is eight.

class Core(yaml.SafeLoader):
    yaml_implicit_resolvers = {}

    def construct_core_int(self, node):
        text = self.construct_scalar(node)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", "~nN\0"),
        ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
         "-+.0123456789")):
    firsts = [c if c != "\0" else "" for c in first]
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), firsts)
Core.add_constructor("tag:yaml.org,2002:int", Core.construct_core_int)


def load(path):
    """What the document says, or None where no YAML parser could tell."""
    try:
        value = yaml.load(path.read_bytes(), Core)
        json.dumps(value)
        return value
    except (yaml.YAMLError, UnicodeError, ValueError, RecursionError, TypeError):
        return None


@pytest.fixture(scope="session")
def schema():
    result = run("schema")
    assert result.returncode == 0, result.stderr
    value = json.loads(result.stdout)
    jsonschema.Draft202012Validator.check_schema(value)
    return value


@pytest.fixture(scope="session")
def validator(schema):
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("path", BAD, ids=lambda p: p.stem)
def test_bad(path):
    result = run("check", path.name, cwd=path.parent)
    expect = path.with_suffix(".expect")
    if os.environ.get("KVMHOST_ACCEPT"):
        expect.write_bytes(result.stderr)
    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.decode() == expect.read_text()


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_good(path):
    result = run("check", path)
    assert (result.returncode, result.stderr) == (0, b"")


def test_there_are_enough():
    assert len(BAD) >= 60
    assert {p.stem for p in BAD} == {p.stem for p in (HERE / "bad").glob("*.expect")}


def test_json():
    """What a program reads says the same as what a person does."""
    bad = HERE / "bad" / "many-errors.yaml"
    told = json.loads(run("--json", "check", bad.name, cwd=bad.parent).stdout)
    assert told["format"] == 1 and told["valid"] is False
    places = [f"{d['file']}:{d['line']}:{d['column']}: {d['severity']}: {d['message']}" for d in told["diagnostics"]]
    assert places == [line for line in bad.with_suffix(".expect").read_text().splitlines() if ": error: " in line]


# JSON Schema and parser

@pytest.mark.parametrize("path", BAD + GOOD, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_schema_agrees(path, validator):
    value = load(path)
    if value is None:
        return
    valid = validator.is_valid(value)
    if path not in BAD:
        assert valid, [e.message for e in validator.iter_errors(value)]
    elif path.read_bytes().decode(errors="replace").startswith(ACCEPTS) or b"\xff\xfe" == path.read_bytes()[:2]:
        assert valid, "not accepted by the schema: drop the first line"
    else:
        assert not valid, f"accepted by the schema; if it cannot say better, begin the file with {ACCEPTS!r}"


def without_one_key(value):
    """The document without each of its keys in turn."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []:
        if isinstance(value, dict):
            yield key, {k: v for k, v in value.items() if k != key}
        for gone, smaller in without_one_key(child):
            copy = value.copy()
            copy[key] = smaller
            yield f"{key}.{gone}", copy


@pytest.mark.parametrize("path", GOOD, ids=lambda p: p.stem)
def test_schema_and_parser_miss_the_same(path, validator, tmp_path):
    """Where a key must be, both must say so; what the parser takes the schema must take."""
    for key, value in without_one_key(load(path)):
        (tmp_path / "one.yaml").write_text(json.dumps(value))
        said = run("check", tmp_path / "one.yaml")
        valid = validator.is_valid(value)
        assert valid or said.returncode == 1, (key, [e.message for e in validator.iter_errors(value)])
        assert not (valid and b"` is missing" in said.stderr), (key, said.stderr.decode())


@pytest.mark.parametrize("device", [None, "disk", "lun", "cdrom", "floppy"])
@pytest.mark.parametrize("path", [None, "/dev/disk/by-id/scsi-1"])
def test_schema_and_parser_miss_the_same_path(device, path, validator, tmp_path):
    disk = {**({"device": device} if device else {}), **({"path": path} if path else {})}
    value = {"version": 1, "guests": {"web1": {"kernel": {"image": "/boot/vmlinuz"}, "disks": [disk]}}}
    (tmp_path / "one.yaml").write_text(json.dumps(value))
    assert (run("check", tmp_path / "one.yaml").returncode == 0) == validator.is_valid(value)


def subschemas(node, path=()):
    """Every subschema of the document with the keys that lead there; `*` is a name of the user's."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from subschemas(child, (*path, name))
    for word in ("additionalProperties", "items"):
        if isinstance(node.get(word), dict):
            yield from subschemas(node[word], (*path, "*"))
    for child in node.get("patternProperties", {}).values():
        yield from subschemas(child, (*path, "*"))
    for word in ("anyOf", "oneOf", "allOf"):
        for child in node.get(word, []):
            yield from subschemas(child, path)


def resolve(schema, node):
    """A copy without $ref, as deep as the language goes."""
    if isinstance(node, list):
        return [resolve(schema, n) for n in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return {**resolve(schema, target), **{k: resolve(schema, v) for k, v in node.items() if k != "$ref"}}
    return {k: resolve(schema, v) for k, v in node.items() if k != "$defs"}


def test_defaults_are_valid(schema):
    seen = 0
    for path, node in subschemas(resolve(schema, schema)):
        for word in ("default", "examples"):
            for value in [node[word]] if word == "default" and word in node else node.get("examples", []):
                errors = [e.message for e in jsonschema.Draft202012Validator(node).iter_errors(value)]
                assert not errors, (path, word, value, errors)
                seen += 1
    assert seen > 10


def test_no_open_objects(schema):
    """Whatever takes keys says which: else a typo would pass."""
    for path, node in subschemas(resolve(schema, schema)):
        if "properties" in node:
            assert node.get("additionalProperties") is False, path


def keys(schema):
    return sorted({".".join(k for k in path if k != "*") for path, _ in subschemas(resolve(schema, schema))} - {""})


def test_explain_knows_every_key(schema):
    assert len(keys(schema)) > 30
    for key in keys(schema):
        result = run("explain", key)
        assert result.returncode == 0, (key, result.stderr)
        assert len(result.stdout.splitlines()) >= 2, key


def test_explain_lists_every_key(schema):
    listed = {line.split()[0] for line in run("explain", "--list").stdout.decode().splitlines() if line.strip()}
    assert set(keys(schema)) <= listed


def paths(value, above=()):
    """Each key of a document as it stands there, with its names and numbers."""
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []:
        if isinstance(value, dict):
            yield (*above, str(key))
        yield from paths(child, (*above, str(key)))


def test_explain_knows_the_keys_of_the_reference_example():
    """As whoever reads it asks: by the path in the document."""
    document = load(HERE / "good" / "host-example.yaml")
    asked = list(paths(document))
    assert len(asked) > 150 and set(document) == {"version", "host", "bridges", "vlans", "networks", "sriov", "devices", "guests"}
    for key in asked:
        result = run("explain", ".".join(key))
        assert result.returncode == 0, (key, result.stderr)
        heading = result.stdout.decode().splitlines()[0].split(".")
        assert heading[-1] in (key[-1], heading[-1].upper()), (key, heading)


def test_explain_suggests():
    result = run("explain", "guests.memroy")
    assert result.returncode == 1
    assert b"memory" in result.stderr


# What users have in common files and their own

def test_merge(tmp_path):
    (tmp_path / "a.yaml").write_text("version: 1\nbridges:\n  br0: {mtu: 1500, stp: false}\n")
    (tmp_path / "b.yaml").write_text("bridges:\n  br0: {mtu: 9000}\n  br1: {}\n")
    result = run("--config", tmp_path, "check", "--merged")
    assert result.returncode == 0, result.stderr
    assert yaml.load(result.stdout, Core) == {
        "version": 1, "bridges": {"br0": {"mtu": 9000, "stp": False}, "br1": {}}}
    assert re.search(rb"9000 +# .*b\.yaml:2:14", result.stdout)
    assert re.search(rb"false +# .*a\.yaml:3:\d+", result.stdout)


def test_fleet():
    result = run("--config", EXAMPLES / "fleet", "check", "--merged")
    assert result.returncode == 0, result.stderr
    merged = yaml.load(result.stdout, Core)
    assert merged["host"]["kernel"]["sysctl"]["net.core.somaxconn"] == 8192
    assert merged["networks"]["default"] == {"bridge": "virbr0", "addresses": ["192.168.127.1/24"]}


def test_error_in_second_file(tmp_path):
    (tmp_path / "a.yaml").write_text("version: 1\nbridges:\n  br0: {mtu: 1500}\n")
    (tmp_path / "b.yaml").write_text("bridges:\n  br0: {mtu: 1}\n")
    result = run("check", "a.yaml", "b.yaml", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith(b"b.yaml:2:14: error: ")


# Input that means harm: a message, exit status 1, bounded time and memory

SECONDS = 10 * (4 if "ASAN_OPTIONS" in os.environ else 1)
MEGABYTES = 400 * (6 if "ASAN_OPTIONS" in os.environ else 1)


def refuse(*args, cwd=None, **kwargs):
    """Runs check under limits, expects a refusal, returns what it said."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([CTL, "check", *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=err, preexec_fn=limits, **kwargs)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        said = err.read(1 << 20).decode(errors="replace")
        size = os.fstat(err.fileno()).st_size
        assert process.returncode == 1, said[:2000]
        assert "error: " in said
        assert size < 1 << 20, "megabytes of messages help nobody"
        assert os.fstat(out.fileno()).st_size == 0
        assert usage.ru_maxrss < MEGABYTES * 1024, f"{usage.ru_maxrss} KiB"
    return said


@pytest.fixture
def document(tmp_path):
    def write(data):
        path = tmp_path / "h.yaml"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path
    return write


def lines(text):
    return max(len(line) for line in text.splitlines())


def test_missing(tmp_path):
    assert "nosuch.yaml" in refuse("nosuch.yaml", cwd=tmp_path)


def test_is_not_there_at_all(tmp_path):
    said = refuse("--root", tmp_path)
    assert "/etc/kvmhost/host.yaml" in said


def test_empty_directory(tmp_path):
    assert str(tmp_path) in refuse(tmp_path)


def test_directory_as_file(tmp_path):
    (tmp_path / "x.yaml").mkdir()
    assert "x.yaml" in refuse(tmp_path)


def test_fifo(tmp_path):
    os.mkfifo(tmp_path / "x.yaml")
    assert "x.yaml" in refuse(tmp_path / "x.yaml")


def test_device():
    refuse("/dev/null")
    refuse("/dev/zero")


def test_dangling_link(tmp_path):
    (tmp_path / "x.yaml").symlink_to("nowhere")
    assert "x.yaml" in refuse(tmp_path / "x.yaml")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_unreadable():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = pathlib.Path(folder) / "x.yaml"
        path.write_text("version: 1\n")
        path.chmod(0o600)
        program = pathlib.Path(folder) / "kvmhostctl"
        shutil.copy(CTL, program)
        said = subprocess.run([program, "check", path], user=65534, group=65534, extra_groups=[],
                              capture_output=True, timeout=60)
        assert said.returncode == 1
        assert b"x.yaml" in said.stderr and b"ermi" in said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_writable_by_others():
    """Who can write the document is root on this host: plan refuses it, before anything is read from the machine."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "x.yaml"
        path.write_text("version: 1\n")
        path.chmod(0o666)
        result = run("--config", path, "--root", folder, "plan")
        assert result.returncode == 1
        assert b"x.yaml" in result.stderr and b"chmod" in result.stderr


def test_link_into_a_writable_directory(tmp_path):
    """Who can write there can put another file behind the link."""
    target, conf = tmp_path / "open", tmp_path / "conf.d"
    target.mkdir()
    conf.mkdir()
    (target / "x.yaml").write_text("version: 1\n")
    (conf / "x.yaml").symlink_to(target / "x.yaml")
    assert run("--config", conf, "check").returncode == 0
    target.chmod(0o777)
    result = run("--config", conf, "check")
    assert "the directory that this link leads to can be written by every user" in result.stderr.decode()
    result = run("--config", conf, "--root", tmp_path, "plan")
    assert result.returncode == 1 and f"chmod go-w {target}" in result.stderr.decode()


def test_standard_input():
    result = run("check", "-")
    assert result.returncode == 1 and b"standard input is not read" in result.stderr


def test_paths_that_are_no_files_are_told_with_the_cure(tmp_path):
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "file.yaml").write_text("version: 1\n")
    for path in ("loop.yaml", "file.yaml/", "file.yaml/below.yaml", "x" * 300, "/proc/self/mem"):
        said = run("check", path, cwd=tmp_path)
        assert said.returncode == 1 and b"error: the file cannot be read: " in said.stderr and b"\n      = " in said.stderr, said


def test_half_written(tmp_path):
    """Who writes a file in place is waited for, and told of when it lasts."""
    path = tmp_path / "host.yaml"
    with open(path, "w") as f:
        f.write("version: 1\nbridges:\n")
        f.flush()
        result = run("check", path)
        assert result.returncode == 1
        assert "somebody has this file open for writing" in result.stderr.decode()
        later = threading.Timer(0.3, lambda: (f.write("  br0: {}\n"), f.close()))
        later.start()
        result = run("check", path)
        later.join()
    assert (result.returncode, result.stdout) == (0, b"valid: 1 resource in 1 file\n"), result.stderr


def test_binary(document):
    refuse(document(bytes(range(256)) * 100))
    refuse(document(pathlib.Path(CTL).read_bytes()[:1 << 20]))
    refuse(document(os.urandom(1 << 20)))


def test_nul(document):
    assert "NUL" in refuse(document("version: 1\n\0bridges: {}\n"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"])
def test_encodings(document, encoding):
    said = refuse(document("version: 1\n# ä\nbridges: {}\n".encode(encoding)))
    assert "iconv" in said or "UTF-8" in said or "NUL" in said


def test_tabs(document):
    assert "tab" in refuse(document("version: 1\nbridges:\n\tbr0: {}\n"))


def test_crlf_and_bom_are_fine(document):
    path = document(b"\xef\xbb\xbfversion: 1\r\nbridges:\r\n  br0: {}\r\n")
    assert run("check", path).returncode == 0


def test_old_mac_line_ends(document):
    assert "line ends" in refuse(document(b"version: 1\rbridges:\r  br0: {}\r"))


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "? " * 100_000,
                                  "".join(" " * i + "a:\n" for i in range(3000))],
                         ids=["lists", "maps", "dashes", "questions", "block"])
def test_deep(document, text):
    said = refuse(document("version: 1\nbridges: " + text if text[0] in "[{" else text))
    assert lines(said) < 500


def test_alias_bomb(document):
    text = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 12):
        text += f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n"
    assert "alias" in refuse(document(text))


def test_quadratic_aliases(document):
    text = "version: 1\nbridges:\n  b: &b {" + ", ".join(f"k{i}: 1" for i in range(20000)) + "}\n"
    refuse(document(text + "".join(f"  b{i}: *b\n" for i in range(20000))))


def test_huge(document, tmp_path):
    path = tmp_path / "huge.yaml"
    with open(path, "wb") as f:
        f.truncate(100 << 20)
    assert "16 MiB" in refuse(path)
    assert "16 MiB" in refuse(document("version: 1\n" + "# comment\n" * (10 << 20)))


def test_many_nodes(document):
    refuse(document("version: 1\nbridges: [" + "1," * 7_000_000 + "]\n"))


def test_long_scalar(document):
    said = refuse(document("version: 1\nbridges: " + "x" * (15 << 20) + "\n"))
    assert lines(said) < 500


def test_long_key(document):
    said = refuse(document("version: 1\n" + "x" * 1_000_000 + ": 1\n"))
    assert lines(said) < 500


def test_many_errors(document):
    said = refuse(document("version: 1\nbridges:\n  br0:\n" + "".join(f"    key{i}: 1\n" for i in range(100_000))))
    assert "key0" in said


def test_many_keys(document):
    """A good document of some size: looking a key up must not be a walk over all."""
    text = "version: 1\nhost:\n  kernel:\n    sysctl:\n" + "".join(f"      net.x.k{i}: 1\n" for i in range(20_000))
    result = run("check", document(text))
    assert result.returncode == 0, result.stderr[:1000]


def test_escapes_do_not_reach_the_terminal(document):
    """A document from elsewhere must not be able to write to the terminal of who checks it."""
    said = refuse(document('version: 1\nbridges:\n  "br\\e[31m\\x9b\\u202e": 1\n'))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
