"""From frames of numbers to tables of rounded text, the same for Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pandas as pd

from sharploss.analysis import measures
from sharploss.analysis.measures import Measure, column, heading, interval, number
from sharploss.analysis.stats.intervals import FEW_IMAGES, ROW, TRAINED
from sharploss.analysis.stats.smallest import BETTER, EQUAL, OPEN, SMALLEST, WORSE, state
from sharploss.analysis.study import Study
from sharploss.analysis.titles import name_title
from sharploss.utils.errors import cut, sentence

NOT_MEASURED = "not measured"
NOT_QUALIFIED = "not qualified"
INFINITE = "no difference of infinite PSNR"
CHANGE = ("baseline", "difference", "low", "high", "smallest")
Mark = Literal["", "best", "second", "worse", "tie", "gone"]
MARKS: dict[str, Mark] = {BETTER: "best", WORSE: "worse", EQUAL: "tie", OPEN: ""}


class Cell(NamedTuple):
    """One cell: its text, and its mark: best or second best, worse than the baseline or no different, or no number."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """A table to read: a caption of one sentence, headings, rows of as many cells, and notes (sentences) below.

    The first `labels` columns name the row, the others hold numbers; `words`: most are sentences, which need to wrap.
    Of the labels `repeated` name a row without the others, where LaTeX puts columns below each other.
    """

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    labels: int = 2
    notes: list[str] = field(default_factory=list[str])
    words: bool = False
    repeated: int = 3


def pairings(study: Study, numbers: pd.DataFrame, task: str, dataset: str) -> Table:
    """Format network x loss of a task on one test set: rows of `tables.pairings`, the best two per network marked."""
    known = known_for(study, task)
    part = numbers[(numbers["task"] == task) & (numbers["dataset"] == dataset)]
    rows = [pairing_row(study, row, known) for row in records(part)]
    reference = study.titles.get(part["loss"].iloc[0], "the input")
    best = f"Best and second best of each network are marked; {reference} is the reference and not ranked."
    return Table(
        caption=f"{_on(study, task, 'Means', dataset)} ({sizes(study, part, images_of(study, task, dataset))}).",
        columns=["network", "loss", *map(heading, known)],
        rows=rows,
        notes=[best, *image_notes(study, task, dataset), *gap_notes(study, rows)],
    )


def known_for(study: Study, task: str) -> list[Measure]:
    """List the measures of a task that tables show, those that no task could measure included."""
    measured = study.measured.get(task, [])
    shown = [m for m in study.measures if measures.is_shown(m)]
    return [m for m in shown if m in measured or m[0] in study.not_measured]


def images_of(study: Study, task: str, dataset: str) -> int:
    """Count the images of a test set."""
    return study.images.get((task, dataset), 0)


def _on(study: Study, task: str, what: str, dataset: str) -> str:
    """Return the name of the task too where there are several."""
    several = study.runs["task"].nunique() > 1
    name = name_title(dataset)
    return f"{name_title(task)}: {what[0].lower()}{what[1:]} on {name}" if several else f"{what} on {name}"


def pairing_row(study: Study, row: dict[str, Any], known: list[Measure]) -> list[Cell]:
    """Format a row of `tables.pairings`: network, loss, and a cell per measure."""
    fine = row["status"] in ("", "finished")
    gone = "" if fine or any(not math.isnan(row[column(m)]) for m in known) else str(row["status"])
    cells = [ranked(m[0], row[column(m)], row[f"{column(m)}_rank"], gone or NOT_MEASURED) for m in known]
    loss = study.titles[row["loss"]]
    loss = loss if fine or gone else f"{loss} ({row['status']})"
    return [Cell(name_title(row["network"]) or "—"), Cell(loss), *cells]


def ranked(metric: str, value: float, rank: float, missing: str) -> Cell:
    """Return a number that is marked when it is the best or second best; `missing` where there is none (NaN)."""
    if math.isnan(value):
        return Cell(missing, "gone")
    return Cell(number(metric, value), "best" if rank == 1 else "second" if rank == 2 else "")


def change(metric: str, row: Mapping[str, float]) -> Cell:
    """Return a difference (a row with CHANGE) with its interval, and marked by its state (`smallest.state`)."""
    text = interval(metric, row["difference"], row["low"], row["high"])
    return Cell(text, MARKS[state(metric, row, row["baseline"])] if metric in SMALLEST else "")


def differences(study: Study, losses: pd.DataFrame, compared: pd.DataFrame, task: str, dataset: str) -> Table:
    """Format the differences of `losses` (columns ROW) to the same network's baseline, on one test set."""
    known, losses = known_for(study, task), losses[losses["task"] == task]
    part = compared[(compared["task"] == task) & (compared["dataset"] == dataset)]
    changed = changes(study, losses, part, known)
    rows = [[Cell(name_title(key[1])), Cell(study.titles[key[3]]), *cells] for key, cells in changed.items()]
    chosen = study.bases.merge(losses[TRAINED].drop_duplicates())
    bases = dict.fromkeys(chosen["against"]) or study.references[:1]
    names = " or ".join(study.titles.get(name, name_title(name)) for name in bases)
    images = int(part["images"].max()) if len(part) else 0
    what = f"Difference to the same network's {names}"
    notes = [*interval_notes(study, losses, images), *_correction(part), *image_notes(study, task, dataset)]
    return Table(
        caption=f"{_on(study, task, what, dataset)} ({sizes(study, losses, images)}).",
        columns=["network", "loss", *map(heading, known)],
        rows=rows,
        notes=[*notes, *_pair_notes(study, losses, part), *gap_notes(study, rows)],
    )


def changes(
    study: Study, losses: pd.DataFrame, part: pd.DataFrame, known: list[Measure]
) -> dict[tuple[str, ...], list[Cell]]:
    """Format the differences of losses (ROW) of a task on one test set (`part`): row -> a cell per measure."""
    found = {(*_key(row), row["metric"], row["protocol"]): row for row in records(part)}
    failure = {_key(row): row["failure"] for row in records(study.runs)}
    chosen = study.bases.merge(losses[TRAINED].drop_duplicates())
    based = {(row["task"], row["network"], row["recipe"]): str(row["against"]) for row in records(chosen)}
    uncounted = {_key(row) for row in records(study.unqualified)}
    infinite = study.means[study.means["value"].abs() == math.inf]
    exact = {(*_key(row), row["metric"], row["protocol"]) for row in records(infinite)}
    rows = dict[tuple[str, ...], list[Cell]]()
    for key in (_key(row) for row in records(losses)):
        base = (*key[:3], based.get(key[:3], study.references[0]))
        if key != base:
            lost = failure.get(base) and f"{study.titles[base[3]]} {failure[base]}"
            why = failure[key] or lost or (NOT_QUALIFIED if {key, base} & uncounted else NOT_MEASURED)
            gone = [INFINITE if {(*key, *m), (*base, *m)} & exact else why for m in known]
            measured = [found.get((*key, *m)) for m in known]
            rows[key] = [
                change(m[0], row) if row else Cell(reason, "gone")
                for m, row, reason in zip(known, measured, gone, strict=True)
            ]
    return rows


def _correction(part: pd.DataFrame) -> list[str]:
    """Return a note on how many differences are significant when all of the table are tested together."""
    if "p_holm" not in part or not len(part):
        return []
    shown = part[part["p_holm"].notna()]  # of the measures that the table shows
    alone, together = (shown["p"] < 0.05).sum(), (shown["p_holm"] < 0.05).sum()
    return [
        f"Of the {len(shown)} differences shown with an interval {alone} are significant at 5 % by themselves (paired "
        f"t-test over images and seeds), {together} when all are tested together (Holm)."
    ]


def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["task"], row["network"], row["recipe"], row["loss"]


def interval_notes(study: Study, losses: pd.DataFrame, images: int) -> list[str]:
    """Return notes on what the intervals mean, and on what few images or one seed leave unknown."""
    notes = [
        "In brackets: 95 % interval of the paired difference over images and seeds. Marked: it excludes zero and the "
        "difference counts, for the better (bold) or the worse (italics); marks are not corrected for their number."
    ]
    if images < FEW_IMAGES:
        notes.append(
            f"Few images ({images}): where differences are skewed, the mean over all such images lies outside a 95 % "
            "interval more often than once in 20."
        )
    if _planned(study, losses)["seed"].nunique() == 1:
        notes.append("One seed: how far other trainings would lie apart is not seen here, but borrowed or assumed.")
    return notes


def unqualified(numbers: pd.DataFrame) -> list[Table]:
    """Format `tables.unqualified(study)`: the runs that count nowhere."""
    columns = ["run", "PSNR gained over its input (dB)", "why it counts nowhere"]
    rows = [
        [
            Cell(row["run"]),
            Cell("—" if math.isnan(row["gain"]) else number("psnr", row["gain"], sign=True)),
            Cell(row["reason"]),
        ]
        for row in records(numbers)
    ]
    return [
        Table("Runs that do not qualify: they are in no difference, claim, rank or front.", columns, rows, labels=1)
    ]


def image_notes(study: Study, task: str = "", dataset: str = "", metrics: tuple[str, ...] = ()) -> list[str]:
    """Return a note on each shown measure whose means leave images out; "" stands for all tasks or test sets."""
    notes: list[str] = []
    for (its_task, its_set, metric, protocol), left in study.left_out.items():
        measure = (metric, protocol)
        mine = task in ("", its_task) and dataset in ("", its_set) and measures.is_shown(measure)
        if mine and (not metrics or metric in metrics):
            where = "" if dataset else f" on {its_set} ({its_task})"
            exact = ", ".join(f"{name} {count(n, 'image')}" for name, n in left.exact.items())
            names = f"without {cut(', '.join(left.images), 200)}, of which some row has no finite score"
            notes.append(
                f"{measures.title(measure)}{where}: every row is over {left.kept} of {left.kept + len(left.images)} "
                f"images, {names}{f' (restored exactly: {cut(exact, 300)})' if exact else ''}."
            )
    return notes


def seed_notes(study: Study, losses: pd.DataFrame) -> list[str]:
    """Return a note on the rows (columns ROW) of which some seeds have no scores: means are over the others."""
    named: list[str] = []
    for (_, network, _, loss), part in _planned(study, losses).groupby(ROW, sort=False):
        failed = part.loc[part["failure"] != "", "failure"]
        if 0 < len(failed) < len(part):
            why = ", ".join(dict.fromkeys(failed))
            name = f"{name_title(str(network))} {study.titles[str(loss)]}"
            named.append(f"{name}, {len(failed)} of {len(part)} seeds ({why})")
    return [f"Means are over the seeds that have scores; without some: {'; '.join(named)}."] if named else []


def _pair_notes(study: Study, losses: pd.DataFrame, part: pd.DataFrame) -> list[str]:
    """Return a note on differences over fewer seeds than planned, since their own or the baseline's have no score."""
    planned = _planned(study, losses).groupby(ROW)["seed"].nunique().to_dict()
    few = {_key(row): row["seeds"] for row in records(part) if row["seeds"] < planned.get(_key(row), 0)}
    named = [
        f"{name_title(key[1])} {study.titles[key[3]]}, {seeds} of {count(planned[key], 'seed')}"
        for key, seeds in few.items()
    ]
    if not named:
        return []
    return [f"Paired over fewer seeds than planned, where the loss or its baseline has no scores: {'; '.join(named)}."]


def gap_notes(study: Study, rows: list[list[Cell]] | None = None) -> list[str]:
    """Return notes on what could not be measured, and why; and what to do about trainings that `rows` lack."""
    metrics = [f"{measures.metric_title(name)} not measured: {why}" for name, why in study.not_measured.items()]
    sets = [f"{name} not tested: {why}" for name, why in study.missing_sets.items()]
    given = {cell.text for row in rows or [] for cell in row if cell.mark == "gone"}
    asked = [cure for failure, cure in study.cures.items() if any(text.endswith(failure) for text in given)]
    return list(map(sentence, [*metrics, *sets, *(f"To train what was not: {cure}" for cure in asked)]))


def same_reason(row: list[Cell], labels: int) -> bool:
    """Return whether every cell of a row holds the same reason for having no number."""
    rest = row[labels:]
    return len(rest) > 1 and len(set(rest)) == 1 and rest[0].mark == "gone"


def count(n: int, noun: str) -> str:
    """Return "1 image", "4 images"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def sizes(study: Study, losses: pd.DataFrame, images: int) -> str:
    """Return "4 images, 3 seeds": how many images and trainings stand behind a row."""
    return f"{count(images, 'image')}, {count(_planned(study, losses)['seed'].nunique(), 'seed')}"


def _planned(study: Study, losses: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of rows: columns task, network, recipe and loss."""
    return study.runs.merge(losses[ROW].drop_duplicates(), on=ROW)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dicts by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")]
