"""From frames of numbers to tables of rounded text, the same for Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from sharploss.analysis import measures
from sharploss.analysis.measures import ALPHA, TIMES, Measure, badness, column, heading, interval, is_better, number
from sharploss.analysis.stats.baselines import references
from sharploss.analysis.stats.intervals import FEW_IMAGES, TRAINED, base_losses
from sharploss.utils.errors import sentence

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.load import Study

NOT_MEASURED = "not measured"
Mark = Literal["", "best", "second", "worse", "gone"]


class Cell(NamedTuple):
    """One cell: its text, and whether it is best or second best, worse than the baseline, or why there is no number."""

    text: str
    mark: Mark = ""


@dataclass(frozen=True)
class Table:
    """A table to read.

    Attributes:
        caption: one sentence.
        columns: headings; the first `labels` columns hold names, the others numbers.
        rows: as many cells each as there are columns.
        labels: how many columns name the row.
        notes: sentences below the table.
        words: whether most cells are sentences, which need to wrap, rather than numbers.
    """

    caption: str
    columns: list[str]
    rows: list[list[Cell]]
    labels: int = 2
    notes: list[str] = field(default_factory=list[str])
    words: bool = False


def pairings(study: Study, numbers: pd.DataFrame, task: str, dataset: str) -> Table:
    """Lay out network x loss of a task on one test set, unrestored images first; the best two per network are marked.

    Args:
        study: the study.
        numbers: `tables.pairings(study, suite)`.
        task: the task.
        dataset: the test set.
    """
    known = known_for(study, task)
    part = numbers[(numbers["task"] == task) & (numbers["dataset"] == dataset)]
    rows = [_pairing_row(row, known) for row in records(part)]
    return Table(
        caption=f"{_on(study, task, 'Means', dataset)} ({sizes(study, part, images_of(study, task, dataset))}).",
        columns=["network", "loss", *map(heading, known)],
        rows=rows,
        notes=[
            f"Best and second best of each network are marked; {part['loss'].iloc[0]} is the reference and not ranked.",
            *gap_notes(study),
            *cure_notes(study, rows),
        ],
    )


def known_for(study: Study, task: str) -> list[Measure]:
    """List the measures of a task that tables show, those that no task could measure included."""
    measured = study.measured.get(task, [])
    shown = [m for m in measures.measures_of(study) if measures.is_shown(m)]
    return [m for m in shown if m in measured or m[0] in study.not_measured]


def images_of(study: Study, task: str, dataset: str) -> int:
    """Count the images of a test set: those of its best measured metric, since a set's FID has a name of its own."""
    mine = study.scores[(study.scores["task"] == task) & (study.scores["dataset"] == dataset)]
    return int(mine.groupby("metric")["image"].nunique().max()) if len(mine) else 0


def _on(study: Study, task: str, what: str, dataset: str) -> str:
    """Return the name of the task too where there are several."""
    several = study.runs["task"].nunique() > 1
    return f"{task}: {what[0].lower()}{what[1:]} on {dataset}" if several else f"{what} on {dataset}"


def _pairing_row(row: dict[str, Any], known: list[Measure]) -> list[Cell]:
    gone = "" if str(row["status"]) in ("", "finished") or _has_scores(row, known) else str(row["status"])
    cells = [ranked(m[0], row[column(m)], row[f"{column(m)}_rank"], gone or NOT_MEASURED) for m in known]
    loss = str(row["loss"]) if row["status"] in ("", "finished") or gone else f"{row['loss']} ({row['status']})"
    return [Cell(str(row["network"]) or "—"), Cell(loss), *cells]


def _has_scores(row: dict[str, Any], known: list[Measure]) -> bool:
    return any(not math.isnan(row[column(measure)]) for measure in known)


def ranked(metric: str, value: float, rank: float, missing: str) -> Cell:
    """Return a number that is marked when it is the best or second best; `missing` where there is none (NaN)."""
    if math.isnan(value):
        return Cell(missing, "gone")
    return Cell(number(metric, value), "best" if rank == 1 else "second" if rank == 2 else "")


def change(metric: str, baseline: float, difference: float, low: float, high: float) -> Cell:
    """Return a difference with its interval, marked as better or worse where the interval excludes zero."""
    certain = low > 0 or high < 0
    better = certain and is_better(metric, baseline + difference, baseline)
    return Cell(interval(metric, difference, low, high), "best" if better else "worse" if certain else "")


def differences(study: Study, losses: pd.DataFrame, compared: pd.DataFrame, task: str, dataset: str) -> Table:
    """Lay out the differences to the same network's baseline, "+0.12 [+0.03, +0.20]", on one test set.

    An interval without zero is marked when the loss is better ("best"); `losses` lists task, network, recipe and loss
    of the rows, `compared` is `study.compared`, the others are as in `pairings`.
    """
    known = known_for(study, task)
    losses = losses[losses["task"] == task]
    part = compared[(compared["task"] == task) & (compared["dataset"] == dataset)]
    found = {(*_key(row), row["metric"], row["protocol"]): row for row in records(part)}
    failure = {_key(row): row["failure"] for row in records(study.runs)}
    names, based = against(study, losses)
    first = references(study)[0]
    rows = [
        [Cell(row["network"]), Cell(row["loss"]), *(_change(found, _key(row), m, failure[_key(row)]) for m in known)]
        for row in records(losses)
        if row["loss"] != based.get(_key(row)[:3], first)
    ]
    images = int(part["images"].max()) if len(part) else 0
    what = f"Difference to the same network's {names}"
    return Table(
        caption=f"{_on(study, task, what, dataset)} ({sizes(study, losses, images)}).",
        columns=["network", "loss", *map(heading, known)],
        rows=rows,
        notes=[*interval_notes(images, losses, study), *_correction(part), *gap_notes(study), *cure_notes(study, rows)],
    )


def against(study: Study, losses: pd.DataFrame) -> tuple[str, dict[tuple[str, str, str], str]]:
    """Return what the losses are compared with, in words and per task, network and recipe."""
    bases = references(study)
    found = records(base_losses(study.runs.merge(losses[TRAINED].drop_duplicates()), bases))
    chosen = {(row["task"], row["network"], row["recipe"]): str(row["against"]) for row in found}
    return " or ".join(map(base_title, dict.fromkeys(chosen.values()) or bases[:1])), chosen


def base_title(loss: str) -> str:
    """Return a baseline's name as readers know it: pixel norms in capitals."""
    return re.sub(r"^l(?=\d$)", "L", loss)


def _correction(part: pd.DataFrame) -> list[str]:
    """Return a note on how many differences are significant when all of the table are tested together."""
    if "p_holm" not in part or not len(part):
        return []
    shown = part[part["p_holm"].notna()]  # of the measures that the table shows
    alone, together = (shown["p"] < 0.05).sum(), (shown["p_holm"] < 0.05).sum()
    ways = "images and seeds" if (part["seeds"] > 1).any() else "images"
    return [
        f"Of the {len(shown)} differences shown with an interval {alone} are significant at 5 % by themselves (paired "
        f"t-test over {ways}), {together} when all are tested together (Holm)."
    ]


def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["task"], row["network"], row["recipe"], row["loss"]


def _change(found: dict[Any, dict[str, Any]], key: tuple[str, ...], measure: Measure, failure: str) -> Cell:
    row = found.get((*key, *measure))
    if row is None:
        return Cell(failure or NOT_MEASURED, "gone")
    return change(measure[0], row["baseline"], row["difference"], row["low"], row["high"])


def interval_notes(images: int, losses: pd.DataFrame, study: Study) -> list[str]:
    """Return notes on what the intervals mean, and on what few images or one seed leave unknown."""
    notes = [
        "In brackets: 95 % interval of the paired difference. Marked: this one interval excludes zero, for the better "
        "(bold) or for the worse (italics); marks are not corrected for how many differences the table has."
    ]
    if images < FEW_IMAGES:
        notes.append(
            f"Few images ({images}): where differences are skewed, the mean over all such images lies outside a 95 % "
            "interval more often than once in 20."
        )
    return [*notes, *_one_seed(study, losses)]


def _one_seed(study: Study, losses: pd.DataFrame) -> list[str]:
    return [one_seed()] if _seeds(study, losses) == 1 else []


def one_seed(behind: str = "") -> str:
    """Return the note on results that rest on one training each; `behind` names them where it is not all."""
    return f"One seed{behind}: how much other trainings would differ is unknown."


def alpha_sweep(study: Study, numbers: pd.DataFrame) -> list[Table]:
    """Lay out `tables.alpha_sweep(study)` as the SPLoss paper's Table 3: measures down, alpha across."""
    alphas = [name for name in numbers.columns if str(name).startswith("alpha_")]
    gaps = [[Cell(measures.metric_title(m)), *[Cell(NOT_MEASURED, "gone")] * len(alphas)] for m in study.not_measured]
    return [
        Table(
            caption=f"SPLoss on {network} ({task}), {dataset}: every measure against alpha (alpha 0 is L1).",
            columns=["measure", *(f"{ALPHA} = {name.removeprefix('alpha_')}" for name in alphas)],
            rows=[*(_sweep_row(row, alphas) for row in records(part)), *gaps],
            labels=1,
            notes=gap_notes(study),
        )
        for (task, network, _, dataset), part in numbers.groupby([*TRAINED, "dataset"], sort=False)
    ]


def _sweep_row(row: dict[str, Any], alphas: list[str]) -> list[Cell]:
    import pandas as pd

    metric = str(row["metric"])
    values = pd.Series({name: row[name] for name in alphas}, dtype="float64")
    places = badness(metric, values).rank(method="min")
    cells = [ranked(metric, value, place, "—") for value, place in zip(values, places, strict=True)]
    return [Cell(heading((metric, str(row["protocol"])))), *cells]


def alpha_control(numbers: pd.DataFrame) -> Table:
    """Lay out the control: SPLoss with alpha 0 against L1, measure by measure."""
    rows = [
        [
            *map(Cell, (row["network"], row["dataset"], measures.title((row["metric"], row["protocol"])))),
            Cell(str(row["scores"])),
            Cell("identical", "best")
            if row["verdict"] == "identical"
            else Cell(f"differs by {row['largest_difference']:.3g}", "gone"),
        ]
        for row in records(numbers)
    ]
    columns = ["network", "test set", "measure", "scores compared", f"SPLoss with {ALPHA} = 0 against L1"]
    caption = "Control: with alpha 0 SPLoss is L1, so both trainings must give the same scores to the last bit."
    return Table(caption, columns, rows, labels=3)


def cost(numbers: pd.DataFrame) -> Table:
    """Lay out what each training cost."""
    columns = ["task", "network", "recipe", "loss"]
    columns += ["parameters", "steps", "seconds", "steps/s", "ms/step", "ms/step, L1 = 1"]
    rows = [_cost_row(row) for row in records(numbers)]
    return Table("What each training cost on this machine (means over seeds).", columns, rows, labels=4)


def _cost_row(row: dict[str, Any]) -> list[Cell]:
    relative = row["relative_to_l1"]
    return [
        *(Cell(row[name]) for name in ("task", "network", "recipe", "loss")),
        _or_dash(row["parameters"], ",.0f"),
        Cell(f"{row['steps']:g}") if row["status"] == "finished" else Cell(row["status"], "gone"),
        *(_or_dash(row[name], ".1f") for name in ("seconds", "steps_per_second", "ms_per_step")),
        Cell("—" if math.isnan(relative) else f"{relative:.2f} {TIMES}"),
    ]


def _or_dash(value: float, form: str) -> Cell:
    return Cell("—", "gone") if math.isnan(value) else Cell(f"{value:{form}}")


def ranks(study: Study, numbers: pd.DataFrame) -> list[Table]:
    """Lay out `tables.suite_ranks(study)`: a table per suite, losses down; over everything, then per scope across."""
    tables: list[Table] = []
    for suite, part in numbers.groupby("suite", sort=False):
        scopes = part[["scope", "of"]].drop_duplicates()
        names = {(row["scope"], row["of"]): _scope(row) for row in records(scopes)}
        cells = {(row["loss"], row["scope"], row["of"]): row for row in records(part)}
        losses = list(dict.fromkeys(part["loss"]))
        rows = [[Cell(loss), *(_rank(cells.get((loss, *name))) for name in names)] for loss in losses]
        tables.append(
            Table(
                caption=f"Mean rank of each loss ({suite}; 1 is best), over all networks, test sets and measures, then "
                "per task, network and metric.",
                columns=["loss", *names.values()],
                rows=rows,
                labels=1,
                notes=[
                    "In brackets: between them lie 95 % or more of the mean ranks when images are resampled, the same "
                    "ones for all losses. That describes these images and is no confidence interval.",
                    "A loss without scores where others have some shares the last rank.",
                    *_one_seed(study, study.runs),
                ],
            )
        )
    return tables


def _scope(row: dict[str, Any]) -> str:
    if row["scope"] == "metric":
        return measures.metric_title(str(row["of"]))
    return str(row["of"]) or "all"


def _rank(row: dict[str, Any] | None) -> Cell:
    return Cell(f"{row['rank']:.1f} [{row['low']:.1f}, {row['high']:.1f}]") if row else Cell("—", "gone")


def pareto(numbers: pd.DataFrame) -> list[Table]:
    """Lay out `pareto.fronts(study.scores)`: per network and test set the losses that no other one beats."""
    rows = [
        [Cell(text) for text in (*map(str, cast("tuple[str, ...]", key)), _front(part, True), _front(part, False))]
        for key, part in numbers.groupby([*TRAINED, "dataset"], sort=False)
    ]
    caption = "Pareto front of PSNR against LPIPS: losses that no other loss beats in one without losing in the other."
    return [
        Table(caption, ["task", "network", "recipe", "test set", "on the front", "beaten"], rows, labels=4, words=True)
    ]


def _front(part: pd.DataFrame, front: bool) -> str:
    chosen = part.loc[part["front"] == front].sort_values("psnr", ascending=False, kind="stable")
    return ", ".join(map(str, chosen["loss"]))


def gap_notes(study: Study) -> list[str]:
    """Return notes on what could not be measured, and why."""
    metrics = [f"{measures.metric_title(name)} not measured: {why}" for name, why in study.not_measured.items()]
    sets = [f"{name} not tested: {why}" for name, why in study.missing_sets.items()]
    return [sentence(note) for note in [*metrics, *sets]]


def cure_notes(study: Study, rows: list[list[Cell]]) -> list[str]:
    """Return a note on what to do about each reason that a table gives for runs that were not trained."""
    given = {cell.text for row in rows for cell in row if cell.mark == "gone"}
    return [
        sentence(f"To train what was not: {cure}")
        for failure, cure in study.cures.items()
        if any(text.endswith(failure) for text in given)
    ]


def count(n: int, noun: str) -> str:
    """Return "1 image", "4 images"."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def sizes(study: Study, losses: pd.DataFrame, images: int) -> str:
    """Return "4 images, 3 seeds": how many images and trainings stand behind a row."""
    return f"{count(images, 'image')}, {count(_seeds(study, losses), 'seed')}"


def _seeds(study: Study, losses: pd.DataFrame) -> int:
    keys = [*TRAINED, "loss"]
    wanted = set(losses[keys].itertuples(index=False, name=None))
    return len({seed for *key, seed in study.runs[[*keys, "seed"]].itertuples(index=False) if tuple(key) in wanted})


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows as dicts by column name."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict(orient="records")]
