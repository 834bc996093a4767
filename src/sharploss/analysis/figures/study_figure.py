"""A figure of a study with all that belongs to it, and what several papers' figures ask of a study."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple, cast

import pandas as pd
from matplotlib.figure import Figure

from sharploss.analysis.measures import heading, is_shown, metric_title, number
from sharploss.analysis.plotting.pixels import detail
from sharploss.analysis.plotting.tiles import Tile
from sharploss.analysis.stats.intervals import TRAINED
from sharploss.analysis.stats.smallest import SMALLEST
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import images_of
from sharploss.analysis.tables.tables import with_recipes
from sharploss.analysis.titles import name_title
from sharploss.config.protocols import METRIC_INFO

SWEPT = r"_[aw]\d"  # what names of losses hold that differ from others in a weight or an alpha alone
UNCROPPED = "_no_mod_crop"  # the end of the names of tasks whose images were not cropped to a multiple of the scale
ENOUGH = 3  # losses beside SPLoss that make a network's comparison one of losses
LENGTHS = {"steps", "warmup", "log_every", "validate_every", "checkpoint_every"}  # in which budgets differ
SIDE = 112  # pixels of a crop that a strip of several shows: its middle, where it is larger


class StudyFigure(NamedTuple):
    """A figure, its title (what is seen), caption (how to read it), and a text for those who cannot see it."""

    name: str
    section: str  # the heading that it stands under
    figure: Figure | None
    title: str
    caption: str
    alt: str
    appendix: bool = False  # a reader looks it up
    trained: bool = True  # whether what it shows comes from trainings, and is no evidence after few steps
    paper: str = ""  # that it goes with; "" for our own
    not_drawn: str = ""  # what it takes, where the study has not the runs for it


class Block(NamedTuple):
    """What was trained alike, and the test set with most images, on which figures of all losses show it."""

    task: str
    network: str
    recipe: str
    dataset: str

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a frame that are of it (of its test set, where they name one)."""
        named = {name: value for name, value in self._asdict().items() if name in rows}
        return rows[(rows[[*named]] == [*named.values()]).all(axis=1)]


def alike(study: Study, recipe: str) -> list[str]:
    """List the recipes that differ from one in their budget alone."""
    fixed = {name: its.model_dump(exclude=LENGTHS) for name, its in study.params.recipes.items()}
    return [name for name in fixed if fixed[name] == fixed[recipe]]


def largest_set(study: Study, task: str) -> str:
    """Return the test set of a task with most images; "" where none was scored."""
    sets = study.scores.loc[study.scores["task"] == task, "dataset"].unique()
    return max(map(str, sets), key=lambda name: images_of(study, task, name), default="")


def supported(study: Study) -> list[Block]:
    """List what was trained alike: first with SPLoss beside L1, then by other losses (to ENOUGH), steps, parameters."""
    runs = study.runs[(study.runs["status"] == "finished") & ~study.runs["task"].str.endswith(UNCROPPED)]
    runs = study.without_unqualified(runs)
    found = list[tuple[tuple[float, ...], Block]]()
    for key, part in runs.groupby(TRAINED, sort=False):
        task, network, recipe = map(str, cast("tuple[str, ...]", key))
        dataset = largest_set(study, task)
        swept, losses = part["alpha"].notna(), set(part["loss"])
        others = len(set(part.loc[~swept, "loss"]) - {study.references[0]})
        both = bool(swept.any()) and study.references[0] in losses
        weight = (both, min(others, ENOUGH), study.params.recipes[recipe].steps, float(part["parameters"].max()))
        if dataset:
            found.append((weight, Block(task, network, recipe, dataset)))
    return [block for _, block in sorted(found, key=lambda one: one[0], reverse=True)]


def on_largest(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of each task's largest test set."""
    largest = {task: largest_set(study, task) for task in rows["task"].unique()}
    return rows[rows["dataset"] == rows["task"].map(largest)]


def says(metric: str, change: float, least: float | None = None) -> str:
    """State what a change is: "LPIPS falls by 0.059", "PSNR stays within 0.03 dB"."""
    name, unit = metric_title(metric), METRIC_INFO[metric]["unit"] if metric in METRIC_INFO else ""
    end, smallest = f" {unit}" if unit else "", SMALLEST.get(metric, 0.0) if least is None else least
    if abs(change) < smallest:
        return f"{name} stays within {smallest:g}{end}"
    return f"{name} {'rises' if change > 0 else 'falls'} by {number(metric, abs(change))}{end}"


def middles(tiles: list[Tile]) -> list[Tile]:
    """Cut the middle out of pictures that are too large for a strip of several."""
    return [
        tile if tile.values is None else tile._replace(values=detail(tile.values, min(1.0, SIDE / len(tile.values))))
        for tile in tiles
    ]


def network_title(label: str) -> str:
    """Return a network's label, "edsr (mini_gan)", as readers know the network."""
    name, *recipe = label.split(" ", 1)
    return " ".join([name_title(name), *recipe])


def file_name(label: str) -> str:
    """Turn a network's label, "edsr (mini_gan)", into a part of a file name."""
    return label.replace(" (", "_").replace(")", "")


def labelled(study: Study, lines: pd.DataFrame) -> pd.DataFrame:
    """Name every network with its recipe where there are several."""
    return with_recipes(study.runs, lines).drop(columns="network").rename(columns={"label": "network"})


def without_sweeps(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out the losses of sweeps of a weight, whose names end with it; they have figures of their own."""
    return rows[~rows["loss"].astype(str).str.contains(SWEPT)]


def trained_pairs(study: Study, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """List the pairs (base, loss) that a network was trained with by the same recipe, the first of `pairs` first."""
    same = ["group", "task", "network", "recipe"]
    runs = study.runs.loc[study.runs["status"] == "finished", [*same, "loss", "variant"]].drop_duplicates()
    asked = pd.DataFrame(pairs, columns=["base", "loss"])
    bases = runs.rename(columns={"loss": "base", "variant": "base_variant"})
    return asked.merge(runs, on="loss").merge(bases, on=[*same, "base"])


def by_measure(study: Study, rows: pd.DataFrame, metrics: Collection[str] = ()) -> pd.DataFrame:
    """Keep the rows of the shown measures of some metrics (or of all), in their order, and name each one's panel."""
    parts = [
        rows[(rows["metric"] == metric) & (rows["protocol"] == protocol)].assign(panel=heading((metric, protocol)))
        for metric, protocol in study.measures
        if is_shown((metric, protocol)) and (not metrics or metric in metrics)
    ]
    return pd.concat(parts or [rows[:0].assign(panel="")], ignore_index=True)


def least_of(rows: pd.DataFrame) -> dict[str, float]:
    """Return the smallest effect of every panel of `by_measure`."""
    panels = rows.drop_duplicates("panel")
    return {
        str(panel): SMALLEST.get(metric, 0.0) for panel, metric in zip(panels["panel"], panels["metric"], strict=True)
    }
