"""Each loss at the best of the weights (SPLoss: of the alphas) that a suite tried, chosen on validation images."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from sharploss.analysis.measures import Measure, badness, column, heading, number, title
from sharploss.analysis.stats.families import LossFamily, families
from sharploss.analysis.stats.intervals import ROW, TRAINED
from sharploss.analysis.study import NOT_TRAINED, Study
from sharploss.analysis.tables import layout
from sharploss.analysis.tables.layout import CHANGE, Cell, Table, records
from sharploss.analysis.titles import name_title

SHOWN_METRICS = ("psnr", "ssim", "lpips", "gradient_variance_ratio")
"""What the table shows to read; its csv has every measure that the other tables show."""

CHOICE = ["suite", *TRAINED, "family", "loss", "parameter", "value", "at_end", "planned", "trials", "diverged", "most",
          "validation_psnr_y", "validation_lead", "against", "failure"]  # fmt: skip


def choices(study: Study) -> pd.DataFrame:
    """Choose of every family the variant with the highest validation PSNR at the end of its training.

    Only suites that compare several families and vary one of them have rows. A variant of which a seed diverged, or was
    not validated, is not chosen; of equal ones the smallest weight is. Only trials of the same suite count. Columns
    CHOICE, a row per suite, task, network, recipe and family: loss (the chosen variant, "" where there is none),
    parameter and value (of the chosen one), at_end (whether it ends the range of at least three tried), planned, trials
    (those of them that were trained, diverged ones included), diverged, most (trials of the family of the suite,
    network and task that had most), validation_psnr_y (dB, mean over seeds), validation_lead (over the next best trial,
    dB; NaN without one), against (the baseline, "" without one), failure (why nothing was chosen).
    """
    points = study.history[study.history["event"] == "validation"].sort_values("step", kind="stable")
    last = points.drop_duplicates("run", keep="last")[["run", "psnr_y"]].astype({"psnr_y": "float64"})
    runs = study.runs.merge(last, on="run", how="left")
    runs["psnr_y"] = runs["psnr_y"].where(runs["status"] == "finished")
    rows: list[dict[str, Any]] = []
    for key, part in runs.explode("suites").groupby(["suites", *TRAINED], sort=False):
        found = families({str(loss): study.specs[loss] for loss in dict.fromkeys(part["loss"])})
        if len(found) < 2 or not any(family.parameter for family in found):
            continue
        bases = study.bases.merge(part[TRAINED].drop_duplicates())["against"].tolist()
        mine = [_choice(family, part) for family in found]
        shared = {"most": max(row["trials"] for row in mine), "against": bases[0] if bases else ""}
        rows += [dict(zip(["suite", *TRAINED], key, strict=True)) | row | shared for row in mine]
    return pd.DataFrame(rows, columns=CHOICE)


def _choice(family: LossFamily, runs: pd.DataFrame) -> dict[str, Any]:
    mine = [runs[runs["loss"] == loss] for loss in family.variants]  # the smallest weight first
    trials = pd.DataFrame(
        {
            "value": list(family.variants.values()),
            "psnr": [float(part["psnr_y"].mean(skipna=False)) for part in mine],
            "tried": [bool((part["status"] != NOT_TRAINED).any()) for part in mine],
            "diverged": [bool((part["status"] == "diverged").any()) for part in mine],
        },
        index=list(family.variants),
    )
    able = trials[trials["psnr"].notna()].sort_values("psnr", ascending=False, kind="stable")
    best, tried = next(iter(able.index), ""), trials.loc[trials["tried"], "value"]
    value = family.variants.get(best, float("nan"))
    reasons = [*(text for part in mine for text in part["failure"] if text), "not validated"]
    return {
        "family": family.name,
        "loss": best,
        "parameter": family.parameter,
        "value": value,
        "at_end": len(tried) > 2 and value in (tried.min(), tried.max()),
        "planned": len(trials),
        "trials": len(tried),
        "diverged": int(trials["diverged"].sum()),
        "validation_psnr_y": float("nan") if able.empty else able["psnr"].iloc[0],
        "validation_lead": able["psnr"].iloc[0] - able["psnr"].iloc[1] if len(able) > 1 else float("nan"),
        "failure": "" if best else reasons[0],
    }


def best_weight(study: Study) -> pd.DataFrame:
    """Return the chosen variants with their test scores, a row per row of `choices` and test set.

    Per measure it has the mean ("psnr_y"), what that is paired with ("psnr_y_baseline"; NaN for the baseline itself)
    and the paired difference with its 95 % interval.
    """
    keys, order = [*ROW, "dataset"], {name: place for place, name in enumerate(study.datasets)}
    sets = study.scores[["task", "dataset"]].drop_duplicates()
    rows = choices(study).merge(
        sets.sort_values("dataset", key=lambda names: names.map(order), kind="stable"), on="task"
    )
    changes = study.widen(study.compared, keys, {name: f"_{name}" for name in CHANGE})
    return rows.merge(study.wide_means, on=keys, how="left").merge(changes, on=keys, how="left")


def lay_out(study: Study, numbers: pd.DataFrame) -> dict[str, list[Table]]:
    """Format `best_weight(study)`: suite -> a table per task and test set, a row per network and loss."""
    tables: dict[str, list[Table]] = {}
    for (suite, task, dataset), part in numbers.groupby(["suite", "task", "dataset"], sort=False):
        tables.setdefault(str(suite), []).append(_table(study, part, str(suite), str(task), str(dataset)))
    return tables


def _table(study: Study, part: pd.DataFrame, suite: str, task: str, dataset: str) -> Table:
    shown = [measure for measure in layout.known_for(study, task) if measure[0] in SHOWN_METRICS]
    bases = [name for name in dict.fromkeys(part["against"]) if name]
    images, trained = layout.images_of(study, task, dataset), part.loc[part["loss"] != "", ROW]
    ranks = {m: badness(m[0], part[column(m)]).groupby(part["network"], sort=False).rank(method="min") for m in shown}
    rows = [
        [*_labels(study, row), *_numbers(row, {m: float(ranks[m].iloc[place]) for m in shown}, bool(bases))]
        for place, row in enumerate(records(part))
    ]
    names = " or ".join(study.titles[name] for name in bases)
    heads = [[heading(m), *([f"{title(m)}: difference to {names}"] if bases else [])] for m in shown]
    columns = ["network", "loss", "trials", "best", "validation PSNR Y (dB; lead over the next trial)"]
    return Table(
        caption=f"Each loss at its best ({suite}): {name_title(task)}, means on {name_title(dataset)} "
        f"({layout.sizes(study, trained, images)}).",
        columns=[*columns, *(name for pair in heads for name in pair)],
        rows=rows,
        labels=4,
        repeated=2,
        notes=[
            *selection_notes(study, part),
            *(layout.interval_notes(study, trained, images) if bases else []),
            *layout.image_notes(study, task, dataset, SHOWN_METRICS),
            *layout.gap_notes(study, rows),
        ],
    )


def _labels(study: Study, row: dict[str, Any]) -> list[Cell]:
    value = f"{row['parameter']} {row['value']:g} ({row['loss']})" if row["parameter"] and row["loss"] else "—"
    family = study.family_title(row["family"])
    return [Cell(name_title(row["network"])), Cell(family), Cell(_trials(row)), Cell(value)]


def _trials(row: dict[str, Any]) -> str:
    """Return "3", "1 (fewer)", "3 (1 diverged)", "2 of 3 (fewer)", "1 (reference)"."""
    text = str(row["trials"]) if row["trials"] == row["planned"] else f"{row['trials']} of {row['planned']}"
    about = [f"{row['diverged']} diverged"] if row["diverged"] else []
    about += ["reference"] if row["family"] == row["against"] else ["fewer"] if row["trials"] < row["most"] else []
    return f"{text} ({', '.join(about)})" if about else text


def _numbers(row: dict[str, Any], ranks: dict[Measure, float], based: bool) -> list[Cell]:
    """Return the PSNR that a variant was chosen by and its lead over the next trial, then each mean and difference."""
    gone, lead = str(row["failure"]), row["validation_lead"]
    more = "" if math.isnan(lead) else f" ({number('psnr', lead, sign=True)})"
    cells = [Cell(gone, "gone") if gone else Cell(f"{number('psnr', row['validation_psnr_y'])}{more}")]
    for measure, rank in ranks.items():
        value, missing = row[column(measure)], gone or layout.NOT_MEASURED
        cells.append(layout.ranked(measure[0], value, rank, missing))
        if based:
            found = {part: row[f"{column(measure)}_{part}"] for part in CHANGE}
            change = Cell("—") if math.isnan(found["difference"]) else layout.change(measure[0], found)  # the baseline
            cells.append(Cell(missing, "gone") if math.isnan(value) else change)
    return cells


def selection_notes(study: Study, part: pd.DataFrame) -> list[str]:
    """Return notes on how the best was chosen, which losses had fewer trials, and whose best ends the range tried."""
    family = part["family"].map(study.family_title)
    on, most = family + " on " + part["network"].map(name_title), part["most"].iloc[0]
    reference = part["family"] == part["against"]
    fewer, ends = on[(part["trials"] < part["most"]) & ~reference], on + part["value"].map(" ({:g})".format)
    equal = f"Fewer trials than {most}: {', '.join(fewer)}" if len(fewer) else f"An equal number of trials: {most} each"
    single = (
        f" {study.family_title(name)}, the reference, has no weight to look for: one training, which the best "
        "of several leads a little by luck alone."
        for name in part.loc[reference, "family"].head(1)
    )
    beyond = ", ".join(ends[part["at_end"].astype(bool)])
    return [
        "Best: of the trials of a loss the one with the highest PSNR on the validation images at the end of training; "
        "the test images had no part in the choice. Choosing by PSNR favours fidelity, so weights at which the added "
        "term changes little, over sharpness: a weight that is better by LPIPS or sharper may have been passed over.",
        f"{equal}. Only this suite's trials count.{''.join(single)}",
        *([f"Best at an end of what was tried, a better value may lie beyond: {beyond}."] if beyond else []),
    ]
