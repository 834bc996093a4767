"""The images of a data set: of the catalogue or of one's own, with the inputs its publisher made where asked for."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.fetch import locate
from sharploss.utils.errors import UserError, unknown

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

SCALE_MARK = re.compile(r"(_SRF_\d+_(HR|LR)|x[234])$")
"""What publishers add to the name of an image to say at which scale it is."""


class Item(NamedTuple):
    """An image of a data set.

    Attributes:
        name: "<set>/<image>".
        path: its file.
        given: the file of its published input, where the task asks for one.
        crop: (long, short) sides to crop it to, top left; None: not cropped.
    """

    name: str
    path: Path
    given: Path | None = None
    crop: tuple[int, int] | None = None


def find_images(name: str, task: Mapping[str, Any], own: Mapping[str, Mapping[str, Any]]) -> list[Item]:
    """List the images of a set, in a fixed order.

    Args:
        name: a data set of the catalogue or of `own`.
        task: whether it asks for published inputs (`inputs: published`, `blur: pairs`), and for which `scale`.
        own: {set: {images, inputs}} of params.yaml.

    Raises:
        AssetMissingError: the set cannot be had here.
        UserError: there is no such set, its folder is missing or holds no images, or inputs and targets do not match in
            number or name; the message says which.
    """
    if name in own:
        paths = images_in(own[name]["images"], name)
        inputs = own[name].get("inputs")
        given = images_in(inputs, name) if inputs and _wants_inputs(task) else None
        return _items(name, paths, given, None)
    if name not in ASSETS or ASSETS[name].kind != "dataset":
        raise unknown("data set", name, [*own, *(key for key, asset in ASSETS.items() if asset.kind == "dataset")])
    asset = ASSETS[name]
    paths = locate(name)
    if asset.pairs is not None:
        sharp, blurred = asset.pairs
        given = [path for path in paths if path.parent.name == blurred] if _wants_inputs(task) else None
        return _items(name, [path for path in paths if path.parent.name == sharp], given, asset.crop)
    wanted = asset.inputs.get(task["scale"]) if _wants_inputs(task) else None
    return _items(name, paths, locate(wanted) if wanted else None, asset.crop)


def images_in(place: str, name: str) -> list[Path]:
    """List the image files of a folder, at any depth, or of a zip file (unpacked beside the cache once).

    Raises:
        UserError: nothing is there, or no images.
    """
    folder = Path(place)
    if folder.suffix.lower() == ".zip" and folder.is_file():
        folder = _unpacked(folder)
    if not folder.is_dir():
        raise UserError(f"datasets.{name}: there is no folder or zip file {place}: check the path in params.yaml.")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise UserError(f"datasets.{name}: {place} holds no images ({', '.join(SUFFIXES)}): check the path.")
    return found


def _unpacked(archive: Path) -> Path:
    from sharploss.assets.lock import locked
    from sharploss.assets.lookup import cache_folder
    from sharploss.assets.unpack import fresh_folder, unpack
    from sharploss.utils.files import sha256

    # By content, so that a changed archive is unpacked anew.
    folder = cache_folder() / "own" / f"{archive.stem}-{sha256(archive)[:12]}"
    with locked(folder):
        if not folder.is_dir():
            with fresh_folder(folder) as temporary:
                unpack(archive, temporary, lambda names: {name: name for name in names})
    return folder


def _wants_inputs(task: Mapping[str, Any]) -> bool:
    return task.get("inputs") == "published" or task.get("blur") == "pairs"


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
        return [exact[stem] for stem in stems]
    targets, inputs = _by_plain_name(name, stems, paths), _by_plain_name(name, list(exact), given)
    alone = sorted(targets.keys() ^ inputs.keys())
    if alone:
        side = "input" if alone[0] in targets else "target"
        count = f"{len(targets)} targets and {len(inputs)} inputs"
        raise UserError(f"{name}: '{alone[0]}' has no {side} ({count}): inputs must have the names of their targets.")
    return [inputs[_plain(stem)] for stem in stems]


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


def _stems(paths: Sequence[Path]) -> list[str]:
    """Name images by their files, with as many folders before them as make the names differ."""
    for depth in range(1, 8):
        names = ["_".join((*path.parts[-depth:-1], path.stem)) for path in paths]
        # In pairs of folders the last one says which side a file is on, so it does not belong to the name.
        names = [re.sub(r"_(sharp|blur)_", "_", name) for name in names]
        if len(set(names)) == len(names):
            return names
    raise UserError(f"{paths[0].parent} holds several images of the same name: rename them.")


def _plain(stem: str) -> str:
    """Return a name without its scale: 0001x2 and 0001, img_001_SRF_2_LR and img_001_SRF_2_HR are one image."""
    return SCALE_MARK.sub("", stem)
