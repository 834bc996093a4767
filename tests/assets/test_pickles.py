"""The interpreter of pickles: what it understands, and that a hostile pickle makes nothing happen."""

import builtins
import contextlib
import io
import os
import pickle
import struct
import subprocess
import tempfile

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from legacy_torch import op_dict, op_global, op_int, op_module, op_storage, op_tensor, op_text, op_tuple, program

from sharploss.assets.pickles import OPCODES, Global, Module, Refused, Storage, Strided, interpret


def run(content):
    return interpret(io.BytesIO(content))[0]


@pytest.mark.parametrize(
    "value",
    [None, True, [1, -2, 70000, 2**40], {"a": (), "b": (1,), "c": (1, 2), "d": (1, 2, 3), "e": (1, 2, 3, 4)}, 0.5, "ü"],
)
def test_plain_data_is_what_python_reads(value):
    assert run(pickle.dumps(value, protocol=2)) == value


def test_a_tensor_and_a_module_become_descriptions():
    tensor = op_tensor(op_storage("k", 6), (2, 3), (3, 1))
    made, storages = interpret(io.BytesIO(program(op_module(weight=tensor))))
    assert isinstance(made, Module)
    assert made.kind == "torch.nn.modules.conv Conv2d"
    assert made.state["weight"] == Strided(storages["k"], 0, (2, 3), (3, 1))


class Call:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self.called = function, arguments

    def __reduce__(self):
        return self.called


HOSTILE = {
    "os.system": Call(os.system, "touch {}"),
    "builtins.eval": Call(builtins.eval, "open('{}', 'w')"),
    "builtins.exec": Call(builtins.exec, "open('{}', 'w')"),
    "subprocess.Popen": Call(subprocess.Popen, ["touch", "{}"]),
    "tempfile.mkdtemp": Call(tempfile.mkdtemp, "", "", "{}"),
    "builtins.getattr": Call(getattr, "", "join"),
    "nested": {"modules": [1, (2, Call(os.system, "touch {}"))]},
    "in a call's arguments": Call(dict, Call(os.system, "touch {}")),
}


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_nothing_is_called(tmp_path, monkeypatch, hostile, protocol):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(hostile, protocol=protocol).replace(b"{}", b"x")
    with pytest.raises(Refused):
        run(content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["posix system", "builtins eval", "torch load", "torch._utils _rebuild_tensor"])
def test_a_forbidden_name_is_told(name):
    with pytest.raises(Refused, match=f"it names {name.replace(' ', '.')}, which"):
        run(program(op_global(name) + op_text("x") + b"\x85R"))
    with pytest.raises(Refused, match=f"it names {name.replace(' ', '.')}, which"):
        run(b"\x80\x04" + op_text(name.split()[0]) + op_text(name.split()[1]) + b"\x93.")
    with pytest.raises(Refused, match=f"it names {name.replace(' ', '.')}, which"):
        run(b"(" + op_text("x") + b"i" + name.replace(" ", "\n").encode() + b"\n.")


def test_pickled_functions_of_torch_itself_are_refused():
    import torch

    for function in (torch.load, torch.hub.load, torch.nn.Module.__setattr__):
        with pytest.raises(Refused, match=r"it names|it holds the instruction"):
            run(pickle.dumps(Call(function, "x"), protocol=2))


MISUSED = {
    "a module's class is called": op_global("torch.nn.modules.conv Conv2d") + b")R",
    "text is called": op_text("os.system") + b")R",
    "a dict is made as a module": op_global("collections OrderedDict") + b")\x81",
    "attributes of a name": op_global("torch.nn.modules.conv Conv2d") + op_dict(x=op_text("y")) + b"b",
    "slots of a module": op_module() + b"N" + op_dict(forward=op_text("y")) + b"\x86b",
    "attributes of a list": b"]" + op_dict(x=op_text("y")) + b"b",
    "a key that is no name": b"}(" + op_text("a") + b"\x85" + op_text("b") + b"u",
    "a tensor of no storage": op_tensor(op_text("storage"), (1,), (1,)),
    "a storage of a foreign kind": op_storage("k", 1, "collections OrderedDict"),
    "a storage in two ways": b"(" + op_storage("k", 1) + op_storage("k", 2) + b"t",
    "an unknown reference": op_text("storage") + b"\x85Q",
    "appending to text": op_text("x") + b"(" + op_text("y") + b"e",
    "a value that is not there": b"\x86",
    "a memo that is not there": b"h\x05",
    "a mark that is not there": b"t",
}


@pytest.mark.parametrize("body", MISUSED.values(), ids=MISUSED)
def test_allowed_instructions_cannot_be_misused(body):
    with pytest.raises(Refused):
        run(program(body))


DEEP = b")" + b"\x85" * 100_000
"""A tuple in a tuple in a tuple: neither its text nor its hash can be had."""

WIDE = op_text("x") + b"".join(b"q" + bytes([place]) + 2 * (b"h" + bytes([place])) + b"\x87" for place in range(60))
"""Each tuple holds the one before three times: 400 bytes, and a text longer than any memory."""


@pytest.mark.parametrize("value", [DEEP, WIDE], ids=["deep", "wide"])
def test_what_is_no_text_is_neither_quoted_nor_hashed(value):
    for names in (value + op_text("x"), op_text("x") + value, value + value):
        with pytest.raises(Refused) as error:
            run(b"\x80\x04" + names + b"\x93.")
        assert str(error.value) == "it holds the instruction STACK_GLOBAL, which a saved network has no use for"
    parts = op_text("storage"), op_global("torch FloatStorage"), value, op_text("cpu"), op_int(1), b"N"
    with pytest.raises(Refused, match="it refers to something that is neither a storage nor a module's class"):
        run(program(op_tuple(*parts) + b"Q"))
    # Nor is it when it is half of a reference, a key, a whole reference, or called.
    for body in (op_storage("k", 1) + value + b"\x86Q", op_dict() + b"(" + value + b"Nu", value + b"Q", value + b")R"):
        with pytest.raises(Refused) as error:
            run(program(body))
        assert len(str(error.value)) < 300


def test_running_out_of_stack_is_damage(monkeypatch):
    def recurse(machine, _):
        recurse(machine, _)

    monkeypatch.setitem(OPCODES, "NONE", recurse)
    with pytest.raises(Refused, match=r"it is damaged or cut short .*recursion"):
        run(program(b"N"))


def test_long_names_are_cut():
    for body in (
        op_global("a " + "b" * 10**6),
        op_text("a") + op_text("b" * 10**6) + b"\x93",
        b"(ia\n" + b"b" * 10**6 + b"\n",
    ):
        with pytest.raises(Refused, match=r"it names a\.b+\.\.\., which") as error:
            run(program(body))
        assert len(str(error.value)) < 150


def test_a_view_of_another_storage_is_refused():
    """Its offset and size would be ignored, and its tensor hold other numbers than it should."""
    parts = op_text("storage"), op_global("torch FloatStorage"), op_text("k"), op_text("cpu"), op_int(2)
    assert run(program(op_tuple(*parts, b"N") + b"Q")) == Storage("k", "<f4", 2)
    view = op_tuple(op_text("v"), op_int(1), op_int(1))
    with pytest.raises(Refused, match="it refers to something that is neither a storage nor a module's class"):
        run(program(op_tuple(*parts, view) + b"Q"))


def test_huge_sizes_are_claims_not_allocations():
    for claim in (b"\x96" + struct.pack("<Q", 2**62), b"\x8b" + struct.pack("<i", 2**31 - 1), b"\x8e" + b"\xff" * 8):
        with pytest.raises(Refused):
            run(b"\x80\x02" + claim + b"x.")
    with pytest.raises(Refused):
        run(program(b"X" + struct.pack("<I", 2**32 - 1) + b"x"))
    # Python's own machine makes room for so many memo entries here.
    assert run(program(op_text("x") + b"r" + struct.pack("<I", 2**32 - 1))) == "x"


def test_endless_programs_are_cut_off(monkeypatch):
    monkeypatch.setattr("sharploss.assets.pickles.LONGEST", 100)
    assert run(program(b"N" * 90)) is None
    with pytest.raises(Refused, match="more than 100 instructions"):
        run(program(b"N" * 200))


def test_deep_nesting_costs_no_stack():
    assert run(program(b")" + b"\x85" * 200_000)) is not None


PLAIN = (type(None), bool, int, float, str, tuple, list, dict, Global, Module, Storage, Strided)


@given(st.binary(max_size=60))
@example(b"")
@example(b".")
def test_any_bytes_are_data_or_refused(content):
    with contextlib.suppress(Refused):
        assert isinstance(run(content), PLAIN)
