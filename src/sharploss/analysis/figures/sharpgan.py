"""Figures 4 and 5 of the SharpGAN paper, as measured: its blocks and its whole loss, and a detail of a face."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.crops import Files, chosen_files, crops_of, tiles_of, with_differences
from sharploss.analysis.figures.study_figure import StudyFigure, middles
from sharploss.analysis.plotting.pixels import detail
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.study import Study
from sharploss.analysis.titles import name_title

SECTION = "SharpGAN"
ROWS = [("stackedg", "l1"), ("resg", "l1"), ("nonbn_resg", "l1"), ("nonbn_resg", "sharpgan")]
"""The rows of its Table 1: networks and losses."""

FEWEST = 2  # rows that make a comparison
TITLES = ["StackedG", "ResG", "NonBN-ResG", "NonBN-ResG-L"]


def pictures(study: Study) -> Iterator[StudyFigure]:
    """Draw a crop restored by the rows of the paper's Table 1 that were trained, and the middle of it enlarged."""
    for crop, about in crops_of(study).items():
        files = ablation_files(study, crop, about.task)
        if len(files) < FEWEST + 2:
            continue
        tiles, task = tiles_of(files), about.task
        details = [Tile(tile.title, detail(tile.values)) for tile in tiles if tile.values is not None]
        scores = ", ".join(f"{tile.title} {tile.note}" for tile in tiles[2:])
        missing = [title for title in TITLES if title not in {tile.title for tile in tiles}]
        rest = f" Not trained here: {', '.join(missing)}." if missing else ""
        yield StudyFigure(
            f"sharpgan_blocks_{task}",
            SECTION,
            tiles_figure(with_differences("", middles(tiles))),
            f"On this crop: {scores}; the input has {tiles[1].note}",
            f"The rows of SharpGAN's Table 1 to the eye (after its Figure 4): {name_title(task)}, {about.image}. "
            "Below each crop its PSNR (RGB, of the crop); below that grey values minus the target's, purple where it "
            f"is too bright.{rest}",
            "A crop restored by the generators of SharpGAN's Table 1.",
        )
        yield StudyFigure(
            f"sharpgan_detail_{task}",
            SECTION,
            tiles_figure([Strip("", details)]),
            "The middle of the crop above, twice as large",
            f"A detail, enlarged (after SharpGAN's Figure 5, which shows one of a face).{rest}",
            "The middle of the same crop, twice as large.",
        )
        return


def ablation_files(study: Study, crop: str, task: str) -> Files:
    """List the files of a crop: target, input, and each of ROWS that has one, by the recipe that most of them share."""
    runs = study.runs[(study.runs["task"] == task) & (study.runs["status"] == "finished")]
    shared = runs.groupby("recipe")["network"].nunique().to_dict()
    found: Files = []
    for title, (network, loss) in zip(TITLES, ROWS, strict=True):
        mine = runs[(runs["network"] == network) & (runs["loss"] == loss)]
        mine = mine.assign(shared=mine["recipe"].map(shared)).sort_values("shared", ascending=False, kind="stable")
        files = (
            chosen_files(study, crop, mine["group"].iloc[0], {mine["variant"].iloc[0]: title}) if len(mine) else None
        )
        if files:
            found = [*(found or files[:2]), files[2]]
    return found


FIGURES = {"sharpgan": pictures}
NEEDS = {"sharpgan": ("crops of two generators of SharpGAN's Table 1", r"^sharpgan$")}
