"""A suite's table as the page shows it: every value with its difference to the baseline, all test sets together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from sharploss.analysis.measures import TIMES, Measure, heading
from sharploss.analysis.stats.intervals import ROW
from sharploss.analysis.study import Study
from sharploss.analysis.tables import layout
from sharploss.analysis.tables.layout import Cell
from sharploss.analysis.tables.tables import frames, laid_out, pairing_rows, scored_sets, suite_table
from sharploss.analysis.titles import name_title

BASELINE, NONE = Cell("baseline", "gone"), Cell("—", "gone")
SIGNS = {"best": "▲", "worse": "▼", "tie": "="}  # how a value is marked beside its baseline's


class ValueAndChange(NamedTuple):
    """A value, its difference to the baseline, and in a sign how the two stand to each other."""

    value: Cell
    change: Cell
    sign: str


class ViewRow(NamedTuple):
    """A row: labels; images x seeds; first run, its network and variant ("" without); why it counts nowhere; cells."""

    labels: list[str]
    n: str
    run: str
    network: str
    variant: str
    below: str
    cells: list[ValueAndChange]


class View(NamedTuple):
    """A suite's table."""

    name: str  # of the suite, and how its files are called
    file: str
    question: str
    labels: list[str]  # headings; of columns also whether any cell has a number
    columns: list[tuple[str, bool]]
    rows: list[ViewRow]  # what is below them
    notes: list[str]
    first: str  # the test set with most images, which is shown first


def view(study: Study, suite: str) -> View:
    """Format a suite's table for the page."""
    name, losses = suite_table(suite), pairing_rows(study, suite)
    cells = [(str(row["task"]), str(row["dataset"])) for row in layout.records(scored_sets(study, losses))]
    images = {dataset: layout.images_of(study, task, dataset) for task, dataset in cells}
    known = {measure for task, _ in cells for measure in layout.known_for(study, task)}
    shown = [measure for measure in study.measures if measure in known]
    rows = [row for cell in cells for row in _rows(study, name, losses, cell, shown)]
    numbers = [any(row.cells[at].value.mark != "gone" for row in rows) for at in range(len(shown))]
    tables = [table for end in ("", "_difference") for table in laid_out(study)[f"{name}{end}"]]
    return View(
        suite,
        name,
        study.params.suites[suite].question,
        ["task", "network", "loss", "test set"],
        [*zip(map(heading, shown), numbers, strict=True)],
        rows,
        list(dict.fromkeys(note for table in tables for note in table.notes)),
        name_title(max(images, key=lambda dataset: images[dataset], default="")),
    )


def _rows(
    study: Study, name: str, losses: pd.DataFrame, cell: tuple[str, str], shown: list[Measure]
) -> Iterator[ViewRow]:
    """Format the rows of one task and test set; `shown` are the measures of the whole table."""
    (task, dataset), known = cell, layout.known_for(study, cell[0])
    scores, compared = (
        frame[(frame["task"] == task) & (frame["dataset"] == dataset)]
        for frame in (frames(study)[name], frames(study)[f"{name}_difference"])
    )
    changed = layout.changes(study, losses[losses["task"] == task], compared, known)
    reasons = dict(zip(study.qualified["run"], study.qualified["reason"], strict=True))
    runs = {tuple(run[key] for key in ROW): run for run in reversed(layout.records(study.runs))}  # of the first seed
    for row in layout.records(scores):
        key = tuple(row[part] for part in ROW)
        run, images = runs.get(key, {}), layout.images_of(study, task, dataset)
        network, loss, *values = layout.pairing_row(study, row, known)
        changes = changed.get(key, [BASELINE if run else NONE] * len(values))
        pairs = {measure: _pair(*both) for measure, *both in zip(known, values, changes, strict=True)}
        yield ViewRow(
            [task, network.text, loss.text, name_title(dataset)],
            f"{images} {TIMES} {row['runs']:.0f}" if run else str(images),
            str(run["run"]) if run and run["run"] in study.provenance else "",
            str(row["network"]),
            str(run.get("variant", "")),
            "" if run.get("failure") else str(reasons.get(run.get("run"), "")),
            [pairs.get(measure, _pair(NONE, NONE)) for measure in shown],
        )


def _pair(value: Cell, change: Cell) -> ValueAndChange:
    return ValueAndChange(value, change, "" if value.mark == "gone" else SIGNS.get(change.mark, ""))
