"""The figures of the SPLoss paper, as measured."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sharploss.analysis.figures import study_figure as shared
from sharploss.analysis.figures.crops import chosen_files, crops_of, tiles_of, with_differences
from sharploss.analysis.figures.study_figure import Block, StudyFigure
from sharploss.analysis.load import read_numbers
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.mechanism import maps_figure, profile_figure, strongest_profile
from sharploss.analysis.plotting.pixels import sobel
from sharploss.analysis.plotting.tiles import Tile, tiles_figure
from sharploss.analysis.stats.intervals import CELL, ROW, TRAINED
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import sweep_runs, with_recipes
from sharploss.analysis.titles import name_title
from sharploss.config.protocols import REFERENCES
from sharploss.record.tables import EDGE_COLUMNS

MECHANISM, CROPS, ALPHAS = "How SPLoss works, on a real edge", "Crops beside the papers' comparisons", "SPLoss: alpha"
"""The headings of the figures."""

PAIRS = [("l1", "sploss"), ("mprnet_original", "mprnet_sploss"), ("esrgan", "esrgan_sploss")]
"""What SPLoss replaces, and the loss with SPLoss."""

KINDS = ("sr", "deblur")  # the kinds of tasks that the paper has
TITLE_METRICS = ("psnr", "lpips", "ssim")  # the measures that a title speaks of
COMPARED = 2  # how many crops one figure compares
MANY_ALPHAS = 5  # fewer are a search for the best, and no sweep to draw


def mechanism(study: Study) -> Iterator[StudyFigure]:
    """Draw how SPLoss works on a real edge, for the first task of each kind that the paper has."""
    kinds = {study.params.tasks[task].kind: task for task in reversed(list(dict.fromkeys(study.runs["task"])))}
    for place, kind in enumerate(kind for kind in KINDS if kind in kinds):
        task = kinds[kind]
        edge = read_numbers(study.paths.edge(task), EDGE_COLUMNS)
        profile, name = strongest_profile(edge)
        hits, errors = edge["penalised"].astype(bool), edge["error"].abs()
        yield StudyFigure(
            f"mechanism_profile_{task}",
            MECHANISM,
            profile_figure(edge),
            f"Across this edge {int(profile['penalised'].sum())} of {len(profile)} pixels err to the blurred side: to "
            f"L1 all weigh the same, to SPLoss these up to {profile['weight'].max():.1f} times as much",
            "L1 at an edge (after the SPLoss paper's Figure 1, whose text alone we know), and what SPLoss makes of it: "
            "a blurred output errs to the side that the target's Laplacian points to. Where both have the same sign "
            f"(shaded), the error weighs 1 + {ALPHA} times the Laplacian's size, here with {ALPHA} = 2. Task: "
            f"{name_title(task)}, {name} of the crop below; the output is the input, not yet restored.",
            "Profiles across an edge: target and output luma, Laplacian and error, and the weight of each pixel.",
            appendix=place > 0,
            trained=False,
        )
        yield StudyFigure(
            f"mechanism_maps_{task}",
            MECHANISM,
            maps_figure(edge),
            f"SPLoss penalises {100 * hits.mean():.0f} % of this crop's pixels, which carry "
            f"{100 * errors[hits].sum() / max(errors.sum(), 1e-12):.0f} % of its absolute error",
            "The maps of the algorithm (after the SPLoss paper's Figure 2): where error and Laplacian have the same "
            f"sign, the pixel is penalised. The output is the input, not yet restored. Task: {name_title(task)}.",
            "Maps of target, output, error, Laplacian, penalised pixels and weight around an edge.",
            appendix=place > 0,
            trained=False,
        )


def pictures(study: Study) -> Iterator[StudyFigure]:
    """Draw crops with and without SPLoss, and where they differ from the target: one network per task and pair."""
    swept, drawn = set(sweep_runs(study)["group"]), set[str]()
    pairs = shared.trained_pairs(study, PAIRS)
    pairs = pairs.assign(last=~pairs["group"].isin(swept)).sort_values("last", kind="stable")  # alpha sweeps first
    for row in records(pairs):
        task, names = row["task"], [study.titles[row["base"]], study.titles[row["loss"]]]
        if task in drawn or study.params.tasks[task].kind not in KINDS:
            continue
        titles = dict(zip((row["base_variant"], row["variant"]), names, strict=True))
        files = {crop: chosen_files(study, crop, row["group"], titles) for crop in crops_of(study, task)}
        tiles = {crop: tiles_of(items) for crop, items in files.items() if items}
        shown = dict(list(tiles.items())[:COMPARED])
        strips = [with_differences(crop, shared.middles(items)) for crop, items in shown.items()]
        if strips:
            slopes = [sum(sharpness(items)[at] for items in shown.values()) / len(shown) for at in (-2, -1)]
            yield StudyFigure(
                f"sploss_crops_{row['group']}",
                CROPS,
                tiles_figure([strip for pair in strips for strip in pair]),
                f"On {' and '.join(shown)} the gradient's variance is {slopes[0]:.2f} of the target's with {names[0]}, "
                f"{slopes[1]:.2f} with {names[1]}",
                "Crops with and without SPLoss (after the SPLoss paper's Figures 3 to 5): "
                f"{name_title(row['network'])}, {name_title(task)}. Below each crop its PSNR (RGB, of the crop); the "
                "maps show grey values minus the target's, purple where the output is too bright, orange "
                "where it is too dark.",
                "Crops of target, input, and outputs with and without SPLoss, with difference maps.",
                appendix=bool(drawn),
            )
            drawn.add(task)


def sharpness(tiles: list[Tile]) -> list[float]:
    """Return the variance of every picture's gradients as a share of the first one's, the target's."""
    found = [sum(float(way.var()) for way in sobel(tile.values)) for tile in tiles if tile.values is not None]
    return [each / (found[0] or 1.0) for each in found]


def sweeps(study: Study) -> Iterator[StudyFigure]:
    """Draw every measure against alpha on the largest test set, with L1 and the input, and a crop for every alpha."""
    levels = shared.by_measure(study, shared.on_largest(study, sweep_levels(study)))
    levels = levels[levels.groupby(TRAINED)["alpha"].transform("nunique") >= MANY_ALPHAS]
    blocks = [block for block in shared.supported(study) if not block.of(levels).empty]
    for block in blocks:
        part = block.of(levels)
        across = part.drop_duplicates("panel").melt("panel", ["l1", "input"], var_name="line", value_name="y")
        across["line"] = across["line"].map({"l1": "L1", "input": "input"})
        rows = part.assign(line="SPLoss").rename(columns={"alpha": "x", "value": "y"})
        last = {row["metric"]: row for row in records(part[part["alpha"] == part["alpha"].max()])}
        changes = [
            shared.says(name, last[name]["value"] - last[name]["l1"], last[name]["smallest"])
            for name in TITLE_METRICS
            if name in last and np.isfinite(last[name]["l1"])
        ]
        network, end = name_title(block.network), f"{part['alpha'].max():g}"
        yield StudyFigure(
            f"alpha_{block.task}_{shared.file_name(str(part['label'].iloc[0]))}",
            ALPHAS,
            lines_figure(rows, f"{ALPHA} (penalty)", levels=across, least=shared.least_of(rows)),
            f"As {ALPHA} grows from 0 (L1) to {end}, {', '.join(changes or ['what was measured is drawn'])}",
            f"SPLoss on {network} ({name_title(block.task)}), {name_title(block.dataset)}: measures against {ALPHA}. "
            "The coloured band is the 95 % interval of the paired difference to L1, drawn around L1's value; in the "
            "grey band a difference counts for nothing. A level beyond an axis is written at its edge.",
            f"Line plots of each measure against alpha for {network} on {block.dataset}; numbers in the alpha table.",
            appendix=block != blocks[0],
        )
        yield from _strip(study, block, appendix=block != blocks[0])


def _strip(study: Study, block: Block, *, appendix: bool) -> Iterator[StudyFigure]:
    """Draw the first crop of a task that a network restored with every alpha."""
    runs = with_recipes(sweep_runs(study), sweep_runs(study))
    runs = block.of(runs).drop_duplicates("alpha")
    titles = {str(row["variant"]): f"{ALPHA} = {row['alpha']:g}" for row in records(runs)}
    for crop in crops_of(study, block.task):
        files = chosen_files(study, crop, str(runs["group"].iloc[0]), titles)
        if files:
            tiles = tiles_of(files)
            shares, (target, _, *outputs) = sharpness(tiles), shared.middles(tiles)
            half = -(-len(outputs) // 2)
            strips = [with_differences("", [target, *part]) for part in (outputs[:half], outputs[half:])]
            yield StudyFigure(
                f"alpha_strip_{block.task}_{shared.file_name(str(runs['label'].iloc[0]))}",
                ALPHAS,
                tiles_figure([strip for pair in strips for strip in pair]),
                f"From {ALPHA} = {runs['alpha'].iloc[0]:g} to {runs['alpha'].iloc[-1]:g} the gradient's variance goes "
                f"from {shares[2]:.2f} to {shares[-1]:.2f} of the target's; the input has {shares[1]:.2f}",
                f"The crop '{crop}' as {name_title(block.network)} ({name_title(block.task)}) restores it. Below: "
                "grey values minus the target's (purple: too bright).",
                "Crops for growing alpha, each with a map of its difference to the target.",
                appendix=appendix,
            )
            return


def sweep_levels(study: Study) -> pd.DataFrame:
    """Return, per point of the sweeps: value, low, high (L1 plus the paired interval), l1, input."""
    runs = with_recipes(sweep_runs(study), sweep_runs(study))[[*ROW, "alpha", "label"]].drop_duplicates()
    inputs = study.means[study.means["loss"].isin(REFERENCES)].rename(columns={"value": "input"})
    keys = ["task", "dataset", "metric", "protocol"]
    changes = study.compared[study.compared["against"] == "l1"]
    levels = study.means.merge(runs).merge(changes, on=CELL, how="left").merge(inputs[[*keys, "input"]], on=keys)
    levels = levels.assign(l1=levels["baseline"])
    levels[["low", "high"]] = levels[["low", "high"]].add(levels["l1"], axis=0)
    return levels.sort_values([*TRAINED, "alpha"], kind="stable", ignore_index=True)


FIGURES = {"sploss_crops": pictures, "mechanism": mechanism, "alpha": sweeps}
NEEDS = {
    "sploss_crops": ("crops restored with a loss and with SPLoss in its place", r"sploss$"),
    "mechanism": ("a super-resolution or a deblurring task", ""),
    "alpha": ("a network that SPLoss was trained on at five alphas", r"^sploss"),
}
