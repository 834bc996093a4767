"""Checkpoints to resume from (scratch), and the weights a finished run leaves (safetensors)."""

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from sharploss.record.paths import ScratchFiles
from sharploss.utils.checksum import add_checksum, verify_checksum
from sharploss.utils.errors import UserError, cut
from sharploss.utils.files import write_bytes
from sharploss.utils.optional import optional_package

KEPT = 2  # the newest, and the one before it in case the newest turns out to be damaged


def config_hash(config: Mapping[str, Any]) -> str:
    """Return the hash of all that a run is made from, plain JSON, in 12 hexadecimal digits: the run's identity."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:12]


@contextmanager
def alone(scratch: Path, claims: bool = True) -> Generator[None]:
    """Hold a training's folder for the block, where this process `claims` to write it; UserError where another does."""
    filelock = optional_package("filelock")
    scratch.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(ScratchFiles(scratch).lock)
    try:
        if claims:
            lock.acquire(blocking=False)
        yield
    except filelock.Timeout:
        raise UserError(f"{scratch.name} is being trained by another process: wait for it, or stop it.") from None
    finally:
        if lock.is_locked:
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def save_checkpoint(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` (which has a `step`) atomically into `folder`, and forget all but the newest two."""
    path = ScratchFiles(folder).checkpoint(state["step"])
    # By way of memory: torch's own writer hides a full disk behind an error without a reason.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())
    for old in ScratchFiles(folder).checkpoints()[:-KEPT]:
        old.unlink()
    return path


def load_checkpoint(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """Return the newest checkpoint in `folder` that can be read, or None.

    A damaged one is renamed to `*.damaged`, with a warning on stderr, and the one before it is used.
    """
    for path in reversed(ScratchFiles(folder).checkpoints()):
        try:
            with zipfile.ZipFile(path) as archive:
                if bad := archive.testzip():  # torch writes a CRC for every tensor and does not look at it when reading
                    raise zipfile.BadZipFile(bad)
            return cast("dict[str, Any]", torch.load(path, map_location=device, weights_only=True))
        except Exception as error:  # torch and zipfile raise whatever their readers meet
            damaged = path.rename(path.with_suffix(".damaged"))
            reason = f"cannot be read ({type(error).__name__})"
            print(f"warning: {damaged} {reason}: going back to the one before", file=sys.stderr)
    return None


def save_weights(path: Path, network: nn.Module, metadata: dict[str, str]) -> None:
    """Write a network's weights as safetensors, atomically, with `metadata` that says what they are, and a checksum."""
    # Plain contiguous layout: a file's bytes must not depend on the memory format it was trained in.
    # Copies: the format has no tensor under two names, as MPRNet has the one PReLU that all its blocks share.
    state = network.state_dict().items()
    tensors = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state}
    write_bytes(path, add_checksum(save(tensors, metadata=metadata)))


def load_weights(path: Path, network: nn.Module) -> None:
    """Load a weights file into `network`; UserError where it is missing, damaged, or holds other tensors."""
    try:
        network.load_state_dict(read_weights(path))
    except RuntimeError as error:
        reason = cut(" ".join(str(error).split()), 400)
        raise UserError(f"{path} is a checkpoint of another configuration: {reason}") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a weights file; one that is missing, damaged or not finite is a UserError."""
    verify_checksum(path)
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise _damaged(path, str(error)) from None
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise _damaged(path, f"'{name}' has values that are not finite")
    return tensors


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged ({what}): delete it and run 'make repro' to train it again.")


def read_metadata(path: Path) -> dict[str, str]:
    """Read what a weights file says of itself: key, status and configuration; UserError where it does not say it."""
    if not path.is_file():
        raise UserError(f"{path} is missing: run 'make repro' to train it.")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = cast("dict[str, str]", file.metadata() or {})
    except SafetensorError as error:
        raise _damaged(path, str(error)) from None
    if not {"config", "status"} <= metadata.keys():
        raise UserError(f"{path} does not say which run it is of: delete it and run 'make repro' to train it again.")
    return metadata
