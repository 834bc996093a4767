"""The papers' tables as they print them, the measured difference of two losses beside the published one."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import pandas as pd

from sharploss.analysis.measures import ALPHA, MINUS, heading, metric_title, number
from sharploss.analysis.papers import UnpublishedTable
from sharploss.analysis.published import PaperTable, load_index, published_values
from sharploss.analysis.stats.intervals import CELL, TRAINED, differences
from sharploss.analysis.study import CACHED_STUDIES, Study
from sharploss.analysis.tables import layout
from sharploss.analysis.tables.layout import Cell, Table, records
from sharploss.analysis.titles import loss_titles, name_title
from sharploss.utils.errors import sentence

Column = tuple[str, str]  # of a paper's table: a network and a loss, as printed
Means = dict[tuple[str, ...], float]
Names = dict[str, list[str]]  # test sets as printed -> ours
Row = dict[str, Any]


class PaperNumbers(NamedTuple):
    """A paper's table: whose it is, its numbers (`beside`), and their layout."""

    paper: str
    numbers: pd.DataFrame
    table: Table


@lru_cache(maxsize=CACHED_STUDIES)
def paper_tables(study: Study) -> dict[str, PaperNumbers]:
    """Compare every published table with the study: file name -> its paper, numbers and layout.

    Last come those in the shape of papers whose numbers are not at hand, where the study plans their losses.
    """
    table, index = published_values(study.root), load_index(study.root)
    mean = {tuple(str(row[key]) for key in CELL): float(row["value"]) for row in records(study.means)}
    found: dict[str, PaperNumbers] = {}
    for name, about in index.tables.items():
        numbers = beside(study, table[table["table"] == name], about, mean, index.names.datasets)
        table_of_it = lay_out(study, about, numbers, index.names.datasets)
        found[f"paper_{name}"] = PaperNumbers(about.paper, numbers, table_of_it)
    for name, paper in study.about.papers.items():
        if not paper.table:
            continue
        about, rows = unpublished(study, name, paper.table)
        if len(rows):
            datasets = {str(row["label_dataset"]): [str(row["dataset"])] for row in records(rows)}
            numbers = beside(study, rows, about, mean, datasets)
            found[f"paper_{paper.cite}"] = PaperNumbers(name, numbers, lay_out(study, about, numbers, datasets))
    return found


def unpublished(study: Study, paper: str, its: UnpublishedTable) -> tuple[PaperTable, pd.DataFrame]:
    """Describe a paper's table whose numbers are not at hand: what the study plans for it, a row per cell."""
    losses, params = its.losses, study.params
    planned = {
        (str(run["task"]), str(run["network"]), str(run["loss"]))
        for run in [*records(study.runs), *map(Row, study.absent)]
    }
    titles = loss_titles({name: params.losses[name] for name in losses if name in params.losses}, study.about.titles)
    groups = sorted((task, network) for task, network, loss in planned if loss == losses[-1])
    cells = [
        (task, network, loss, data, metric, protocol, name_title(network), titles[loss], name_title(data))
        for task, network in groups
        for loss in losses
        if (task, network, loss) in planned
        for data in params.tasks[task].test
        for metric, protocol in its.measures.items()
    ]
    columns = ["task", "network", "loss", "dataset", "metric", "protocol"]
    rows = pd.DataFrame(cells, columns=[*columns, "label_network", "label_loss", "label_dataset"])
    rows = rows.assign(label_scale=rows["task"], label_metric=rows["metric"])
    return PaperTable(
        paper=paper, where="a table in its shape", title=its.title, rows=1, sha256="", budget="numbers are not at hand",
        protocol="The protocol is ours", tasks={task: [task] for task, _ in groups},
        metrics={metric: (metric, protocol) for metric, protocol in its.measures.items()},
        against={titles[loss]: titles[its.against] for loss in titles if its.against in titles and loss != its.against},
    ), rows.assign(alpha=float("nan"), value=float("nan"), decimals=0)  # fmt: skip


def beside(study: Study, table: pd.DataFrame, about: PaperTable, mean: Means, datasets: Names) -> pd.DataFrame:
    """Join the measured number to every published one of a table (rows of `published_values`).

    `mean` are the study's means by cell. Adds measured_task, measured_recipe ("" where there is no run), measured,
    difference (measured minus published) and status ("measured", "not measured", or why the run has no scores).
    """
    rows = [{**row, **_measured(study, row, about, mean, datasets)} for row in records(table)]
    frame = pd.DataFrame(rows)
    return frame.assign(difference=frame["measured"] - frame["value"])


def _measured(study: Study, row: Row, about: PaperTable, mean: Means, names: Names) -> Row:
    """Find the measured number for one published cell: that of the first of the `planned` runs that has one."""
    datasets, runs = (
        names[str(row["label_dataset"])],
        planned(study, row["network"], row["loss"], same_tasks(about, row)),
    )
    for run in runs:
        where = (run["task"], run["network"], run["recipe"], run["loss"])
        values = [mean.get((*where, data, row["metric"], row["protocol"])) for data in datasets]
        measured = [value for value in values if value is not None]
        if len(measured) == len(datasets):
            value = sum(measured) / len(measured)
            return {
                "measured_task": run["task"], "measured_recipe": run["recipe"], "measured": value, "status": "measured"
            }  # fmt: skip
    failures = [run["failure"] for run in runs if run["failure"]]
    status = failures[0] if failures and len(failures) == len(runs) else layout.NOT_MEASURED
    return {"measured_task": "", "measured_recipe": "", "measured": float("nan"), "status": status}


def same_tasks(about: PaperTable, row: Row) -> tuple[str, ...]:
    """Return our tasks for that of a published cell, the best match first."""
    return next(tuple(tasks) for tasks in about.tasks.values() if row["task"] in tasks)


@lru_cache(maxsize=200)
def planned(study: Study, network: str, loss: str, tasks: tuple[str, ...]) -> list[Row]:
    """List the runs of a network with a loss: of the best matching task first, then the longest first."""
    runs = records(study.runs[(study.runs["network"] == network) & (study.runs["loss"] == loss)])
    mine = [run for run in runs if run["task"] in tasks]
    return sorted(mine, key=lambda run: (tasks.index(run["task"]), -run["step"]))


def lay_out(study: Study, about: PaperTable, numbers: pd.DataFrame, datasets: Names) -> Table:
    """Format a table as papers print theirs, with differences as published and, where trained alike, as measured."""
    swept, scales = numbers["alpha"].nunique() > 2, numbers["label_scale"].nunique() > 1
    printed = {(_label(row, scales), _column(row, swept)): row for row in records(numbers)}
    labels = list(dict.fromkeys(label for label, _ in printed))
    losses = {column: str(row["label_loss"]) for (_, column), row in printed.items()}
    columns, bases = [*losses], bases_of(losses, about.against)
    parts, gone = list[tuple[str, list[Cell]]](), list[str]()
    seen = set[tuple[str, ...]]()
    for column in columns:
        base, name = bases.get(column, ("", "")), column_title(column, columns)
        pairs = [(printed.get((label, column)), printed.get((label, base))) for label in labels]
        lines = [_cells(study, about, datasets, *pair) for pair in pairs]
        same, measured = (
            base[0] == column[0],
            {label for label, line in zip(labels, lines, strict=True) if line[3].text},
        )
        minus = f"{f'({name})' if ' + ' in name else name} {MINUS} {base[1] if same else base[0]}"
        heads = [name, minus, f"here: {base[1]} → {column[1]}" if same else "here", f"here: {minus}"]
        parts += [(head, [line[at] for line in lines]) for at, head in enumerate(heads)]
        seen |= measured
        if column in bases and not measured:
            known = {row["status"] for pair in pairs for row in pair if row} - {"measured", layout.NOT_MEASURED}
            gone.append(minus + (f" ({'; '.join(sorted(known))})" if known else ""))
    if seen:
        sets, measured_on = dict.fromkeys(label[:-1] for label in labels), {label[:-1] for label in seen}
        gone += [f"anything on {' '.join(one)}" for one in sets if one not in measured_on]
    parts = [part for part in parts if any(cell.text for cell in part[1])]
    rows = [[*map(Cell, label), *(cells[at] for _, cells in parts)] for at, label in enumerate(labels)]
    metrics = tuple(f"{metric_title(name)} not measured" for name in numbers["metric"].unique())
    return Table(
        caption=f"{about.paper}, {about.where}: {about.title}.",
        columns=["test set", *["scale"] * scales, "metric", *(head for head, _ in parts)],
        rows=[row for row in rows if any(cell.text for cell in row[2 + scales :])],
        labels=2 + scales,
        notes=[
            f"Published: {about.budget}. {sentence(about.protocol)}",
            *about.notes,
            *([f"Not measured here: {'; '.join(gone)}."] if gone else []),
            *measured_budget(study, numbers),
            *(note for note in layout.gap_notes(study) if note.startswith(metrics)),
        ],
    )


def _cells(study: Study, about: PaperTable, names: Names, row: Row | None, base: Row | None) -> list[Cell]:
    """Return a printed number, its difference to another one, both measured means, and their difference."""
    cells = [Cell("")] * 4
    if row and not math.isnan(row["value"]):
        cells[0] = Cell(f"{row['value']:.{row['decimals']}f}")
        if base:
            apart = f"{row['value'] - base['value']:+.{max(row['decimals'], base['decimals'])}f}"
            cells[1] = Cell(apart.replace("-", MINUS))
    found = measured_pair(study, about, names, row, base) if row and base else None
    if row and found:
        ends = (found["baseline"], found["baseline"] + found["difference"])
        cells[2] = Cell(" → ".join(number(row["metric"], value) for value in ends))
        cells[3] = layout.change(row["metric"], found)
    return cells


def _label(row: Row, scales: bool) -> tuple[str, ...]:
    scale, known = str(row["label_scale"]), {"mean4": "mean of four sets"}
    metric = heading((str(row["metric"]), str(row["protocol"])))
    names = (known.get(str(row["label_dataset"]), str(row["label_dataset"])).replace("_val", ""), metric)
    return (names[0], f"x{scale}" if scale.isdigit() else scale, names[1]) if scales else names


def _column(row: Row, swept: bool) -> Column:
    return str(row["label_network"]), f"{ALPHA} {row['alpha']:g}" if swept and row["alpha"] > 0 else row["label_loss"]


def bases_of(losses: dict[Column, str], against: dict[str, str]) -> dict[Column, Column]:
    """Find what each column of a paper's table is compared with; `losses`: column -> its loss, as printed.

    It is the same network's loss that `against` names, or that it adds a term to; and, where every network has one loss
    alone, the network before it.
    """
    columns = [*losses]
    if len({network for network, _ in columns}) == len(columns):
        return dict(zip(columns[1:], columns[:-1], strict=True))
    found: dict[Column, Column] = {}
    for column, loss in losses.items():
        mine = {losses[other]: other for other in columns if other[0] == column[0] and other != column}
        fewer = sorted((other for other in mine if loss.replace(" ", "").startswith(f"{other}+")), key=len)
        if base := mine.get(against.get(loss, fewer[-1] if fewer else "")):
            found[column] = base
    return found


def column_title(column: Column, columns: list[Column]) -> str:
    """Name a column by what tells it from the others: network, loss, or both."""
    networks = [network for network, _ in columns]
    if len(set(networks)) == len(networks) > 1:
        return column[0]
    return " ".join(column) if len(set(networks)) > 1 else column[1]


def measured_pair(study: Study, about: PaperTable, names: Names, row: Row, base: Row) -> dict[str, float] | None:
    """Return the measured difference of two published cells (CHANGE); a mean over several sets has no interval."""
    one, than = ((each["network"], each["loss"]) for each in (row, base))
    for run in planned(study, *one, same_tasks(about, row)):
        found = compared(study, run["task"], run["recipe"], one, than)
        cells = [found.get((data, row["metric"], row["protocol"])) for data in names[str(row["label_dataset"])]]
        known = [cell for cell in cells if cell]
        if len(known) == len(cells):
            ends = (math.nan, math.nan) if len(known) > 1 else (known[0]["low"], known[0]["high"])
            means = [sum(float(cell[name]) for cell in known) / len(known) for name in ("baseline", "difference")]
            return dict(zip(layout.CHANGE, (*means, *ends, max(cell["smallest"] for cell in known)), strict=True))
    return None


@lru_cache(maxsize=200)
def compared(
    study: Study, task: str, recipe: str, one: tuple[str, str], other: tuple[str, str]
) -> dict[tuple[str, str, str], Row]:
    """Compare one network and loss with another trained alike: dataset, metric, protocol -> difference."""
    scores = study.counted[(study.counted["task"] == task) & (study.counted["recipe"] == recipe)]
    sides = [scores[(scores["network"] == network) & (scores["loss"] == loss)] for network, loss in (one, other)]
    base, spreads = other[1], study.spreads
    if one[0] != other[0]:
        base, spreads = "base", {}
        sides = [side.assign(network="", loss=name) for side, name in zip(sides, ("other", base), strict=True)]
    found = differences(pd.concat(sides, ignore_index=True), [base], spreads)
    return {(row["dataset"], row["metric"], row["protocol"]): row for row in records(found)}


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
    left = [note for task in dict.fromkeys(runs["task"]) for note in layout.image_notes(study, str(task), "", metrics)]
    return [
        f"Measured: {'; '.join(trainings)}; {layout.count(runs['seed'].nunique(), 'seed')}. "
        f"Parameters: {', '.join(sizes)}. Small, equal trainings, no replication: compare the differences between "
        "losses, not the values.",
        *left,
        *layout.seed_notes(study, runs),
    ]


def _training(study: Study, run: str) -> str:
    config = study.provenance[run].config
    recipe, sets = config.recipe, ", ".join(config.task.train)
    return f"{recipe.steps:,} steps of {recipe.batch} patches of {recipe.patch} pixels from {sets}"
