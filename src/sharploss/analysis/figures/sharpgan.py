"""Figures 4 and 5 of the SharpGAN paper, as measured: its blocks and its whole loss, and a detail of a face."""

from __future__ import annotations

from collections.abc import Iterator

from sharploss.analysis.figures.crops import Files, chosen_files, crops_of, tiles_of, with_differences
from sharploss.analysis.figures.study_figure import StudyFigure
from sharploss.analysis.plotting.pixels import detail
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.study import Study

PAPER = "SharpGAN"
ROWS = [("stackedg", "l1"), ("resg", "l1"), ("nonbn_resg", "l1"), ("nonbn_resg", "sharpgan")]
"""The rows of its Table 1: networks and losses."""

TITLES = ["StackedG", "ResG", "NonBN-ResG", "NonBN-ResG-L"]


def pictures(study: Study) -> Iterator[StudyFigure]:
    """Draw a crop restored by each row of the paper's Table 1 with its differences, and the middle of it enlarged."""
    for crop, about in crops_of(study).items():
        files = ablation_files(study, crop, str(about["task"]))
        if files is None:
            continue
        tiles, task = tiles_of(files), about["task"]
        details = [Tile(tile.title, detail(tile.values)) for tile in tiles if tile.values is not None]
        yield StudyFigure(
            f"sharpgan_blocks_{task}",
            "sharpgan",
            tiles_figure(with_differences("", tiles)),
            f"The rows of SharpGAN's Table 1 to the eye (after its Figure 4): {task}, {about['image']}. Below each "
            "crop its PSNR (RGB, of the crop); below that grey values minus the target's, purple where the output is "
            "too bright.",
            "A crop restored by StackedG, ResG, NonBN-ResG and NonBN-ResG-L, which has the whole loss.",
        )
        yield StudyFigure(
            f"sharpgan_detail_{task}",
            "sharpgan",
            tiles_figure([Strip("", details)]),
            "A detail of a face, enlarged (after SharpGAN's Figure 5, on an image of ours): the middle of the crop "
            "above.",
            "The middle of the same crop, twice as large.",
        )
        return


def ablation_files(study: Study, crop: str, task: str) -> Files | None:
    """List the files of a crop: target, input, and each of ROWS; None where one of them has none."""
    runs = study.runs[(study.runs["task"] == task) & (study.runs["status"] == "finished")]
    found: Files = []
    for title, (network, loss) in zip(TITLES, ROWS, strict=True):
        mine = runs[(runs["network"] == network) & (runs["loss"] == loss)]
        if mine.empty:
            return None
        files = chosen_files(study, crop, str(mine["group"].iloc[0]), {str(mine["variant"].iloc[0]): title})
        if files is None:
            return None
        found = [*(found or files[:2]), files[2]]
    return found


FIGURES = {"sharpgan": pictures}
