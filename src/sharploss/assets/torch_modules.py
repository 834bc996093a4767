"""Read the tensors of pickled torch modules, in torch's format from before version 1.6, without running their code.

The authors' MDF weights are such files. A pickle can call whatever it can name; here it can name nothing but stand-ins
that are made anew for each file. torch.load's weights_only knows no modules in files of that age.
"""

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from sharploss.utils.errors import UserError, cut

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
DTYPES = {"torch FloatStorage": torch.float32, "torch LongStorage": torch.int64}
LAYERS = ("activation LeakyReLU", "batchnorm BatchNorm2d", "container Sequential", "conv Conv2d")
MODULES = ("SinGAN.models ConvBlock", "SinGAN.models WDiscriminator", *(f"torch.nn.modules.{name}" for name in LAYERS))


class RefusedError(Exception):
    """The file is not a list of saved discriminators; the message says why, without the file's name."""


class Module:
    """A stand-in for any network module: what the file says of it, and nothing else."""

    __slots__ = ("state",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.state = state


class _Unpickler(pickle.Unpickler):
    """Python's own, with `names` ("module name") as all that a file can name; a tensor is a tuple until the end."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self.storages: dict[str, tuple[torch.dtype, int]] = {}  # by key: type and number of elements
        # Made for this file alone: a pickle can set attributes of what it names, which must not outlive it.
        self.names: dict[str, Any] = {
            "collections OrderedDict": dict,
            "torch._utils _rebuild_tensor_v2": lambda *parts: parts[:4],  # pyright: ignore[reportUnknownLambdaType]
            "torch._utils _rebuild_parameter": lambda *parts: parts[0],  # pyright: ignore[reportUnknownLambdaType]
            **DTYPES,
            **{name: type("Module", (Module,), {"__slots__": ()}) for name in MODULES},
        }

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Return the stand-in for a name."""
        name = f"{module_name} {global_name}"
        if name not in self.names:
            raise RefusedError(f"it names {cut(name.replace(' ', '.'))}, for which a saved network has no use")
        return self.names[name]

    def persistent_load(self, pid: Any) -> Any:
        """Return the key of the storage, or the stand-in of the module's class, that a reference describes."""
        kind, first, *others = pid
        if kind == "module" and isinstance(first, type) and issubclass(first, Module):
            return first
        if kind != "storage" or not isinstance(first, torch.dtype) or others[3] is not None:
            raise RefusedError("it refers to what is neither a storage nor a module's class")
        self.storages[str(others[0])] = first, int(others[2])
        return str(others[0])


def read_modules(path: str | Path) -> list[dict[str, Tensor]]:
    """Read the state dicts (float32 or int64) of a list of modules that torch.save of a version before 1.6 pickled.

    UserError where the file is missing, damaged, or names anything that a saved discriminator does not need.
    """
    try:
        return _read(Path(path).read_bytes())
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: check the path.") from None
    except RefusedError as error:
        raise UserError(f"{path} is not read: {error}; replace it with the authors' file.") from None
    except Exception as error:  # a damaged pickle raises anything, of Python's and of torch's
        reason = cut(" ".join(str(error).split()), 200)
        raise UserError(f"{path} is damaged ({reason}): replace it with the authors' file.") from None


def _read(content: bytes) -> list[dict[str, Tensor]]:
    if content[:4] == b"PK\x03\x04":
        raise RefusedError("it is a zip file, as torch 1.6 and later write; the authors' files are older")
    stream = io.BytesIO(content)
    if (_Unpickler(stream).load(), _Unpickler(stream).load()) != (MAGIC, VERSION):
        raise RefusedError("it is not of torch's format from before version 1.6")
    _system, reader = _Unpickler(stream).load(), _Unpickler(stream)
    modules, keys = reader.load(), _Unpickler(stream).load()
    if not isinstance(modules, list) or sorted(keys) != sorted(reader.storages):
        raise RefusedError("it holds no list of modules with their storages")
    start, flat = stream.tell(), dict[str, Tensor]()
    for key in keys:
        # The number of elements in 8 bytes, then the elements.
        dtype, count = reader.storages[key]
        end = start + 8 + count * dtype.itemsize
        if int.from_bytes(content[start : start + 8], "little") != count or end > len(content):
            raise RefusedError(f"it is truncated or damaged at byte {start}")
        flat[key] = torch.frombuffer(bytearray(content[start + 8 : end]), dtype=dtype)
        start = end
    return [{name: _view(flat, *parts) for name, parts in _tensors(module)} for module in cast("list[Any]", modules)]


def _view(flat: dict[str, Tensor], key: str, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    view = flat[key].as_strided(shape, stride, offset)  # which refuses what lies outside
    if not view.is_contiguous():
        raise RefusedError("it holds a tensor that is not laid out row after row")
    return view


def _tensors(module: Any) -> Iterator[tuple[str, Any]]:
    """List the parameters and buffers of a module and of those within it, by dotted name."""
    waiting, seen = [("", module)], set[int]()
    while waiting:
        prefix, module = waiting.pop()
        if not isinstance(module, Module) or id(module) in seen:
            raise RefusedError(f"'{cut(prefix[:-1])}' in it is no network module, or is there twice")
        seen.add(id(module))
        for kind in ("_parameters", "_buffers"):
            items = module.state.get(kind, {}).items()
            yield from ((f"{prefix}{name}", parts) for name, parts in items if parts is not None)
        waiting += [(f"{prefix}{name}.", child) for name, child in module.state.get("_modules", {}).items()]
