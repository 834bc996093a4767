"""Hundreds of spoilt files: each is read, or told in one sentence; none gives a traceback, none hangs."""

import contextlib
import copy
import importlib
import io
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from sharploss.analysis.claims.spec import load_claims
from sharploss.config.params import load_params
from sharploss.data.images import read_image
from sharploss.planning.check_runs import check_study
from sharploss.planning.plan import expand, load_plan
from sharploss.utils.errors import UserError
from sharploss.utils.yaml_files import load_yaml

ROOT = Path(__file__).parents[2]
MANY = settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
SECONDS = 20  # for one case; the slowest takes a tenth of one on a machine at rest


@contextlib.contextmanager
def told_or_read():
    """Accept a UserError, and nothing else; a case that takes too long is an error as well."""

    def late(_signal, _frame):
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    told: list[str] = []
    try:
        yield told
    except UserError as error:
        told.append(str(error))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what claims.yaml is checked against, in which one file is spoilt at a time."""
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "results").mkdir()
    (folder / "results/published").symlink_to(ROOT / "results/published")
    (folder / "studies").symlink_to(ROOT / "studies")
    return folder


def smaller(name):
    """A shipped file with fewer entries, so that a thousand cases take seconds."""
    content = yaml.safe_load((ROOT / name).read_text())
    if name == "claims.yaml":
        content["claims"] = dict(list(content["claims"].items())[:6])
    if name == "params.yaml":
        content["suites"] = {name: content["suites"][name] for name in ("networks", "pairings")}
        content["suites"]["pairings"]["losses"] = ["l1", "ms_ssim", "l1_gv", "sploss", "mdf", "l1_ragan"]
        kept = {"losses": content["suites"]["pairings"]["losses"], "networks": ["espcn"], "extractors": ["mdf_sr"]}
        kept |= {"recipes": ["mini", "mini_tuned"], "tasks": ["sr_x4", "deblur"], "crops": ["eye"]}
        content |= {section: {name: content[section][name] for name in names} for section, names in kept.items()}
    if name == "runs.yaml":
        groups = dict(list(content["groups"].items())[:2])
        names = {group["group"] for group in groups.values()}
        runs = {key: run for key, run in content["runs"].items() if run["group"] in names}
        content |= {"runs": runs, "groups": groups}
    return content


FILES = {name: smaller(name) for name in ("params.yaml", "runs.yaml", "claims.yaml")}


def read(name, folder):
    if name == "params.yaml":
        expand(load_params(folder / name))
    elif name == "runs.yaml":
        load_plan(folder / name)
    else:
        load_claims(folder)


ODD = [
    "../x",
    "a/b",
    "$(touch x)",
    "a;b",
    "",
    "\x85",
    "ü" * 300,
    "*",
    "!!binary x",
    "1e400",
    ".nan",
    "-.inf",
    "0x",
    "~",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(ODD) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ODD) | st.text(max_size=5), inner),
    max_leaves=6,
)


def places(value, path=()):
    """Every place in nested mappings and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@pytest.mark.parametrize("name", FILES)
def test_what_is_spoilt_was_whole(folder, name):
    (folder / name).write_text(yaml.safe_dump(FILES[name], sort_keys=False))
    read(name, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@MANY
@given(data=st.data())
def test_a_spoilt_value_anywhere(folder, name, data):
    holder = copy.deepcopy(FILES[name])
    *path, last = data.draw(st.sampled_from(list(places(holder))))
    inner = holder
    for key in path:
        inner = inner[key]
    what = data.draw(st.sampled_from(["value", "remove", "rename"]))
    if what == "value" or isinstance(inner, list):
        inner[last] = data.draw(VALUES)
    elif what == "remove":
        del inner[last]
    else:
        inner[data.draw(st.sampled_from(ODD) | st.text(max_size=6))] = inner.pop(last)
    (folder / name).write_text(yaml.safe_dump(holder, sort_keys=False, allow_unicode=True), encoding="utf-8")
    with told_or_read():
        read(name, folder)


HUGE = st.sampled_from(
    [
        *(10**6, 10**9, 10**18, 10**400, -(10**18), 2**31, 2**63, 1e18, 1e308, -1e308),
        *("x" * 9_000, [10**9], [0] * 100_000, {"weight": 10**400}, {"scales": 10**6}, {"layers": {"conv1_1": 10**18}}),
    ]
)


@pytest.mark.slow
@pytest.mark.usefixtures("compiler")
@settings(MANY, max_examples=60)
@given(data=st.data())
def test_a_huge_value_anywhere_in_params(folder, data):
    holder = copy.deepcopy(FILES["params.yaml"])
    *path, last = data.draw(st.sampled_from(list(places(holder))))
    inner = holder
    for key in path:
        inner = inner[key]
    inner[last] = data.draw(HUGE)
    (folder / "params.yaml").write_text(yaml.dump(holder, Dumper=yaml.CSafeDumper, sort_keys=False))
    with told_or_read() as told:
        params = load_params(folder / "params.yaml")
        check_study(params, expand(params)["runs"].values())
    assert all(len(sentence) < 500 for sentence in told)


@pytest.fixture(scope="module")
def compiler():
    """Import what building a loss imports: an alarm in the middle would leave half a module, and its file open."""
    importlib.import_module("torch._dynamo")


PIECES = [
    *(b"\x00", b"\xff\xfe", b"\xc3", b"\t", b"- ", b": ", b"? ", b"|", b"{", b"[", b"---\n", b"...\n", b'"\\ud800"'),
    *(b"&a ", b"*a ", b"<<: *a", b"%YAML 9.9\n", b"!!set {a}", b"!!int ''", b"!!timestamp 2001-99-99"),
    b"!!python/name:os.system ",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@MANY
@given(data=st.data())
def test_spoilt_bytes_anywhere(folder, name, data):
    content = yaml.safe_dump(FILES[name], sort_keys=False).encode()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content)))
        gone = data.draw(st.sampled_from([0, 1, 7, len(content)]))
        piece = data.draw(st.sampled_from(PIECES) | st.binary(max_size=4))
        content = content[:at] + piece + content[at + gone :]
    (folder / name).write_bytes(content)
    with told_or_read():
        read(name, folder)


def picture(kind):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8))
    file = io.BytesIO()
    image.convert("P" if kind == "gif" else "RGB").save(file, format=kind)
    return file.getvalue()


PICTURES = {kind: picture(kind) for kind in ("png", "jpeg", "bmp", "tiff", "gif", "webp", "ppm")}


@pytest.mark.slow
@pytest.mark.parametrize("kind", PICTURES)
@settings(MANY, max_examples=200)
@given(data=st.data())
def test_spoilt_images(folder, kind, data):
    content = bytearray(PICTURES[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    content = content[: data.draw(st.sampled_from([len(content), len(content) // 2, 9]))]
    (folder / "image").write_bytes(content)
    with told_or_read():
        image = read_image(folder / "image")
        assert image.dtype == np.uint8
        assert image.shape[0] == 3


ENDLESS = {
    "deep in maps": "{a: " * 5_000,
    "deep in keys": "? " * 5_000,
    "deep by indent": "".join(" " * i + "a:\n" for i in range(2_000)),
    "huge number": "a: " + "9" * 10_000,
    **{f"huge number, base {base}": f"a: {{b: [{base}{'1' * 5_000}]}}" for base in ("0x", "0b", "0", "-0x")},
    "python": "!!python/object/apply:os.system [touch owned]",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_is_too_deep_or_names_code_is_refused(tmp_path, name):
    (tmp_path / "params.yaml").write_text(ENDLESS[name])
    with told_or_read(), pytest.raises(UserError, match=r"params\.yaml is not valid YAML") as told:
        load_yaml(tmp_path / "params.yaml")
    assert len(str(told.value)) < 400


def test_aliases_as_people_use_them_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text("base: &base {steps: 3}\nlong: {<<: *base, batch: 2}\n")
    assert load_yaml(tmp_path / "a.yaml")["long"] == {"steps": 3, "batch": 2}


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", "folder", "loop"])
@pytest.mark.parametrize("read", [load_yaml, load_params, load_plan, read_image])
def test_links_to_what_is_no_file_never_hang(tmp_path, target, read):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ("loop" if target == "loop" else "link")).symlink_to(target)
    with told_or_read(), pytest.raises((UserError, OSError)):
        read(tmp_path / ("loop" if target == "loop" else "link"))
