"""Reading pickled modules: the authors' files, files made here, and damaged ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from legacy_torch import legacy_file, op_dict, op_global, op_int, op_list, op_module, op_storage, op_tensor, op_tuple

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
    assert values.dtype == np.float32
    assert values.tolist() == [[1, 2, 3], [4, 5, 6]]


@with_weights
@pytest.mark.parametrize(
    ("file", "widths", "parameters", "batches"),
    [
        ("Ds_SISR.pth", [32] * 4 + [64] * 4 + [128], 1_019_913, [12000, 24000, 36000, 48000] * 2 + [12000]),
        ("Ds_JPEG.pth", [32] * 4 + [64] * 4, 571_400, [36000, 72000, 108000, 144000] * 2),
    ],
)
def test_the_authors_files(file, widths, parameters, batches):
    modules = read_modules(f"{MIRROR}/weights/{file}")
    assert [len(arrays["head.conv.bias"]) for arrays in modules] == widths
    counted = [array.size for arrays in modules for name, array in arrays.items() if name.endswith(("weight", "bias"))]
    assert sum(counted) == parameters
    assert [int(arrays["head.norm.num_batches_tracked"]) for arrays in modules] == batches
    assert all(np.isfinite(array).all() for arrays in modules for array in arrays.values())


@with_weights
def test_values_are_those_of_torchs_own_reader():
    import torch
    from torch import nn

    class Held(nn.Module):
        """Takes any state, as the authors' classes would."""

    # Torch's reader runs the pickle; here it may name its own classes, and ours in place of the authors'.
    path = Path(f"{MIRROR}/weights/Ds_JPEG.pth")
    import pickle
    import types
    import warnings

    class Unpickler(pickle.Unpickler):
        def find_class(self, module_name, name):
            return Held if module_name == "SinGAN.models" else super().find_class(module_name, name)

    reader = types.SimpleNamespace(Unpickler=Unpickler, load=pickle.load, __name__="reader")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = torch.load(path, map_location="cpu", weights_only=False, pickle_module=reader)
    for arrays, other in zip(read_modules(path), wanted, strict=True):
        state = other.state_dict()
        assert arrays.keys() == state.keys()
        assert all(torch.equal(torch.tensor(arrays[name]), state[name]) for name in arrays)


@pytest.mark.parametrize("length", [0, 1, 14, 40, 150, 400, len(WHOLE) - 33, len(WHOLE) - 1])
def test_a_file_cut_short_is_refused_by_name(tmp_path, length):
    with pytest.raises(UserError, match=r"Ds\.pth is (not read|damaged)"):
        read(tmp_path, WHOLE[:length])


REFUSED = {
    "a tensor beyond its storage": legacy_file(op_list(module(offset=3)), {"k": range(8)}),
    "before its storage": legacy_file(op_list(module(offset=-1)), {"k": range(8)}),
    "a huge shape": legacy_file(op_list(module(shape=(2**30, 2**30), stride=(2**30, 1))), {"k": range(8)}),
    "strides of its own": legacy_file(op_list(module(stride=(0, 0))), {"k": range(8)}),
    "an empty side": legacy_file(op_list(module(shape=(0, 3))), {"k": range(8)}),
    "a storage that claims more than the file has": legacy_file(op_list(module(claimed=2**30)), {"k": range(8)}),
    "a storage that is not there": legacy_file(op_list(module()), {"other": range(8)}),
    "no list": legacy_file(module(), {"k": range(8)}),
    "a list of other things": legacy_file(op_list(b"N"), {}),
    "something that holds itself": legacy_file(
        op_list(op_module(_modules=b"}q\x01(X\x01\x00\x00\x00ah\x00u").replace(b")\x81", b")\x81q\x00")), {}
    ),
    "parameters that are no mapping": legacy_file(op_list(op_module(_parameters=b"]")), {}),
    "a zip file": b"PK\x03\x04" + bytes(30),
    "another format": b"\x80\x02K\x01." * 5,
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(tmp_path, content):
    with pytest.raises(UserError, match=r"Ds\.pth is (not read|damaged)"):
        read(tmp_path, content)


def test_a_hostile_file_is_refused_by_the_name_it_uses(tmp_path):
    hostile = WHOLE.replace(b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n")
    with pytest.raises(UserError, match=r"Ds\.pth is not read: it names os\.system"):
        read(tmp_path, hostile)


def test_a_missing_or_enormous_file(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="There is no file"):
        read_modules(tmp_path / "none.pth")
    monkeypatch.setattr("sharploss.assets.torch_modules.LARGEST", 0)
    with pytest.raises(UserError, match="larger than"):
        read(tmp_path, WHOLE)


def test_a_name_of_many_long_parts_is_cut(tmp_path):
    inner = b"N"
    for _ in range(50):
        inner = op_module(_modules=op_dict(**{"x" * 1000: inner}))
    with pytest.raises(UserError, match=r"'x+\.\.\.' in it is no network module") as error:
        read(tmp_path, legacy_file(op_list(inner), {}))
    assert len(str(error.value)) < 500


def test_huge_lengths_are_not_multiplied(tmp_path):
    length = b"\x8a\xff" + b"\xff" * 254 + b"\x7f" + b"q\x00"  # 2 to the power of 2039, put into place 0
    sides = b"(" + length + b"h\x00" * 300_000 + b"t"
    parts = op_storage("k", 8), op_int(0), sides, sides, b"\x89", b"N"
    tensor = op_global("torch._utils _rebuild_tensor_v2") + op_tuple(*parts) + b"R"
    content = legacy_file(op_list(op_module(_parameters=op_dict(weight=tensor))), {"k": range(8)})
    with pytest.raises(UserError, match="it holds a tensor that is empty or has more than four dimensions"):
        read(tmp_path, content)
