"""The figures of the SPLoss paper, as measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.analysis.figures.crops import chosen_files, crops_of, tiles_of, with_differences
from sharploss.analysis.figures.study_figure import StudyFigure, by_measure, file_name, trained_pairs
from sharploss.analysis.load import EDGE_COLUMNS, read_numbers
from sharploss.analysis.measures import ALPHA
from sharploss.analysis.plotting.lines import lines_figure
from sharploss.analysis.plotting.mechanism import maps_figure, profile_figure
from sharploss.analysis.plotting.tiles import tiles_figure
from sharploss.analysis.stats.intervals import CELL, ROW, TRAINED
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.tables.tables import first_tested, sweep_runs, with_recipes
from sharploss.config.protocols import REFERENCES

if TYPE_CHECKING:
    import pandas as pd

PAPER = "SPLoss"
PAIRS = [("l1", "sploss"), ("mprnet_original", "mprnet_sploss"), ("esrgan", "esrgan_sploss")]
"""What SPLoss replaces, and the loss with SPLoss."""

KINDS = ("sr", "deblur")
"""The kinds of tasks that the paper has."""

MANY_ALPHAS = 5
"""Fewer are a search for the best, and no sweep to draw."""


def mechanism(study: Study) -> Iterator[StudyFigure]:
    """Draw how SPLoss works on a real edge, for the first task of each kind that the paper has."""
    kinds = {study.params.tasks[task].kind: task for task in reversed(list(dict.fromkeys(study.runs["task"])))}
    for task in [kinds[kind] for kind in KINDS if kind in kinds]:
        edge, section = read_numbers(study.paths.edge(task), EDGE_COLUMNS), "mechanism"
        yield StudyFigure(
            f"mechanism_profile_{task}",
            section,
            profile_figure(edge),
            "SPLoss across a real edge (after the SPLoss paper's Figure 2, whose text alone we know): a blurred output "
            "errs to the side that the target's Laplacian points to. Where both have the same sign (shaded), the error "
            f"weighs 1 + {ALPHA} times the Laplacian's size, here with {ALPHA} = 2. Task {task}.",
            "Profiles across an edge: target and output luma, Laplacian and error, and the weight of each pixel.",
        )
        yield StudyFigure(
            f"mechanism_maps_{task}",
            section,
            maps_figure(edge),
            "The same quantities on the whole crop (after the SPLoss paper's Figure 3); the output is the input, not "
            f"yet restored. Task {task}.",
            "Maps of target, output, error, Laplacian, penalised pixels and weight around an edge.",
        )


def pictures(study: Study) -> Iterator[StudyFigure]:
    """Draw crops with and without SPLoss, and where they differ from the target: one network per task and pair."""
    swept, drawn = set(sweep_runs(study)["group"]), set[str]()
    pairs = trained_pairs(study, PAIRS)
    pairs = pairs.assign(last=~pairs["group"].isin(swept)).sort_values("last", kind="stable")  # alpha sweeps first
    for row in records(pairs):
        task, titles = row["task"], {row["base_variant"]: row["base"], row["variant"]: row["loss"]}
        if task in drawn or study.params.tasks[task].kind not in KINDS:
            continue
        files = {crop: chosen_files(study, crop, row["group"], titles) for crop in crops_of(study, task)}
        strips = [with_differences(crop, tiles_of(items)) for crop, items in files.items() if items]
        if strips:
            drawn.add(task)
            yield StudyFigure(
                f"sploss_crops_{row['group']}",
                "crops_compared",
                tiles_figure([strip for pair in strips for strip in pair]),
                f"Crops with and without SPLoss (after the SPLoss paper's Figure 1): {row['network']}, {task}. Below "
                "each crop its PSNR (RGB, of the crop); the maps show grey values minus the target's, purple where the "
                "output is too bright, orange where it is too dark.",
                "Crops of target, input, and outputs with and without SPLoss, with difference maps.",
            )


def sweeps(study: Study) -> Iterator[StudyFigure]:
    """Draw every measure against alpha on the first test set, with L1 and the input, and a crop for every alpha."""
    levels = by_measure(study, sweep_levels(study).merge(first_tested(study)))
    levels = levels[levels.groupby(TRAINED)["alpha"].transform("nunique") >= MANY_ALPHAS]
    for key, part in levels.groupby(["task", "label", "dataset"], sort=False):
        task, network, dataset = map(str, key)  # pyright: ignore[reportArgumentType]
        across = part.drop_duplicates("panel").melt("panel", ["l1", "input"], var_name="line", value_name="y")
        rows = part.assign(line="sploss").rename(columns={"alpha": "x", "value": "y"})
        yield StudyFigure(
            f"alpha_{task}_{file_name(network)}",
            "alpha",
            lines_figure(rows, f"{ALPHA} (penalty)", levels=across),
            f"SPLoss on {network} ({task}), {dataset}: every measure against {ALPHA}. The band is the 95 % interval of "
            f"the paired difference to L1, drawn around L1's value; where it leaves the dashed line, {ALPHA} matters.",
            f"Line plots of each measure against alpha for {network} on {dataset}; numbers in the alpha table.",
        )
        yield from _strip(study, task, network)


def _strip(study: Study, task: str, network: str) -> Iterator[StudyFigure]:
    """Draw the first crop of a task that a network restored with every alpha."""
    runs = with_recipes(sweep_runs(study), sweep_runs(study))
    runs = runs[(runs["task"] == task) & (runs["label"] == network)].drop_duplicates("alpha")
    titles = {str(row["variant"]): f"{ALPHA} = {row['alpha']:g}" for row in records(runs)}
    for crop in crops_of(study, task):
        files = chosen_files(study, crop, str(runs["group"].iloc[0]), titles)
        if files:
            target, *outputs = tiles_of(files)
            half = -(-len(outputs) // 2)
            strips = [with_differences("", [target, *part]) for part in (outputs[:half], outputs[half:])]
            yield StudyFigure(
                f"alpha_strip_{task}_{file_name(network)}",
                "alpha",
                tiles_figure([strip for pair in strips for strip in pair]),
                f"One crop as {network} ({task}) restores it, from {ALPHA} = 0, which is L1, to the largest. Below the "
                "crops: grey values minus the target's (purple: too bright).",
                "Crops for growing alpha, each with a map of its difference to the target.",
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
