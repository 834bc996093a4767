"""Reading the tensors of pickled torch modules, in torch's format from before version 1.6, as arrays.

The authors' MDF weights are such files. sharploss.assets.pickles keeps them from doing anything.
"""

import io
import math
from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from sharploss.assets.pickles import DAMAGE, Module, Refused, Storage, Strided, interpret
from sharploss.utils.errors import UserError, cut

Arrays = dict[str, npt.NDArray[Any]]

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
LARGEST = 64 * 2**20
MOST = 1000
"""Modules in one file; the authors' have 171."""


def read_modules(path: str | Path) -> list[Arrays]:
    """Read a pickled list of torch modules.

    Args:
        path: a file that torch.save of a version before 1.6 wrote, of at most 64 MiB.

    Returns:
        For each module its parameters and buffers by name, as `state_dict` names them: read-only, float32 or int64.

    Raises:
        UserError: the file is missing, cut short, damaged, of another format, or names or does anything but what a
            saved discriminator needs; the message names it. Nothing has been executed then either.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST:
            raise Refused(f"it is larger than {LARGEST // 2**20} MiB")
        return _read(path.read_bytes())
    except FileNotFoundError:
        raise UserError(f"There is no file {path}: check the path.") from None
    except Refused as error:
        raise UserError(f"{path} is not read: {error}; replace it with the authors' file.") from None
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}): replace it with the authors' file.") from None


def _read(content: bytes) -> list[Arrays]:
    if content[:4] == b"PK\x03\x04":
        raise Refused("it is a zip file, as torch 1.6 and later write; the authors' files are of the format before")
    stream = io.BytesIO(content)
    header = [interpret(stream)[0] for _ in range(3)]
    if header[:2] != [MAGIC, VERSION] or not isinstance(header[2], dict) or header[2].get("little_endian") is not True:
        raise Refused("it is not of torch's format from before version 1.6")
    (modules, storages), (keys, _) = interpret(stream), interpret(stream)
    if not isinstance(modules, list) or not isinstance(keys, list):
        raise Refused("it holds no list of modules")
    numbers = _numbers(content, stream.tell(), cast("list[Any]", keys), storages)
    named = [_tensors(module) for module in cast("list[Any]", modules)]
    return [{name: _array(tensor, numbers) for name, tensor in tensors.items()} for tensors in named]


def _numbers(content: bytes, start: int, keys: list[Any], storages: Mapping[str, Storage]) -> Arrays:
    """Give the numbers of every storage: for each key their count in 8 bytes, then the numbers."""
    if not all(isinstance(key, str) for key in keys) or sorted(keys) != sorted(storages):
        raise Refused("its list of storages is not that of its tensors")
    found: Arrays = {}
    for storage in (storages[key] for key in keys):
        count = int.from_bytes(content[start : start + 8], "little")
        end = start + 8 + storage.elements * np.dtype(storage.kind).itemsize
        if count != storage.elements or end > len(content):
            raise Refused(f"it is cut short or damaged at byte {start}")
        found[storage.key] = np.frombuffer(content[start + 8 : end], dtype=storage.kind)
        start = end
    return found


def _tensors(module: Any) -> dict[str, Strided]:
    """Collect the parameters and buffers of a module and of those within it, by dotted name."""
    found: dict[str, Strided] = {}
    waiting = [("", module)]
    for _ in range(MOST):
        if not waiting or len(waiting) > MOST:
            break
        prefix, module = waiting.pop()
        if not isinstance(module, Module):
            raise Refused(f"'{cut(prefix[:-1])}' in it is no network module")
        for kind in ("_parameters", "_buffers"):
            items = module.state.get(kind, {}).items()
            found.update({f"{prefix}{name}": tensor for name, tensor in items if isinstance(tensor, Strided)})
        waiting += [(f"{prefix}{name}.", child) for name, child in module.state.get("_modules", {}).items()]
    if waiting:
        raise Refused(f"it has more than {MOST} modules, or one that holds itself")
    return found


def _array(tensor: Strided, numbers: Arrays) -> npt.NDArray[Any]:
    """View a storage's numbers as a tensor, which has to be laid out row after row."""
    shape = tensor.shape
    # Before anything is multiplied: the product of as many huge lengths as fit into a file takes hours.
    if len(shape) > 4 or min(shape, default=1) < 1:
        raise Refused("it holds a tensor that is empty or has more than four dimensions")
    size = math.prod(shape)
    plain = tuple(accumulate(shape[:0:-1], lambda product, length: product * length, initial=1))[::-1]
    if shape and tensor.stride != plain:
        raise Refused("it holds a tensor that is not laid out row after row")
    flat = numbers[tensor.storage.key]
    if tensor.offset < 0 or tensor.offset + size > len(flat):
        raise Refused("it holds a tensor that is larger than its storage")
    return flat[tensor.offset : tensor.offset + size].reshape(shape)
