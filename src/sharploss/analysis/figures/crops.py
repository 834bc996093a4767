"""Crops of test images, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.crop_files import Files, crop_files, crops_by_task
from sharploss.analysis.figures.study_figure import SWEPT, StudyFigure
from sharploss.analysis.load import Study
from sharploss.analysis.plotting.pixels import Floats, grey, psnr, read_picture
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.tables.layout import records

COLUMNS, FEW, MANY = 6, 4, 12


def crops(study: Study) -> Iterator[StudyFigure]:
    """Draw each task's crops, by the network with most losses, where it has four or more.

    Many losses show the first crop alone; trainings of a sweep of a weight are left out.
    """
    found = crops_by_task(study)
    groups = study.runs.groupby(["task", "group", "network"], sort=False)["loss"].nunique().reset_index()
    # The report shows the crops of all networks; a page of paper has room for one of each task.
    largest = groups.sort_values("loss", ascending=False, kind="stable").drop_duplicates("task")
    for row in records(largest[largest["loss"] >= FEW].sort_index()):
        pictures = {crop: _shown(crop_files(study, crop, row["group"])) for crop in found.get(row["task"], [])}
        many = any(len(items) > MANY for items in pictures.values())
        strips = [strip for crop in list(pictures)[: 1 if many else None] for strip in _strips(crop, pictures[crop])]
        if strips:
            yield StudyFigure(
                f"crops_{row['group']}",
                "crops",
                tiles_figure(strips),
                f"Crops of test images as restored by {row['network']} trained with each loss ({row['task']}); below "
                "each its PSNR, of the crop in RGB.",
                f"Crops of test images: target, unrestored image, and the output of {row['network']} for each loss.",
            )


def _shown(items: Files) -> Files:
    return without_recipe([(title, path) for title, path in items if not SWEPT.search(title)])


def without_recipe(items: Files) -> Files:
    """Shorten "<loss>-<recipe>" to the loss where all losses have one recipe; the first two are none."""
    named = [title.partition("-") for title, _ in items[2:]]
    if len({recipe for _, _, recipe in named}) > 1:
        return items
    return [*items[:2], *((loss, path) for (loss, _, _), (_, path) in zip(named, items[2:], strict=True))]


def _strips(crop: str, items: Files) -> list[Strip]:
    tiles = tiles_of(items)
    return [
        Strip(crop if start == 0 else "", tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)
    ]


def tiles_of(items: Files) -> list[Tile]:
    """Read pictures as tiles; the first is the target, and below each other one stands its PSNR."""
    pictures = [(title, read_picture(path)) for title, path in items]
    target = pictures[0][1]
    return [Tile(title, picture, _note(picture, target)) for title, picture in pictures]


def _note(picture: Floats, target: Floats) -> str:
    value = psnr(picture, target)
    return "" if value == float("inf") else f"{value:.2f} dB"


def with_differences(crop: str, tiles: list[Tile]) -> list[Strip]:
    """Return a strip of pictures and one of their grey values minus the target's.

    Args:
        crop: label of the strip.
        tiles: pictures, the target first.
    """
    target, *outputs = [grey(tile.values) for tile in tiles if tile.values is not None]
    maps = [Tile("", None), *(Tile("", output - target) for output in outputs)]
    return [Strip(crop, tiles), Strip("minus target", maps, "signed")]
