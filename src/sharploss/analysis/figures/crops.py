"""Crops of test images: which there are, the files they are in, and how they stand side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sharploss.analysis.plotting.pixels import grey, psnr, read_picture
from sharploss.analysis.plotting.tiles import Strip, Tile
from sharploss.analysis.study import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.record.keys import TARGET
from sharploss.utils.errors import UserError

Files = list[tuple[str, Path]]
"""Pictures of a crop as (title, PNG file): the target and the input (bicubic, or the degraded image) first."""


def crops_of(study: Study) -> dict[str, dict[str, Any]]:
    """Return the crops of params.yaml whose test set was scored: name -> task, dataset, image, top, left, ..."""
    crops = {name: crop.model_dump() for name, crop in study.params.crops.items()}
    tested = set(zip(study.scores["task"], study.scores["dataset"], strict=True))
    return {name: crop for name, crop in crops.items() if (crop["task"], crop["dataset"]) in tested}


def crops_by_task(study: Study) -> dict[str, list[str]]:
    """Return the names of the crops of each task that has some."""
    found: dict[str, list[str]] = {}
    for name, crop in crops_of(study).items():
        found.setdefault(str(crop["task"]), []).append(name)
    return found


def reference_name(study: Study, task: str) -> str:
    """Name the input baseline of a task: "bicubic" or "input"."""
    return str(study.runs.loc[study.runs["task"] == task, "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: str) -> Files:
    """List the pictures of a crop (a key of `crops_of`) for the finished runs of "<task>-<network>", by variant.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    finished = study.runs[(study.runs["group"] == group) & (study.runs["status"] == "finished")]
    variants = finished.merge(pairing_rows(study))["variant"].drop_duplicates()
    files = _files(study, crop, group, {str(variant): str(variant) for variant in variants})
    for _, path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
    return files


def chosen_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files | None:
    """List the pictures of a crop for some runs of a network (variant -> title); None where one of them has none."""
    files = _files(study, crop, group, titles)
    return files if all(path.is_file() for _, path in files) else None


def _files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files:
    paths, task = study.paths, str(crops_of(study)[crop]["task"])
    names = (TARGET, reference_name(study, task))
    references = [(name, paths.input_baseline_crop(task, crop, name)) for name in names]
    return references + [(title, paths.crop(group, crop, variant)) for variant, title in titles.items()]


def tiles_of(items: Files) -> list[Tile]:
    """Read pictures as tiles; the first is the target, and below each other one stands its PSNR."""
    pictures = [(title, read_picture(path)) for title, path in items]
    notes = [psnr(picture, pictures[0][1]) for _, picture in pictures]
    return [
        Tile(title, picture, "" if note == float("inf") else f"{note:.2f} dB")
        for (title, picture), note in zip(pictures, notes, strict=True)
    ]


def with_differences(crop: str, tiles: list[Tile]) -> list[Strip]:
    """Return a strip of pictures, the target first, and one of their grey values minus the target's."""
    target, *outputs = [grey(tile.values) for tile in tiles if tile.values is not None]
    maps = [Tile("", None), *(Tile("", output - target) for output in outputs)]
    return [Strip(crop, tiles), Strip("minus target", maps, "signed")]
