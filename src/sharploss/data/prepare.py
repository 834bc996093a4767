"""From image files to the pack files of a task."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharploss.assets import AssetMissing, locate
from sharploss.data.degrade import degrade
from sharploss.data.images import read_image
from sharploss.data.pack import write_pack
from sharploss.errors import UserError

ROLES = ("train", "validation", "test")


def prepare(task_name: str, task: Mapping[str, Any], folder: str | Path, progress: bool = True) -> list[Path]:
    """Degrade and pack every data set of a task.

    Args:
        task_name: for messages and the progress bar.
        task: `train`, `validation` and `test` (lists of data set names), and what `degrade` takes.
        folder: where this task's packs go (data/packed/<task>): train.safetensors and validation.safetensors with all
            their sets, and one test-<set>.safetensors for each test set.
        progress: show a bar on stderr.

    Returns:
        The pack files written. A test set that cannot be had becomes a pack without images that says why.

    Raises:
        UserError: a train or validation set cannot be had, or an image is damaged or too small; the message names it.
    """
    folder = Path(folder)
    plan = [(role, role, list(task[role])) for role in ROLES[:2]]
    plan += [("test", f"test-{name}", [name]) for name in task["test"]]
    parameters = {key: value for key, value in task.items() if key not in ROLES}
    written: list[Path] = []
    for role, stem, sets in plan:
        if not sets:
            raise UserError(f"Task '{task_name}' names no set under '{role}': add one to params.yaml.")
        files, missing = _files(sets, may_miss=role == "test")
        path = folder / f"{stem}.safetensors"
        pairs = _pairs(files, parameters, f"{task_name} {stem}" if progress else None)
        write_pack(path, pairs, role=role, sets=sets, parameters=parameters, missing=missing)
        written.append(path)
    return written


def _files(sets: Sequence[str], *, may_miss: bool) -> tuple[list[tuple[str, Path]], dict[str, str]]:
    """Find the files of some sets: ("<set>/<image>", path) for each image, and {set: why it is missing}."""
    files: list[tuple[str, Path]] = []
    missing: dict[str, str] = {}
    for name in sets:
        try:
            files += [(f"{name}/{path.stem}", path) for path in locate(name)]
        except AssetMissing as error:
            if not may_miss:
                raise
            missing[name] = error.reason
    return files, missing


def _pairs(
    files: Sequence[tuple[str, Path]], parameters: Mapping[str, Any], title: str | None
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Read and degrade one image at a time, so that memory does not grow with the set."""
    from tqdm import tqdm

    for name, path in tqdm(files, desc=title, unit="image", disable=None if title else True, leave=False):
        image = torch.from_numpy(read_image(path))
        try:
            yield name, *degrade(image, parameters)
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
