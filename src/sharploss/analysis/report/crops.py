"""The crops that the report's explorer shows: each once, as the difference to a like one where that is smaller."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sharploss.analysis.figures.crop_files import crop_files, crops_of
from sharploss.analysis.load import Study
from sharploss.analysis.report.figures import read_bytes, text_of
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd

CROP_BYTES = 470_000
"""How much of crops the page holds, before base64 adds a third; the others stay in results/crops."""

UNRESTORED = 2
"""How many pictures of a crop belong to no network: the target and the unrestored image."""

PAPERS = ("sploss", "gv", "second_order", "mdf", "gan")
"""The parts of losses' names that tell the papers' own; one of each comes right after the most shared loss."""

MIDDLE = 128
"""The value of "no difference" in a picture that is stored as a difference, modulo 256."""


class Shown(NamedTuple):
    """A picture in the explorer: `rank` says what to keep when not all fit (0 first)."""

    rank: int
    title: str
    path: Path


class View(NamedTuple):
    """A crop of one network, with its pictures in the order of the study: target and unrestored image first."""

    name: str
    crop: dict[str, Any]
    network: str
    pictures: list[Shown]


class Stored(NamedTuple):
    """A picture as the page holds it: a png, or the png of its difference to the picture number `base`."""

    content: bytes
    base: int | None


Pack = dict[bytes, Stored]
"""Pictures by their files' contents, numbered by their order."""


def explorer(study: Study, limit: int = CROP_BYTES) -> dict[str, Any]:
    """Gather the crops: what the explorer shows.

    Args:
        study: the study.
        limit: how many bytes of pictures the page may hold.

    Returns:
        crops: a list of name, image, task and networks, which is a list of name and pictures ([title, number]);
        pictures: a list of png (base64) and base (a number of the list, or null); most: how many losses of a network
        are inside, 0 when all are.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    views = listed_crops(study)
    longest = max((len(view.pictures) for view in views), default=0)
    most, pack = fill(views, longest, limit)
    numbers = {content: number for number, content in enumerate(pack)}
    crops: dict[str, dict[str, Any]] = {}
    for view in views:
        entry = {"name": view.name, "image": view.crop["image"], "task": view.crop["task"], "networks": []}
        shown = [[one.title, numbers[one.path.read_bytes()]] for one in view.pictures if one.rank < most]
        crops.setdefault(view.name, entry)["networks"].append({"name": view.network, "pictures": shown})
    inside = [{"png": text_of(one.content), "base": one.base} for one in pack.values()]
    return {"crops": list(crops.values()), "pictures": inside, "most": most - UNRESTORED if most < longest else 0}


def fill(views: list[View], longest: int, limit: int) -> tuple[int, Pack]:
    """Store one loss more of every network as long as all fit; the first one in any case.

    Args:
        views: `listed_crops(study)`.
        longest: the largest number of pictures of a view.
        limit: in bytes.

    Returns:
        The number of ranks that fitted, and the pictures.
    """
    most, pack = UNRESTORED + 1, add(views, UNRESTORED + 1, {})
    while most < longest:
        more = add(views, most + 1, pack)
        if sum(len(one.content) for one in more.values()) > limit:
            break
        most, pack = most + 1, more
    return most, pack


def add(views: list[View], most: int, pack: Pack) -> Pack:
    """Give a pack with the pictures of the first `most` ranks; those of `pack` keep their place."""
    found, first = dict(pack), dict[str, bytes]()
    for view in views:
        mine: list[bytes] = []
        for one in sorted(view.pictures)[:most]:
            content = read_bytes(one.path)
            if content not in found:
                # What it may be like: this network's first loss, and that of the first network of this crop.
                bases = [*mine[UNRESTORED : UNRESTORED + 1], *([first[view.name]] if view.name in first else [])]
                found[content] = smallest(content, bases if len(mine) >= UNRESTORED else [], list(found))
            mine.append(content)
        first.setdefault(view.name, mine[UNRESTORED] if len(mine) > UNRESTORED else mine[0])
    return found


def smallest(content: bytes, bases: list[bytes], numbered: list[bytes]) -> Stored:
    """Give a picture as it is, or as its difference to one of `bases`, whichever is smallest."""
    differences = [(difference_of(content, base), numbered.index(base)) for base in bases]
    return min(
        [Stored(content, None), *(Stored(made, base) for made, base in differences if made)],
        key=lambda stored: len(stored.content),
    )


def difference_of(content: bytes, base: bytes) -> bytes:
    """Give the png of a picture minus another one plus MIDDLE, modulo 256; nothing where their shapes differ."""
    from PIL import Image

    picture, other = (np.asarray(Image.open(io.BytesIO(each))) for each in (content, base))
    if picture.shape != other.shape or picture.dtype != np.uint8 or picture.ndim != 3:
        return b""
    file = io.BytesIO()
    Image.fromarray(picture - other + np.uint8(MIDDLE)).save(file, "png", optimize=True)
    return file.getvalue()


def listed_crops(study: Study) -> list[View]:
    """List every crop of every network.

    First come target and unrestored image, then the loss that most networks of the task were trained with, one of each
    paper's, and the others: those first that most networks have, since they can be compared across networks.
    """
    groups = records(study.runs[["group", "task", "network"]].drop_duplicates())
    return [
        View(name, crop, str(group["network"]), ranked(study.runs, group, crop_files(study, name, group)))
        for name, crop in crops_of(study).items()
        for group in groups
        if group["task"] == crop["task"]
    ]


def ranked(runs: pd.DataFrame, group: dict[str, Any], files: list[tuple[str, Path]]) -> list[Shown]:
    """Rank the pictures of a crop and network, which stay in their order."""
    mine = runs[runs["task"] == group["task"]]
    shared = mine.groupby("variant")["network"].nunique()
    order = sorted(range(UNRESTORED, len(files)), key=lambda at: -int(shared[files[at][0]]))
    losses = [name.split("-")[0] for name, _ in files]  # without the recipe
    papers = [next((at for at in order[1:] if part in losses[at]), None) for part in PAPERS]
    order = list(dict.fromkeys([*order[:1], *(at for at in papers if at is not None), *order]))
    rank = {at: place for place, at in enumerate([*range(UNRESTORED), *order])}
    return [Shown(rank[at], title, path) for at, (title, path) in enumerate(files)]
