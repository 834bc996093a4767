"""Reading pickled modules: the authors' files, files made here, damaged ones, and ones that would run code."""

import builtins
import contextlib
import hashlib
import os
import pickle
import struct
import subprocess
import tempfile

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from legacy_torch import (
    legacy_file,
    op_dict,
    op_global,
    op_int,
    op_list,
    op_module,
    op_storage,
    op_tensor,
    op_text,
    op_tuple,
)

from sharploss.assets.torch_modules import read_modules
from sharploss.utils.errors import UserError

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no pickles of the authors to read")


def module(shape=(2, 3), stride=(3, 1), offset=1, claimed=8):
    tensor = op_tensor(op_storage("k", claimed), shape, stride, offset)
    inner = op_module(_parameters=op_dict(weight=tensor, bias=b"N"), _buffers=b"}", _modules=b"}")
    return op_module("SinGAN.models WDiscriminator", _parameters=b"}", _modules=op_dict(head=inner))


def read(tmp_path, content):
    path = tmp_path / "Ds.pth"
    path.write_bytes(content)
    return read_modules(path)


WHOLE = legacy_file(op_list(module()), {"k": range(8)})


def test_tensors_have_the_names_and_values_of_the_modules(tmp_path):
    ((name, values),) = read(tmp_path, WHOLE)[0].items()
    assert name == "head.weight"
    assert torch.equal(values, torch.tensor([[1.0, 2, 3], [4, 5, 6]]))


@with_weights
@pytest.mark.parametrize(
    ("file", "widths", "parameters", "batches", "digest"),
    [
        (
            "Ds_SISR.pth",
            [32] * 4 + [64] * 4 + [128],
            1_019_913,
            [12000, 24000, 36000, 48000] * 2 + [12000],
            "77ed71335452bc3db2e9b4047132e91c6180f6c1f0cc946867453553d0ba0d97",
        ),
        (
            "Ds_JPEG.pth",
            [32] * 4 + [64] * 4,
            571_400,
            [36000, 72000, 108000, 144000] * 2,
            "a6b9e94f0ab88751eb34a8de701d809da0407794515f047f8a1761aac2c6eba3",
        ),
    ],
)
def test_the_authors_files(file, widths, parameters, batches, digest):
    modules = read_modules(f"{MIRROR}/weights/{file}")
    assert [len(tensors["head.conv.bias"]) for tensors in modules] == widths
    counted = [t.numel() for tensors in modules for name, t in tensors.items() if name.endswith(("weight", "bias"))]
    assert sum(counted) == parameters
    assert [int(tensors["head.norm.num_batches_tracked"]) for tensors in modules] == batches
    # Of names and bytes, as the interpreter of pickles that was here before read them.
    found = hashlib.sha256()
    for name, tensor in [item for tensors in modules for item in sorted(tensors.items())]:
        found.update(name.encode() + tensor.numpy().tobytes())
    assert found.hexdigest() == digest


@pytest.mark.parametrize("length", [0, 1, 14, 40, 150, 400, len(WHOLE) - 33, len(WHOLE) - 1])
def test_a_truncated_file_is_refused_by_name(tmp_path, length):
    with pytest.raises(UserError, match=r"Ds\.pth is (not read|damaged)"):
        read(tmp_path, WHOLE[:length])


def test_a_hostile_pickle_of_these_tests_would_run_under_pythons_own_reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps(HOSTILE["nested"]))
    assert (tmp_path / "x").exists()


def of(body):
    """A file whose list of modules is `body`."""
    return legacy_file(body, {"k": range(8)})


SELF = op_list(op_module(_modules=b"}q\x01(X\x01\x00\x00\x00ah\x00u").replace(b")\x81", b")\x81q\x00"))
TWINS = op_list(
    op_module(_modules=b"}(" + op_text("a") + op_module(_modules=b"}") + b"q\x05" + op_text("b") + b"h\x05u")
)
TENSOR = op_tensor(op_storage("k", 8), (2,), (1,))
REFUSED = {
    "a tensor beyond its storage": of(op_list(module(offset=3))),
    "before its storage": of(op_list(module(offset=-1))),
    "a huge shape": of(op_list(module(shape=(2**30, 2**30), stride=(2**30, 1)))),
    "strides of its own": of(op_list(module(stride=(0, 0)))),
    "a tensor that is changed afterwards": of(
        op_list(
            op_module(_parameters=op_dict(a=TENSOR + op_tuple(TENSOR, op_int(0), op_tuple(op_int(2)), b"N") + b"b"))
        )
    ),
    "a storage in two ways": of(op_list(op_storage("k", 8), op_storage("k", 7))),
    "a storage that claims more than the file has": of(op_list(module(claimed=2**30))),
    "a storage that is not there": legacy_file(op_list(module()), {"other": range(8)}),
    "no list": of(module()),
    "a list of other things": legacy_file(op_list(b"N"), {}),
    "a module that holds itself": legacy_file(SELF, {}),
    "a module that is there twice": legacy_file(TWINS, {}),
    "a module without attributes": legacy_file(op_list(op_global("SinGAN.models ConvBlock") + b")\x81"), {}),
    "parameters that are no mapping": legacy_file(op_list(op_module(_parameters=b"]")), {}),
    "parameters that are no tensors": legacy_file(op_list(op_module(_parameters=op_dict(a=op_text("x")))), {}),
    "a storage of a foreign kind": of(op_list(op_storage("k", 8, "collections OrderedDict"))),
    "text that is called": of(op_text("os.system") + b")R"),
    "attributes of a module's class": of(op_global("SinGAN.models ConvBlock") + op_dict(x=op_text("y")) + b"b"),
    "a text that claims 4 GB": of(b"X" + struct.pack("<I", 2**32 - 1) + b"x"),
    "a zip file": b"PK\x03\x04" + bytes(30),
    "another format": b"\x80\x02K\x01." * 5,
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(tmp_path, content):
    with pytest.raises(UserError, match=r"Ds\.pth is (not read|damaged)") as error:
        read(tmp_path, content)
    assert len(str(error.value)) < 500


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


HOSTILE = {
    "os.system": Call(os.system, "touch x"),
    "builtins.eval": Call(builtins.eval, "open('x', 'w')"),
    "builtins.exec": Call(builtins.exec, "open('x', 'w')"),
    "subprocess.Popen": Call(subprocess.Popen, ["touch", "x"]),
    "tempfile.mkdtemp": Call(tempfile.mkdtemp, "", "", "x"),
    "builtins.getattr": Call(getattr, "", "join"),
    "torch.load": Call(torch.load, "x"),
    "torch.hub.load": Call(torch.hub.load, "x"),
    "nested": {"modules": [1, (2, Call(os.system, "touch x"))]},
    "in a call's arguments": Call(dict, Call(os.system, "touch x")),
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_is_called(tmp_path, monkeypatch, hostile, protocol):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(hostile, protocol=protocol).replace(b"x", b"x")
    for whole in (content, of(content[:-1])):  # in place of the header, and of the modules
        with pytest.raises(UserError, match=r"Ds\.pth is not read: it names \S+, for which"):
            read(tmp_path, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["Ds.pth"]


@pytest.mark.parametrize("name", ["os system", "builtins eval", "torch load", "torch._utils _rebuild_tensor"])
def test_a_forbidden_name_is_told_however_it_is_named(tmp_path, name):
    module_name, function = name.split()
    for body in (
        op_global(name) + op_text("x") + b"\x85R",
        b"(" + op_text("x") + b"i" + f"{module_name}\n{function}\n".encode(),
    ):
        with pytest.raises(UserError, match=rf"Ds\.pth is not read: it names {module_name}\.{function}, for which"):
            read(tmp_path, of(body))


def test_a_file_cannot_change_how_the_next_one_is_read(tmp_path):
    """BUILD with a pair sets attributes of whatever is on the stack: of a function or class too."""
    evil = op_tuple(b"N", op_dict(__defaults__=b"N", x=op_text("y"))) + b"b"
    for name in ("torch._utils _rebuild_tensor_v2", "SinGAN.models ConvBlock", "collections OrderedDict"):
        with contextlib.suppress(UserError):
            read(tmp_path, of(op_list(op_global(name) + evil)))
    assert torch.equal(read(tmp_path, WHOLE)[0]["head.weight"], torch.tensor([[1.0, 2, 3], [4, 5, 6]]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, len(WHOLE) - 1), piece=st.binary(max_size=8))
@example(at=0, piece=b"")
def test_any_bytes_are_read_or_refused(tmp_path, at, piece):
    with contextlib.suppress(UserError):
        for tensors in read(tmp_path, WHOLE[:at] + piece + WHOLE[at + len(piece) :]):
            assert all(isinstance(tensor, torch.Tensor) for tensor in tensors.values())


def test_a_missing_file_and_a_long_name(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        read_modules(tmp_path / "none.pth")
    inner = op_int(3)
    for _ in range(50):
        inner = op_module(_modules=op_dict(**{"x" * 1000: inner}))
    with pytest.raises(UserError, match=r"'x+\.\.\.' in it is no network module") as error:
        read(tmp_path, legacy_file(op_list(inner), {}))
    assert len(str(error.value)) < 500
