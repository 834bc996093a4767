"""The cells that claims are tested on: what the papers print, and what our runs measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from sharploss.analysis.contrasts import Cell, Floats, Source
from sharploss.analysis.layout import records
from sharploss.analysis.load import Study
from sharploss.analysis.measures import default_protocol
from sharploss.analysis.published import demo, printed

if TYPE_CHECKING:
    import pandas as pd


def printed_source(root: Path) -> Source:
    """Give the printed cells; a block is a table."""
    import pandas as pd

    table = pd.concat([printed(root), demo(root)], ignore_index=True).rename(columns={"table": "block"})
    cells = [Cell(*(str(row[name]) for name in Cell._fields)) for row in records(table)]
    return Source(cells, {cell: np.array([[value]]) for cell, value in zip(cells, table["value"], strict=True)})


def our_source(study: Study) -> Source:
    """Give what a study planned and measured; a block is a recipe.

    A cell is planned for every run, test set of its task and measure of the study; a run that diverged, a metric that
    could not be measured and an image without a score leave it empty.
    """
    scores = study.scores.rename(columns={"recipe": "block"})
    seeds = sorted(set(scores["seed"]))
    images = {str(name): sorted(set(part["image"])) for name, part in scores.groupby("dataset")}
    found: dict[Cell, Floats] = {}
    for key, part in scores.groupby(list(Cell._fields), sort=False):
        cell = Cell(*cast("tuple[str, ...]", key))
        table = part.pivot_table(index="image", columns="seed", values="value")
        found[cell] = table.reindex(index=images[cell.dataset], columns=seeds).to_numpy(dtype=np.float64)
        if not cell.network:  # unrestored images are the same for every seed
            found[cell] = found[cell][:, [0]]
    return Source(list(dict.fromkeys([*_planned(study, scores), *found])), found)


def _planned(study: Study, scores: pd.DataFrame) -> list[Cell]:
    runs = records(study.runs[["recipe", "task", "network", "loss"]].drop_duplicates())
    tested = {str(task): part for task, part in scores.groupby("task", sort=False)}
    cells: list[Cell] = []
    for row in runs:
        part = tested.get(str(row["task"]))
        if part is None:
            continue
        measures = [*dict.fromkeys(zip(part["metric"], part["protocol"], strict=True))]
        measures += [(metric, default_protocol(metric)) for metric in study.not_measured]
        cells += [
            Cell(
                str(row["recipe"]), str(row["task"]), str(row["network"]), str(data), metric, protocol, str(row["loss"])
            )
            for data in dict.fromkeys(part["dataset"])
            for metric, protocol in measures
        ]
    return cells
