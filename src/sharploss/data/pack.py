"""Pack files: all images of a set in one memory-mappable file with a checked header.

A pack is a safetensors file with two tensors. `pixels` is uint8 (bytes,): every image as (H, W, C), one after the
other, so that a row of a patch is one run of bytes and a batch of patches is channels-last. `images` is int64
(n, 2, 4): for each image, for [target, input], its [offset into pixels, channels, height, width]. The metadata says
what was packed and how, with the sha256 of the pixels.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from sharploss.utils.errors import UserError
from sharploss.utils.files import atomic_path

FORMAT, VERSION = "sharploss-pack", "2"
TARGET, INPUT = 0, 1


@dataclass(frozen=True)
class Pack:
    """An open pack file."""

    path: Path
    role: str  # "train", "validation", "test" or "tune"
    sets: list[str]  # the names of the data sets in it
    names: list[str]  # "<set>/<image>", one an image
    parameters: dict[str, Any]  # of the task, that the inputs were made with
    missing: dict[str, str]  # set: why it could not be had
    left_out: dict[str, str]  # image: why it could not be used
    sha256: str  # of the pixels
    pixels: Tensor  # (bytes,) uint8, memory-mapped; changes to it never reach the file
    images: Tensor  # (n, 2, 4) int64, [target, input] x [offset, channels, height, width]
    resident: dict[str, Tensor] = field(default_factory=dict[str, Tensor], repr=False, compare=False)  # by device

    def pixels_on(self, device: str | torch.device) -> Tensor:
        """Return the pixels on a device, where they stay for whatever trains next on this pack."""
        if str(device) not in self.resident:
            self.resident[str(device)] = self.pixels.to(device)
        return self.resident[str(device)]

    def __len__(self) -> int:
        return len(self.names)

    def target(self, index: int) -> Tensor:
        """Return the ground truth of one image, (C, H, W) uint8, without copying."""
        return self._view(index, TARGET)

    def input(self, index: int) -> Tensor:
        """Return the degraded version of one image, (C, h, w) uint8, without copying."""
        return self._view(index, INPUT)

    def _view(self, index: int, side: int) -> Tensor:
        offset, channels, height, width = self.images[index, side].tolist()
        pixels = self.pixels[offset : offset + channels * height * width]
        return pixels.view(height, width, channels).permute(2, 0, 1)


def write_pack(
    path: str | Path,
    pairs: Iterable[tuple[str, Tensor, Tensor]],
    *,
    role: str,
    sets: Sequence[str],
    parameters: Mapping[str, Any],
    missing: Mapping[str, str],
    left_out: Mapping[str, str] | None = None,
) -> None:
    """Write a pack file atomically, holding one pair of images in memory at a time; arguments as a Pack's attributes.

    `pairs` are (name, target (C, H, W) uint8, input (C, h, w) uint8); `left_out` is read when they are used up.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The header comes first but needs what is known last, so the pixels wait in a nameless file: nothing is left of it
    # whatever happens.
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        names, table, digest = _spool(pairs, spool)
        texts = {"format": FORMAT, "version": VERSION, "role": role, "sha256": digest}
        lists = {"sets": list(sets), "names": names, "parameters": dict(parameters), "missing": dict(missing)}
        lists["left_out"] = dict(left_out or {})
        metadata = texts | {key: json.dumps(value, sort_keys=True) for key, value in lists.items()}
        length = spool.tell()
        spool.seek(0)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(_header(metadata, len(names), length))
            file.write(np.asarray(table, dtype="<i8").tobytes())
            shutil.copyfileobj(spool, file, 1 << 20)


def _spool(pairs: Iterable[tuple[str, Tensor, Tensor]], file: IO[bytes]) -> tuple[list[str], list[list[int]], str]:
    """Append the pixels of all pairs to `file`: the names, rows [offset, channels, height, width] and the sha256."""
    names: list[str] = []
    table: list[list[int]] = []
    digest = hashlib.sha256()
    for name, *pair in pairs:
        names.append(name)
        for image in pair:
            if image.dtype != torch.uint8 or image.dim() != 3:
                shape = tuple(image.shape)
                raise ValueError(f"A pack holds uint8 images (C, H, W), not {image.dtype} of shape {shape} ({name}).")
            table.append([file.tell(), *image.shape])
            pixels = image.permute(1, 2, 0).contiguous().numpy().data
            digest.update(pixels)
            file.write(pixels)
    return names, table, digest.hexdigest()


def _header(metadata: dict[str, str], images: int, length: int) -> bytes:
    """Return the start of a safetensors file: the header's length (8 bytes, little endian), the header as JSON."""
    table = images * 2 * 4 * 8
    tensors = {
        "images": {"dtype": "I64", "shape": [images, 2, 4], "data_offsets": [0, table]},
        "pixels": {"dtype": "U8", "shape": [length], "data_offsets": [table, table + length]},
    }
    text = json.dumps({"__metadata__": metadata, **tensors}).encode()
    text += b" " * (-len(text) % 8)  # so that the 64-bit table is aligned in the mapped file
    return len(text).to_bytes(8, "little") + text


def open_pack(path: str | Path, *, verify: bool = False) -> Pack:
    """Open a pack file; its pixels are mapped into memory, not read, unless their sha256 is to be compared (`verify`).

    UserError where the file is missing, truncated, not a pack, of another version, or inconsistent.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no pack file {path}: run 'make repro' to make it.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            _check_format(path, metadata)
            pixels, images = file.get_tensor("pixels"), file.get_tensor("images")
        lists = {key: json.loads(metadata[key]) for key in ("sets", "names", "parameters", "missing", "left_out")}
        pack = Pack(path, role=metadata["role"], sha256=metadata["sha256"], pixels=pixels, images=images, **lists)
    except (SafetensorError, KeyError, json.JSONDecodeError, OSError) as error:
        raise _damaged(path, str(error)) from None
    _check_table(pack)
    if verify and hashlib.sha256(pixels.numpy().data).hexdigest() != pack.sha256:
        raise _damaged(path, "its pixels do not match their sha256")
    return pack


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged ({what}): delete it and run 'make repro' to make it again.")


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    if metadata.get("format") != FORMAT:
        raise UserError(f"{path} is a safetensors file but not a pack of images: delete it and run 'make repro'.")
    if metadata.get("version") != VERSION:
        found = metadata.get("version")
        raise UserError(f"{path} is a pack of version {found}, not {VERSION}: delete it and run 'make repro'.")


def _check_table(pack: Pack) -> None:
    """Refuse a table that points outside the pixels, before anything indexes with it."""
    images, pixels = pack.images, pack.pixels
    if images.dtype != torch.int64 or images.shape != (len(pack), 2, 4) or pixels.dtype != torch.uint8:
        raise _damaged(pack.path, "its image table has the wrong shape")
    offset, sizes = images[..., 0], images[..., 1:]
    end = offset + sizes.double().prod(-1)  # in float64, because a damaged table can overflow integers
    if not ((offset >= 0).all() and (sizes >= 1).all() and (end <= pixels.numel()).all()):
        raise _damaged(pack.path, "its image table points outside its pixels")
