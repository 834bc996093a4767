"""The cells that claims are tested on: what the papers publish, and what a study measured."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from sharploss.analysis.claims.contrasts import CellKey, Source
from sharploss.analysis.measures import Floats, default_protocol
from sharploss.analysis.published import published_cells
from sharploss.analysis.stats.intervals import CELL
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.config.protocols import METRIC_INFO

CONVERGED = 0.3  # how far in dB L1 may lie below a published PSNR of it, for a training that is long enough


def published_source(root: Path) -> Source:
    """Return the published cells; a block is a table."""
    table = published_cells(root).rename(columns={"table": "block"})
    cells = [CellKey(*(str(row[name]) for name in CellKey._fields)) for row in records(table)]
    return Source(cells, {cell: np.array([[value]]) for cell, value in zip(cells, table["value"], strict=True)})


def measured_source(study: Study) -> Source:
    """Return what a study planned and measured; a block is a recipe.

    A cell is planned for every run, test set of its task and measure of the study; a run that diverged, a metric that
    could not be measured and an image without a score leave it empty. Each suite can have seeds of its own.
    """
    scores = study.every_score.rename(columns={"recipe": "block"})
    seeds = sorted({*scores["seed"], *study.runs["seed"]})  # a seed can have lost all of its runs
    images = {str(name): sorted(set(part["image"])) for name, part in scores.groupby("dataset")}
    found: dict[CellKey, Floats] = {}
    for key, part in scores.groupby(list(CellKey._fields), sort=False):
        cell = CellKey(*cast("tuple[str, ...]", key))
        # Plain arrays: pandas takes milliseconds for each small pivot, and a thousand runs have ten thousand cells.
        table = np.full((len(images[cell.dataset]), len(seeds)), np.nan)
        rows = np.searchsorted(images[cell.dataset], part["image"].to_numpy(dtype=str))
        table[rows, np.searchsorted(seeds, part["seed"].to_numpy())] = part["value"].to_numpy()
        found[cell] = table
        if not cell.network:  # an input baseline is the same for every seed
            found[cell] = found[cell][:, [0]]
    planned = _planned(study, scores, seeds)
    places = [CELL.index({"block": "recipe"}.get(name, name)) for name in CellKey._fields]
    out = study.unqualified[["recipe", "task", "network", "loss"]].itertuples(index=False, name=None)
    return Source(
        list(dict.fromkeys([*planned, *found])),
        found,
        planned,
        spreads={CellKey(*(key[at] for at in places)): one for key, one in study.spreads.items()},
        unqualified=frozenset(cast("tuple[str, ...]", row) for row in out),
        steps={name: recipe.steps for name, recipe in study.params.recipes.items()},
        absent=_absent(study),
        short=_short(study),
    )


def _absent(study: Study) -> list[CellKey]:
    """List the cells of the runs that a study plans and has no results of."""
    return [
        CellKey(str(run["recipe"]), str(run["task"]), str(run["network"]), data, metric, protocol, str(run["loss"]))
        for run in study.absent
        for data in study.params.tasks[run["task"]].test
        for metric, about in METRIC_INFO.items()
        for protocol in about["protocols"]
    ]


def _short(study: Study) -> frozenset[tuple[str, ...]]:
    """Find block, task and network of trainings whose L1 lies below every published PSNR of it, on some test set."""
    base, keys = study.references[0], ["task", "network", "dataset", "metric", "protocol", "loss"]
    printed = published_cells(study.root).groupby(keys)["value"].min().reset_index()
    printed = printed[(printed["metric"] == "psnr") & (printed["loss"] == base)]
    both = study.means.merge(printed, on=keys, suffixes=("", "_printed"))
    short = both[both["value"] < both["value_printed"] - CONVERGED]
    rows = short[["recipe", "task", "network"]].itertuples(index=False, name=None)
    return frozenset(cast("tuple[str, ...]", row) for row in rows)


def _planned(study: Study, scores: pd.DataFrame, seeds: list[int]) -> dict[CellKey, frozenset[int]]:
    """Return every planned cell with the places of its seeds in `seeds`, whether they finished or not."""
    runs = study.runs.groupby(["recipe", "task", "network", "loss"], sort=False)["seed"]
    tested = {str(task): _asked(study, part) for task, part in scores.groupby("task", sort=False)}
    return {
        CellKey(recipe, task, network, data, metric, protocol, loss): columns
        for (recipe, task, network, loss), columns in (
            (cast("tuple[str, ...]", key), frozenset(map(seeds.index, part))) for key, part in runs
        )
        for data, metric, protocol in tested.get(task, [])
    }


def _asked(study: Study, part: pd.DataFrame) -> list[tuple[str, str, str]]:
    """List data set, metric and protocol of everything that one task was, or was to be, measured by."""
    pairs = part[["metric", "protocol"]].drop_duplicates()
    measures = [*zip(pairs["metric"], pairs["protocol"], strict=True)]
    measures += [(metric, default_protocol(metric)) for metric in study.not_measured]
    sets = part["dataset"].drop_duplicates()
    return [(str(data), str(metric), str(protocol)) for data in sets for metric, protocol in measures]
