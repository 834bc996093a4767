"""Each published table with our number beside every printed one: same protocol, budgets stated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.load import Study
from sharploss.analysis.measures import heading, number
from sharploss.analysis.published import PaperTable, load_index, printed
from sharploss.analysis.stats.intervals import TRAINED
from sharploss.analysis.tables.layout import NOT_MEASURED, Cell, Table, count, cure_notes, records

if TYPE_CHECKING:
    import pandas as pd

WHATS = ("printed", "ours", "difference")
Scores = dict[tuple[str, ...], float]


def paper_tables(study: Study) -> dict[str, tuple[pd.DataFrame, Table]]:
    """Set every published table beside our runs.

    Returns:
        file name ("paper_" and the table's name) -> its numbers (`beside`) and its layout.

    Raises:
        UserError: results/published is missing or damaged; the message names the file.
    """
    table, index = printed(study.root), load_index(study.root)
    ours = our_scores(study)
    found: dict[str, tuple[pd.DataFrame, Table]] = {}
    for name, about in index.tables.items():
        numbers = beside(study, table[table["table"] == name], about, ours, index.names.datasets)
        found[f"paper_{name}"] = (numbers, lay_out(study, about, numbers))
    return found


def our_scores(study: Study) -> Scores:
    """Average our scores over images and seeds: (task, network, recipe, loss, dataset, metric, protocol) -> mean."""
    keys = [*TRAINED, "loss", "dataset", "metric", "protocol"]
    means = study.scores.groupby(keys, sort=False)["value"].mean().reset_index()
    return {tuple(str(row[key]) for key in keys): float(row["value"]) for row in records(means)}


def beside(
    study: Study, table: pd.DataFrame, about: PaperTable, ours: Scores, datasets: dict[str, list[str]]
) -> pd.DataFrame:
    """Put our number beside every printed one.

    Returns:
        The columns of `published.printed` and: our_task, our_recipe ("" where we have no run), ours, difference (ours
        minus printed; NaN where not measured), status ("measured", "not measured", or why the run has no scores).
    """
    import pandas as pd

    runs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in records(study.runs):
        runs.setdefault((run["network"], run["loss"]), []).append(run)
    rows = [
        {**row, **_ours(runs.get((row["network"], row["loss"]), []), row, about, ours, datasets)}
        for row in records(table)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["ours"] - frame["value"])


def _ours(
    runs: list[dict[str, Any]], row: dict[str, Any], about: PaperTable, ours: Scores, names: dict[str, list[str]]
) -> dict[str, Any]:
    """Find our number for one printed cell: on the first of the tasks that has a run, by its first recipe."""
    same = next(tasks for tasks in about.tasks.values() if row["task"] in tasks)
    datasets = names[str(row["label_dataset"])]
    planned = sorted((run for run in runs if run["task"] in same), key=lambda run: same.index(run["task"]))
    for run in planned:
        where = (run["task"], run["network"], run["recipe"], run["loss"])
        values = [ours.get((*where, data, row["metric"], row["protocol"])) for data in datasets]
        measured = [value for value in values if value is not None]
        if len(measured) == len(datasets):
            mean = sum(measured) / len(measured)
            return {"our_task": run["task"], "our_recipe": run["recipe"], "ours": mean, "status": "measured"}
    failures = [run["failure"] for run in planned if run["failure"]]
    status = failures[0] if failures and len(failures) == len(planned) else NOT_MEASURED
    return {"our_task": "", "our_recipe": "", "ours": float("nan"), "status": status}


def lay_out(study: Study, about: PaperTable, numbers: pd.DataFrame) -> Table:
    """Lay out a published table: a row per network, loss and test set; per metric printed, ours and difference."""
    metrics = {str(row["metric"]): (str(row["metric"]), str(row["protocol"])) for row in records(numbers)}
    heads = [
        f"{heading(measure)}: {what}" for measure in metrics.values() for what in ("printed", "ours", "difference")
    ]
    found: dict[tuple[str, ...], dict[str, dict[str, Any]]] = {}
    for row in records(numbers):
        found.setdefault(_labels(row), {})[str(row["metric"])] = row
    rows = [
        [*map(Cell, labels), *(cell for metric in metrics for cell in _cells(part.get(metric), metric))]
        for labels, part in found.items()
    ]
    return Table(
        caption=f"{about.paper}, {about.where}: {about.title}; printed numbers beside ours.",
        columns=["scale", "network", "loss", "test set", *heads],
        rows=rows,
        labels=4,
        notes=[
            f"In print: {about.budget}. {_sentence(about.protocol)}",
            *about.notes,
            *our_budget(study, numbers),
            *cure_notes(study, rows),
        ],
    )


def _labels(row: dict[str, Any]) -> tuple[str, ...]:
    scale, loss = str(row["label_scale"]), str(row["label_loss"])
    swept = f" (alpha {row['alpha']:g})" if loss == "SP" else ""
    return f"x{scale}" if scale != "1" else "—", str(row["label_network"]), f"{loss}{swept}", str(row["label_dataset"])


def _cells(row: dict[str, Any] | None, metric: str) -> list[Cell]:
    """Give the three cells of one metric."""
    if row is None:
        return [Cell("—", "gone")] * 3
    own = f"{row['value']:.{row['decimals']}f}"
    if row["status"] != "measured":
        return [Cell(own), Cell(row["status"], "gone"), Cell("—", "gone")]
    return [Cell(own), Cell(number(metric, row["ours"])), Cell(number(metric, row["difference"], sign=True))]


def our_budget(study: Study, numbers: pd.DataFrame) -> list[str]:
    """State the training behind our numbers, so that nobody takes them for a replication."""
    used = numbers.loc[numbers["status"] == "measured", ["our_task", "network", "our_recipe", "loss"]].drop_duplicates()
    runs = study.runs.merge(used.rename(columns={"our_task": "task", "our_recipe": "recipe"}))
    if runs.empty:
        return ["Ours: this study has no run of this table under this protocol."]
    sizes = {f"{row['network']} {row['parameters']:,.0f}": None for row in records(runs)}
    told = dict.fromkeys(_training(study, str(run)) for run in runs["run"])
    return [
        f"Ours: {'; '.join(told)}; {count(runs['seed'].nunique(), 'seed')}. Parameters: {', '.join(sizes)}. "
        "Small, equal trainings, no replication: compare the differences between losses, not the values."
    ]


def _training(study: Study, run: str) -> str:
    config = study.provenance[run].config
    recipe, task = config["recipe"], config["task"]
    sets = ", ".join(task.get("train", [])) or "the study's training sets"
    return f"{recipe['steps']:,} steps of {recipe['batch']} patches of {recipe['patch']} pixels from {sets}"


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
