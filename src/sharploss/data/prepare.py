"""From image files to the pack files of a task."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from sharploss.assets.catalogue import ASSETS
from sharploss.config.sections import Dataset
from sharploss.config.tasks import Compression, Degradation, Sets, Task, border_of
from sharploss.data.degrade import degrade
from sharploss.data.images import crop, read_image
from sharploss.data.jpeg import encoder
from sharploss.data.pack import write_pack
from sharploss.data.sets import Item, find_images, skipped_of
from sharploss.functional.ssim import WINDOW
from sharploss.record.keys import pack_file, pack_name
from sharploss.utils.errors import AssetMissingError, UserError
from sharploss.utils.files import sha256
from sharploss.utils.optional import progress_bar

Own = Mapping[str, Dataset]


def prepare(task_name: str, task: Task, folder: str | Path, *, own: Own | None = None) -> list[Path]:
    """Degrade and pack every data set of a task, and return the pack files; one image is in memory at a time.

    An image that cannot be read or is too small is left out, with a word on stderr and its reason in the pack, which
    stands beside the scores; so is a training image whose photograph is in one of the test sets. A test set that cannot
    be had becomes a pack without images that says why.

    Args:
        task_name: for messages and the progress bar.
        task: one of params.yaml, or of the models of sharploss.config.tasks.
        folder: for train.safetensors and validation.safetensors with all their sets, and one test-<set>.safetensors or
            tune-<set>.safetensors for each of the others.
        own: `datasets` of params.yaml.

    Raises:
        UserError: a train or validation set cannot be had or holds no usable image, its pairs do not match, or a
            training image is also a test image; the message names it.
    """
    folder, own = Path(folder), own or {}
    for path in folder.glob(".*.tmp"):  # of a preparation that was killed
        path.unlink(missing_ok=True)
    plan = [("train", "train", task.train), ("validation", "validation", task.validation)]
    plan += [("test", pack_name("test", name), [name]) for name in task.test]
    plan += [("tune", pack_name("tune", name), [name]) for name in task.tune]
    parameters = task.model_dump(mode="json", exclude={*Sets.model_fields})
    if isinstance(task, Compression):
        parameters["encoder"] = encoder()
    found = {stem: _items(sets, task, own, may_miss=role in ("test", "tune")) for role, stem, sets in plan}
    _check_own(task_name, [(role, found[stem][0]) for role, stem, _ in plan], own)
    written: list[Path] = []
    for role, stem, sets in plan:
        items, missing = found[stem]
        path = folder / pack_file(stem)
        left_out = {} if role == "test" else twins(items, task.test)
        items = [item for item in items if item.name not in left_out]
        smallest = 1 if role == "train" else smallest_side(task.scale)
        left_out |= {f"part of {name}'s folder": skipped for name in sets if (skipped := skipped_of(name, own))}
        pairs = _pairs(items, task, left_out, smallest, f"{task_name} {stem}")
        write_pack(path, pairs, role=role, sets=sets, parameters=parameters, missing=missing, left_out=left_out)
        written.append(path)
    return written


def smallest_side(scale: int) -> int:
    """Return the side in pixels below which a ground truth is too small for SSIM's window inside the border.

    Metrics that need more (MS-SSIM, LPIPS, NIQE, FID) have no value on a small image, and a note says so.
    """
    return WINDOW + 2 * border_of(scale)


def twins(items: Sequence[Item], tested: Sequence[str]) -> dict[str, str]:
    """Return {image: why it must not be learnt from} for images whose photograph is also in a set that is tested on."""
    found: dict[str, str] = {}
    for item in items:
        name, image = item.name.split("/", 1)
        twin = ASSETS[name].twins.get(image) if name in ASSETS else None
        if twin in tested:
            found[item.name] = f"{twin}, which is tested on, has the same photograph"
    return found


def _items(sets: Sequence[str], task: Degradation, own: Own, *, may_miss: bool) -> tuple[list[Item], dict[str, str]]:
    items: list[Item] = []
    missing: dict[str, str] = {}
    for name in sets:
        try:
            items += find_images(name, task, own)
        except AssetMissingError as error:
            if not may_miss:
                raise
            missing[name] = error.reason
    return items, missing


def _check_own(task_name: str, found: Sequence[tuple[str, Sequence[Item]]], own: Own) -> None:
    """Refuse images that are both learnt from and tested on; the catalogue's sets were compared with the params."""
    if not own:
        return
    items = [item for role, its in found if role != "test" for item in its]
    learnt = {sha256(item.path): item for item in items if item.path.stat().st_size}
    for role, tested in found:
        for item in tested if role == "test" else ():
            twin = learnt.get(sha256(item.path))
            if twin is not None:
                raise UserError(
                    f"Task '{task_name}' trains on {twin.path} and tests on {item.path}, which are the same image: "
                    "take it out of one of the two sets."
                )


def _pairs(
    items: Sequence[Item], task: Degradation, left_out: dict[str, str], smallest: int, title: str
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Read and degrade one image at a time, so that memory does not grow with the set."""
    used = 0
    for item in progress_bar(items, desc=title, unit="image", leave=False):
        try:
            image = crop(torch.from_numpy(read_image(item.path)), item.crop)
            given = None if item.given is None else torch.from_numpy(read_image(item.given))
            pair = degrade(image, task, item.name, given)
            if min(pair[0].shape[-2:]) < smallest:
                size = "x".join(map(str, reversed(pair[0].shape[-2:])))
                raise UserError(f"it is {size} pixels, and none below {smallest} pixels a side can be measured")
        except UserError as error:
            if item.given is not None and "its input" in str(error):
                raise  # a pair that does not match says something about the whole set
            reason = str(error) if str(item.path) in str(error) else f"{item.path}: {error}"
            left_out[item.name] = str(error).replace(str(item.path), item.path.name)
            print(f"warning: {item.name} is left out: {reason}", file=sys.stderr)
            continue
        used += 1
        yield item.name, *pair
    if items and not used:
        raise UserError(f"None of the {len(items)} images can be used; the first: {left_out[items[0].name]}")
