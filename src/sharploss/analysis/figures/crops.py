"""Crops of test images: which there are, their files, and how the figures and the page's explorer show them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from sharploss.analysis.plotting.pixels import Floats, grey, psnr, read_picture, sobel
from sharploss.analysis.plotting.tiles import Strip, Tile
from sharploss.analysis.study import Study
from sharploss.analysis.tables.tables import pairing_rows
from sharploss.record.keys import TARGET
from sharploss.utils.errors import UserError

Files = list[tuple[str, Path]]
"""Pictures of a crop as (title, PNG file): the target and the input (bicubic, or the degraded image) first."""


def crops_of(study: Study, task: str = "") -> dict[str, dict[str, Any]]:
    """Return the crops of params.yaml (of one task, or all) whose test set was scored: name -> task, image, ..."""
    tested = set(study.scores[["task", "dataset"]].drop_duplicates().itertuples(index=False, name=None))
    crops = {name: crop.model_dump() for name, crop in study.params.crops.items() if task in ("", crop.task)}
    return {name: crop for name, crop in crops.items() if (crop["task"], crop["dataset"]) in tested}


def reference_name(study: Study, task: str) -> str:
    """Name the input baseline of a task: "bicubic" or "input"."""
    return str(study.runs.loc[study.runs["task"] == task, "reference"].iloc[0])


def crop_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files:
    """List the pictures of a crop for some runs of "<task>-<network>" (variant -> title), be they there or not."""
    task = study.params.crops[crop].task
    inputs = [
        (name, study.paths.input_baseline_crop(task, crop, name)) for name in (TARGET, reference_name(study, task))
    ]
    return inputs + [(title, study.paths.crop(group, crop, variant)) for variant, title in titles.items()]


def chosen_files(study: Study, crop: str, group: str, titles: dict[str, str]) -> Files | None:
    """List the pictures of a crop as `crop_files` does; None where one of them is missing."""
    files = crop_files(study, crop, group, titles)
    return files if all(path.is_file() for _, path in files) else None


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


def explorer(study: Study, folder: Path) -> list[dict[str, Any]]:
    """List every crop of every network, with addresses of the pictures for a page in `folder`.

    Returns:
        Per crop: name, image, task and networks, each with name, width, height (pixels) and pictures: title, address
        and note; the target and the input come first.

    Raises:
        UserError: a picture is missing; the message names it.
    """
    finished, found = study.runs[study.runs["status"] == "finished"].merge(pairing_rows(study)), list[dict[str, Any]]()
    for name, crop in crops_of(study).items():
        groups = finished[finished["task"] == crop["task"]].groupby("group", sort=False)
        networks = [_network(study, name, str(group), list(part["variant"].unique()), folder) for group, part in groups]
        if networks:
            found.append({"name": name, "image": crop["image"], "task": crop["task"], "networks": networks})
    return found


def _network(study: Study, crop: str, group: str, variants: list[str], folder: Path) -> dict[str, Any]:
    """Describe one network's pictures of a crop."""
    files = crop_files(study, crop, group, dict(zip(variants, variants, strict=True)))
    for _, path in files:
        if not path.is_file():
            raise UserError(f"{path} is missing: run 'make repro' to make it.")
    target = read_picture(files[0][1])
    pictures = [
        {"title": title, "address": address(path, folder), "note": note(read_picture(path), target)}
        for title, path in files
    ]
    height, width = target.shape[:2]
    network = group.removeprefix(f"{study.params.crops[crop].task}-")
    return {"name": network, "width": width, "height": height, "pictures": pictures}


def address(path: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder."""
    return quote(Path(os.path.relpath(path, folder)).as_posix())


def note(picture: Floats, target: Floats) -> str:
    """Return what was measured on a picture (H, W, 3) in [0, 1] beside its target, in words."""
    if np.array_equal(picture, target):
        return "the target itself"
    slope, whole = (float(np.hypot(*sobel(each)).mean()) for each in (picture, target))
    share = f"{slope / whole:.2f}" if whole else "—"
    return f"PSNR {psnr(picture, target):.2f} dB (RGB), mean gradient {share} of the target's"
