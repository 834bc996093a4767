"""The figures of the GV paper, as measured: gradient maps and variance curves."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sharploss.analysis.figures.crops import chosen_files, crops_of, reference_name, tiles_of
from sharploss.analysis.figures.study_figure import UNCROPPED, StudyFigure, middles, trained_pairs
from sharploss.analysis.load import read_numbers
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.pixels import sobel
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.titles import name_title

SECTION = "Gradient variance"
PAIRS = [("l2", "l2_gv"), ("l1", "l1_gv"), ("ssim", "ssim_gv")]
"""Bases, and what GV is added to; the first pair that a network has is drawn."""

CURVE_COLUMNS = ["network", "line", "direction", "rank", "target", "output"]
DIRECTIONS = {"x": "horizontal", "y": "vertical"}


def compared(study: Study) -> pd.DataFrame:
    """List the networks trained with and without GV: the first of PAIRS that each has, as `trained_pairs` does."""
    return trained_pairs(study, PAIRS).drop_duplicates("group", ignore_index=True)


def gradients(study: Study) -> Iterator[StudyFigure]:
    """Draw a crop with its Sobel gradients, of VDSR trained with and without GV, or of the first network that was."""
    pairs = compared(study).sort_values("network", key=lambda names: names != "vdsr", kind="stable")
    for row in records(pairs):
        names = [study.titles[row["base"]], study.titles[row["loss"]]]
        titles = dict(zip((row["base_variant"], row["variant"]), names, strict=True))
        for crop in crops_of(study, row["task"]):
            files = chosen_files(study, crop, row["group"], titles)
            if files:
                tiles = tiles_of(files)
                share = [
                    1000 * sum(float(way.var(ddof=1)) for way in sobel(tile.values))
                    for tile in tiles
                    if tile.values is not None
                ]
                yield StudyFigure(
                    f"gv_gradients_{row['group']}",
                    SECTION,
                    tiles_figure(gradient_strips(middles(tiles))),
                    f"This crop's gradients vary by {share[2]:.0f} ‰ with {names[0]}, {share[3]:.0f} ‰ with "
                    f"{names[1]}; by {share[0]:.0f} ‰ in the target, {share[1]:.0f} ‰ in the input",
                    "Gradient maps of target, base loss alone and with GV added (after the GV paper's Figure 1); "
                    f"{name_title(row['network'])}, {row['task']}, {crop}: Sobel's horizontal and vertical gradients "
                    "of the grey crop. Numbers: variance of the map, in per mille; the title has their sums.",
                    "A crop and its gradient maps for target, input, base loss and base loss with GV.",
                )
                return


def gradient_strips(tiles: list[Tile]) -> list[Strip]:
    """Return pictures and, below, their horizontal and vertical gradients with the variance of each map."""
    found = [sobel(tile.values) for tile in tiles if tile.values is not None]
    maps = [
        [Tile("", pair[axis], f"variance {1000 * float(pair[axis].var(ddof=1)):.1f} ‰") for pair in found]
        for axis in (0, 1)
    ]
    return [Strip("crop", tiles), Strip("horizontal", maps[0], "signed"), Strip("vertical", maps[1], "signed")]


def variances(study: Study) -> Iterator[StudyFigure]:
    """Draw the curves of gradient variances of the task with most networks that were trained with and without GV."""
    pairs = compared(study)
    pairs = pairs[~pairs["task"].str.endswith(UNCROPPED)]
    for task in pairs["task"].value_counts().index[:1]:
        curves = variance_curves(study, str(task), pairs[pairs["task"] == task])
        if curves.empty:
            return
        lines = variance_lines(curves)
        network = str(pairs.loc[pairs["task"] == task, "network"].iloc[0])
        mine = curves[curves["network"].isin(["", network]) & (curves["target"] > 0)]
        share = (mine["output"] / mine["target"]).groupby(mine["line"], sort=False).median()
        yield StudyFigure(
            f"gv_variance_{task}",
            SECTION,
            lines_figure(
                lines, "patches, ranked", log_y=set(lines["panel"]), reference=study.titles.get(study.references[0], "")
            ),
            f"In the median patch of {name_title(network)} the gradient's variance is "
            + ", ".join(f"{value:.2f} of the target's with {name}" for name, value in share.items()),
            "Variance of gradients in patches of 8x8 pixels, ranked by the target's (after the GV paper's Figure 2); "
            f"{name_title(task)}, one test image. To the right the share of the target's variance, on a log scale: "
            "GV is to bring the curve up towards 1, not beyond; above the black line at 1 is more than the target has. "
            "Neighbouring patches of the ranking are averaged.",
            "Curves of gradient variance over ranked patches for target, base loss and base loss with GV.",
        )


def variance_curves(study: Study, task: str, pairs: pd.DataFrame) -> pd.DataFrame:
    """Read the curves of a task's networks and of its input (network ""); no rows where one of `pairs` has none."""
    files = [study.paths.input_baseline_variances(task), *map(study.paths.variances, pairs["group"])]
    if not all(path.is_file() for path in files):
        return pd.DataFrame(columns=CURVE_COLUMNS)
    runs, parts = study.runs.set_index("run")["variant"], list[pd.DataFrame]()
    for row, path in zip(records(pairs), files[1:], strict=True):
        names = {row["base_variant"]: study.titles[row["base"]], row["variant"]: study.titles[row["loss"]]}
        part = read_numbers(path, CURVE_COLUMNS[3:], ("run", "direction")).join(runs, on="run")
        part = part[part["variant"].isin(names)]
        if part.empty:
            return pd.DataFrame(columns=CURVE_COLUMNS)
        parts.append(part.assign(network=row["network"], line=part["variant"].map(names)))
    reference = read_numbers(files[0], CURVE_COLUMNS[3:], ("direction",))
    reference = reference.assign(network="", line=name_title(reference_name(study, task)))
    return pd.concat([reference, *parts], ignore_index=True)[CURVE_COLUMNS]


def variance_lines(curves: pd.DataFrame) -> pd.DataFrame:
    """Turn curves into lines of panels: a network's variances in both directions, then their share of the target's."""
    parts: list[pd.DataFrame] = []
    for network in dict.fromkeys(curves.loc[curves["network"] != "", "network"]):
        mine = curves[curves["network"].isin(["", network])].rename(columns={"rank": "x"})
        for share in (False, True):
            for direction, title in DIRECTIONS.items():
                part = mine[mine["direction"] == direction]
                target = part.drop_duplicates("x").assign(line="target", output=lambda rows: rows["target"])
                part = pd.concat([target, part], ignore_index=True)
                part["y"] = part["output"] / (part["target"] if share else 1.0)
                parts.append(part.assign(panel=f"{name_title(network)}: {'share' if share else 'variance'}, {title}"))
    return pd.concat(parts, ignore_index=True)


FIGURES = {"gv_gradients": gradients, "gv_variance": variances}
NEEDS = {
    "gv_gradients": ("crops that one network restored with a loss and with GV added to it", r"_gv$"),
    "gv_variance": (
        "the gradient variances (variance.csv) of one network's trainings with and without GV, which are written when "
        "these are evaluated",
        r"_gv$",
    ),
}
