"""Crops of test images, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sharploss.analysis.figures.crop_files import crop_files, crops_of, name_of
from sharploss.analysis.figures.drawing import Drawing
from sharploss.analysis.load import Study
from sharploss.analysis.plotting.pixels import Floats, psnr, read_picture
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.tables.layout import records
from sharploss.record.keys import TARGET

COLUMNS, FEW, MANY = 6, 4, 12

SEARCHED = re.compile(r"_[aw]\d")
"""What names of losses hold that differ from others in a weight, or SPLoss's alpha, alone."""


def crops(study: Study) -> Iterator[Drawing]:
    """Draw each task's crops, by the network with most losses, where it has four or more.

    Many losses show the first crop alone; trainings of a search for weights are left out.
    """
    found = crops_of(study)
    groups = study.runs.groupby(["task", "group", "network"], sort=False)["loss"].nunique().reset_index()
    # The report shows the crops of all networks; a page of paper has room for one of each task.
    largest = groups.sort_values("loss", ascending=False, kind="stable").drop_duplicates("task")
    for row in records(largest[largest["loss"] >= FEW].sort_index()):
        pictures = {name: crop_files(study, name, row) for name, crop in found.items() if crop["task"] == row["task"]}
        pictures = {name: without_recipe(without_searches(items)) for name, items in pictures.items()}
        many = any(len(items) > MANY for items in pictures.values())
        strips = [strip for crop in list(pictures)[: 1 if many else None] for strip in _strips(crop, pictures[crop])]
        if strips:
            yield Drawing(
                f"crops_{row['group']}",
                "crops",
                tiles_figure(strips),
                f"Crops of test images as restored by {row['network']} trained with each loss ({row['task']}); below "
                "each its PSNR, of the crop in RGB.",
                f"Crops of test images: target, unrestored image, and the output of {row['network']} for each loss.",
            )


def without_searches(items: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Leave out the pictures of losses whose names end with the weight that was tried."""
    return [(title, path) for title, path in items if not SEARCHED.search(title)]


def without_recipe(items: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Shorten "<loss>-<recipe>" to the loss where all losses have one recipe; the first two are none."""
    named = [title.partition("-") for title, _ in items[2:]]
    if len({recipe for _, _, recipe in named}) > 1:
        return items
    return [*items[:2], *((loss, path) for (loss, _, _), (_, path) in zip(named, items[2:], strict=True))]


def _strips(crop: str, items: list[tuple[str, Path]]) -> list[Strip]:
    tiles = tiles_of(items)
    return [
        Strip(crop if start == 0 else "", tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)
    ]


def tiles_of(items: list[tuple[str, Path]]) -> list[Tile]:
    """Read pictures as tiles; the first is the target, and below each other one stands its PSNR."""
    pictures = [(title, read_picture(path)) for title, path in items]
    target = pictures[0][1]
    return [Tile(title, picture, _note(picture, target)) for title, picture in pictures]


def _note(picture: Floats, target: Floats) -> str:
    value = psnr(picture, target)
    return "" if value == float("inf") else f"{value:.2f} dB"


def chosen_files(study: Study, crop: str, group: str, variants: list[str]) -> list[tuple[str, Path]] | None:
    """List the files of a crop: target, unrestored, and those of some runs; None where one of them has none.

    Args:
        study: the study.
        crop: a key of `crops_of`.
        group: "<task>-<network>".
        variants: in the order wanted; each is titled by its loss.
    """
    task = str(crops_of(study)[crop]["task"])
    titles = (TARGET, name_of(study, {"task": task}))
    files = [(title, study.paths.input_baseline_crop(task, crop, title)) for title in titles]
    files += [(variant.split("-")[0], study.paths.crop(group, crop, variant)) for variant in variants]
    return files if all(path.is_file() for _, path in files) else None
