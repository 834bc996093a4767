"""Crops of test images, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sharploss.analysis.crops import crop_files, crops_of, name_of
from sharploss.analysis.drawings.drawing import Drawing
from sharploss.analysis.figures.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.layout import records
from sharploss.analysis.load import Study
from sharploss.analysis.pixels import Floats, psnr, read_picture

COLUMNS, MANY = 6, 12


def crops(study: Study) -> Iterator[Drawing]:
    """Draw, per task and network, its crops as every loss restores them; many losses show the first crop alone."""
    found = crops_of(study)
    groups = study.runs[["group", "task", "network"]].drop_duplicates()
    for row in records(groups):
        pictures = {name: crop_files(study, name, row) for name, crop in found.items() if crop["task"] == row["task"]}
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


def chosen_files(study: Study, crop: str, group: str, losses: list[str]) -> list[tuple[str, Path]] | None:
    """List the files of a crop: target, unrestored, and those of some losses; None where one of them has none.

    Args:
        study: the study.
        crop: a key of `crops_of`.
        group: "<task>-<network>".
        losses: variants, in the order wanted.
    """
    task = str(crops_of(study)[crop]["task"])
    reference = study.root / "results" / "unrestored" / task
    name = name_of(study, {"task": task})
    files = [(title, reference / f"{crop}-{title}.png") for title in ("target", name)]
    files += [(loss, study.root / "results" / "crops" / group / f"{crop}-{loss}.png") for loss in losses]
    return files if all(path.is_file() for _, path in files) else None
