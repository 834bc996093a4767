"""Each published table with the measured number beside every published one: same protocol, budgets stated."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sharploss.analysis.measures import heading, number
from sharploss.analysis.published import PaperTable, load_index, published_values
from sharploss.analysis.stats.intervals import CELL, TRAINED
from sharploss.analysis.study import STUDIES, Study
from sharploss.analysis.tables.layout import (
    NOT_MEASURED,
    Cell,
    Table,
    count,
    gap_notes,
    image_notes,
    records,
    seed_notes,
)
from sharploss.utils.errors import sentence

if TYPE_CHECKING:
    import pandas as pd

WHATS = ("published", "measured", "difference")
FIRST_RUN = "h100"
Means = dict[tuple[str, ...], float]


@lru_cache(maxsize=STUDIES)
def paper_tables(study: Study) -> dict[str, tuple[pd.DataFrame, Table]]:
    """Compare every published table with the study.

    Returns:
        file name ("paper_" and the table's name) -> its numbers (`beside`) and its layout.

    Raises:
        UserError: results/published is missing or damaged; the message names the file.
    """
    table, index = published_values(study.root), load_index(study.root)
    mean = {tuple(str(row[key]) for key in CELL): float(row["value"]) for row in records(study.means)}
    found: dict[str, tuple[pd.DataFrame, Table]] = {}
    for name, about in index.tables.items():
        numbers = beside(study, table[table["table"] == name], about, mean, index.names.datasets)
        found[f"paper_{name}"] = (numbers, lay_out(study, about, numbers))
    return found


def beside(
    study: Study, table: pd.DataFrame, about: PaperTable, mean: Means, datasets: dict[str, list[str]]
) -> pd.DataFrame:
    """Join the measured number to every published one of a table (rows of `published_values`).

    `mean` are the study's means by cell (`intervals.CELL`), `datasets` names ours for each published one.

    Returns:
        The columns of `published_values` and: measured_task, measured_recipe ("" where there is no run), measured,
        difference (measured minus published; NaN where not measured), status ("measured", "not measured", or why the
        run has no scores).
    """
    import pandas as pd

    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in records(study.runs):
        runs.setdefault((run["network"], run["loss"]), []).append(run)
    rows = [
        {**row, **_measured(runs.get((row["network"], row["loss"]), []), row, about, mean, datasets)}
        for row in records(table)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["measured"] - frame["value"])


def _measured(
    runs: list[dict[str, Any]], row: dict[str, Any], about: PaperTable, mean: Means, names: dict[str, list[str]]
) -> dict[str, Any]:
    """Find the measured number for one published cell: of the first of the tasks that has one, after most steps.

    What the benchmark's first run left (recipes h100*), which had a protocol of its own, gives way to all others.
    """
    same = next(tasks for tasks in about.tasks.values() if row["task"] in tasks)
    datasets = names[str(row["label_dataset"])]
    planned = [run for run in runs if run["task"] in same]
    planned.sort(key=lambda run: (same.index(run["task"]), str(run["recipe"]).startswith(FIRST_RUN), -run["step"]))
    for run in planned:
        where = (run["task"], run["network"], run["recipe"], run["loss"])
        values = [mean.get((*where, data, row["metric"], row["protocol"])) for data in datasets]
        measured = [value for value in values if value is not None]
        if len(measured) == len(datasets):
            value = sum(measured) / len(measured)
            return {
                "measured_task": run["task"], "measured_recipe": run["recipe"], "measured": value, "status": "measured"
            }  # fmt: skip
    failures = [run["failure"] for run in planned if run["failure"]]
    status = failures[0] if failures and len(failures) == len(planned) else NOT_MEASURED
    return {"measured_task": "", "measured_recipe": "", "measured": float("nan"), "status": status}


def lay_out(study: Study, about: PaperTable, numbers: pd.DataFrame) -> Table:
    """Lay out a published table: a row per network, loss and test set; three columns per metric."""
    metrics = {str(row["metric"]): (str(row["metric"]), str(row["protocol"])) for row in records(numbers)}
    heads = [f"{heading(measure)}: {what}" for measure in metrics.values() for what in WHATS]
    found: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for row in records(numbers):
        found.setdefault(_labels(row), {})[str(row["metric"])] = row
    rows = [
        [*map(Cell, labels), *(cell for metric in metrics for cell in _cells(part.get(metric), metric))]
        for labels, part in found.items()
    ]
    return Table(
        caption=f"{about.paper}, {about.where}: {about.title}; measured numbers beside the published ones.",
        columns=["scale", "network", "loss", "test set", *heads],
        rows=rows,
        labels=4,
        notes=[
            f"Published: {about.budget}. {sentence(about.protocol)}",
            *about.notes,
            *measured_budget(study, numbers),
            *gap_notes(study, rows),
        ],
    )


def _labels(row: dict[str, Any]) -> tuple[str, ...]:
    scale, loss = str(row["label_scale"]), str(row["label_loss"])
    swept = f" (alpha {row['alpha']:g})" if loss == "SP" else ""
    return f"x{scale}" if scale != "1" else "—", str(row["label_network"]), f"{loss}{swept}", str(row["label_dataset"])


def _cells(row: dict[str, Any] | None, metric: str) -> list[Cell]:
    """Return the three cells of one metric."""
    if row is None:
        return [Cell("—", "gone")] * 3
    own = f"{row['value']:.{row['decimals']}f}"
    if row["status"] != "measured":
        return [Cell(own), Cell(row["status"], "gone"), Cell("—", "gone")]
    return [Cell(own), Cell(number(metric, row["measured"])), Cell(number(metric, row["difference"], sign=True))]


def measured_budget(study: Study, numbers: pd.DataFrame) -> list[str]:
    """Return a note on the training behind the measured numbers, so that nobody takes them for a replication."""
    used = numbers[numbers["status"] == "measured"].drop(columns=["task"])
    used = used.rename(columns={"measured_task": "task", "measured_recipe": "recipe"})[[*TRAINED, "loss"]]
    runs = study.runs.merge(used.drop_duplicates())
    if runs.empty:
        return ["Measured: this study has no run of this table under this protocol."]
    sizes = {f"{row['network']} {row['parameters']:,.0f}": None for row in records(runs)}
    trainings = dict.fromkeys(_training(study, str(run)) for run in runs["run"] if run in study.provenance)
    metrics = tuple(dict.fromkeys(numbers["metric"]))
    left = [note for task in dict.fromkeys(runs["task"]) for note in image_notes(study, str(task), "", metrics)]
    return [
        f"Measured: {'; '.join(trainings)}; {count(runs['seed'].nunique(), 'seed')}. Parameters: {', '.join(sizes)}. "
        "Small, equal trainings, no replication: compare the differences between losses, not the values.",
        *left,
        *seed_notes(study, runs),
    ]


def _training(study: Study, run: str) -> str:
    config = study.provenance[run].config
    recipe, task = config["recipe"], config["task"]
    sets = ", ".join(task.get("train", [])) or "the study's training sets"
    return f"{recipe['steps']:,} steps of {recipe['batch']} patches of {recipe['patch']} pixels from {sets}"
