"""The images of a data set: of the catalogue or of one's own, with the inputs its publisher made where asked for."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import locate
from sharploss.assets.own import own_images
from sharploss.config.sections import Dataset
from sharploss.config.tasks import Blur, Degradation, Shrink
from sharploss.utils.errors import UserError, unknown

SCALE_MARK = re.compile(r"(_SRF_\d+_(HR|LR)|x[234])$")
"""What publishers add to the name of an image to say at which scale it is."""

SIDES = ("sharp", "blur")  # folders that say which side of a pair a file is on


class Item(NamedTuple):
    """An image of a data set, "<set>/<image>"."""

    name: str
    path: Path
    given: Path | None = None  # the file of its published input, where the task asks for one
    crop: tuple[int, int] | None = None  # (long, short) sides to crop it to, top left


def find_images(name: str, task: Degradation | None, own: Mapping[str, Dataset]) -> list[Item]:
    """List the images of a set, of the catalogue or of `own` (`datasets` of params.yaml), in a fixed order.

    Published inputs come with them where the `task` asks for it: `inputs: published` at its `scale`, or `blur: pairs`.
    AssetMissingError where the set cannot be had here; UserError where there is no such set, its folder is missing or
    holds no images, or inputs and targets do not match.
    """
    if name in own:
        paths = own_images(own[name].images, name).images
        inputs = own[name].inputs if _wants_inputs(task) else None
        given = own_images(inputs, name).images if inputs else None
        return _items(name, paths, given, None)
    if name not in ASSETS or ASSETS[name].kind != "dataset":
        raise unknown("data set", name, [*own, *(key for key, asset in ASSETS.items() if asset.kind == "dataset")])
    asset = ASSETS[name]
    paths = locate(name)
    if asset.pairs is not None:
        sharp, blurred = asset.pairs
        given = [path for path in paths if path.parent.name == blurred] if _wants_inputs(task) else None
        return _items(name, [path for path in paths if path.parent.name == sharp], given, asset.crop)
    wanted = asset.inputs.get(task.scale) if task and _wants_inputs(task) else None
    return _items(name, paths, locate(wanted) if wanted else None, asset.crop)


def skipped_of(name: str, own: Mapping[str, Dataset]) -> str:
    """Return what is skipped in the folder of a set of one's own, and how much; "" where nothing is."""
    return own_images(own[name].images, name).skipped if name in own else ""


def _wants_inputs(task: Degradation | None) -> bool:
    return (isinstance(task, Shrink) and task.inputs == "published") or (
        isinstance(task, Blur) and task.blur == "pairs"
    )


def _items(name: str, paths: Sequence[Path], given: Sequence[Path] | None, crop: tuple[int, int] | None) -> list[Item]:
    stems = _stems(paths)
    if given is None:
        return [Item(f"{name}/{stem}", path, None, crop) for stem, path in zip(stems, paths, strict=True)]
    inputs = _matched(name, stems, paths, given)
    triples = zip(stems, paths, inputs, strict=True)
    return [Item(f"{name}/{stem}", path, input, crop) for stem, path, input in triples]


def _matched(name: str, stems: Sequence[str], paths: Sequence[Path], given: Sequence[Path]) -> list[Path]:
    """Return each target's input: of the same name or, if not all are so, of the same name but for the scale."""
    exact = dict(zip(_stems(given), given, strict=True))
    if exact.keys() == set(stems):
        found = [exact[stem] for stem in stems]
    else:
        targets, inputs = _by_plain_name(name, stems, paths), _by_plain_name(name, list(exact), given)
        alone = sorted(targets.keys() ^ inputs.keys())
        if alone:
            side = "input" if alone[0] in targets else "target"
            what = f"'{alone[0]}' has no {side} ({len(targets)} targets and {len(inputs)} inputs)"
            raise UserError(f"{name}: {what}: inputs must have the names of their targets.")
        found = [inputs[_plain(stem)] for stem in stems]
    _check_folders(name, list(paths), found)
    return found


def _check_folders(name: str, targets: list[Path], inputs: list[Path]) -> None:
    """Refuse a pair of equal file names from unlike folders, where both sides have folders within."""
    folders = [[path.parts[:-1] for path in _inside(side)] for side in (targets, inputs)]
    if not all(any(side) for side in folders):
        return
    for one, other, target, input in zip(*folders, targets, inputs, strict=True):
        if one != other:
            raise UserError(
                f"{name}: {target} and {input} have one name but lie in unlike folders: inputs must lie in folders of "
                "the names of their targets'."
            )


def _by_plain_name(name: str, stems: Sequence[str], paths: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for stem, path in zip(stems, paths, strict=True):
        other = found.setdefault(_plain(stem), path)
        if other != path:
            raise UserError(
                f"{name}: {other.name} and {path.name} have one name but for the scale, and some names of targets and "
                "inputs differ: give inputs exactly the names of their targets."
            )
    return found


def _inside(paths: Sequence[Path]) -> list[Path]:
    """Return paths relative to the folder that holds all; which side of a pair a file is on belongs to none of them."""
    top = Path(os.path.commonpath([path.parent for path in paths]))
    inside = [path.relative_to(top) for path in paths]
    return [Path(*(part for part in path.parts[:-1] if part not in SIDES), path.name) for path in inside]


def _stems(paths: Sequence[Path]) -> list[str]:
    """Return names of images: their files', with as many folders before them, within the set, as tell them apart."""
    inside = _inside(paths)
    names: list[str] = []
    for depth in range(1, 1 + max(len(path.parts) for path in inside)):
        # A Mac writes é in two letters, and names the same file so when it is packed: in results a name has one form.
        names = [normalize("NFC", "_".join((*path.parts[-depth:-1], path.stem))) for path in inside]
        if len(set(names)) == len(names):
            return names
    first = dict(zip(reversed(names), reversed(paths), strict=True))
    name, path = next((name, path) for name, path in zip(names, paths, strict=True) if first[name] != path)
    raise UserError(f"{first[name]} and {path} would both be named '{name}' in results: rename one of them.")


def _plain(stem: str) -> str:
    """Return a name without its scale: 0001x2 and 0001, img_001_SRF_2_LR and img_001_SRF_2_HR are one image."""
    return SCALE_MARK.sub("", stem)
