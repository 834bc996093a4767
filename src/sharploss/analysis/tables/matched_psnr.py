"""The table of losses at matched PSNR: SPLoss beside L1, the others beside what SPLoss reaches at their PSNR."""

from __future__ import annotations

import math
from typing import Any, cast

import pandas as pd

from sharploss.analysis.measures import ALPHA, TIMES, interval, metric_title
from sharploss.analysis.stats.intervals import ROW, TRAINED
from sharploss.analysis.stats.matched import ABOVE, BELOW, PERCEPTUAL, matched
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import Cell, Table, count, image_notes, records
from sharploss.analysis.titles import name_title
from sharploss.analysis.winners import WINNERS
from sharploss.config.protocols import MAIN

MARK = "*"  # stands at a number of a metric that the loss contains, or by which its weight was chosen
MARKED = f"{MARK} The loss contains this metric, or its weight was chosen by it: no evidence of it."
UNKNOWN = "not known"


def at_matched_psnr(study: Study) -> pd.DataFrame:
    """Return the rows of `matched` and, with the place "", those of SPLoss and of every loss's PSNR against L1."""
    swept, base = study.runs.dropna(subset=["alpha"]), study.references[0]
    beside_l1 = study.compared[study.compared["against"] == base].merge(swept[TRAINED].drop_duplicates())
    true = (beside_l1["metric"] == "psnr") & beside_l1["protocol"].isin(MAIN)
    own = (
        beside_l1["loss"].isin(swept["loss"])
        & beside_l1["metric"].isin(PERCEPTUAL)
        & (beside_l1["smallest"] < math.inf)
    )
    return pd.concat([beside_l1[own | true].assign(place=""), matched(study)], ignore_index=True)


def alphas_of(study: Study) -> dict[str, float]:
    """Return the alpha of each of the study's losses that are SPLoss alone."""
    swept = study.runs.dropna(subset=["alpha"])
    return dict(zip(map(str, swept["loss"]), map(float, swept["alpha"]), strict=True))


def is_marked(study: Study, loss: str, metric: str) -> bool:
    """Return whether a loss contains a metric or was chosen by it, so that the metric says nothing of it."""
    suites = study.params.suites.items()
    chosen = {name for suite, its in suites if suite.startswith(WINNERS) for name in its.losses[1:]}
    terms = study.params.losses[loss].terms
    contained = {paper.metrics.get(term) for paper in study.about.papers.values() for term in terms}
    return metric in {*terms, *contained} or (metric == PERCEPTUAL[0] and loss in chosen)


def change(study: Study, row: dict[str, Any]) -> str:
    """Return a row's difference with its interval and mark; "—" where there is no number."""
    if math.isnan(row["difference"]):
        return "—"
    mark = MARK if is_marked(study, row["loss"], row["metric"]) else ""
    return interval(row["metric"], row["difference"], row["low"], row["high"]) + mark


def costs(study: Study) -> dict[tuple[str, ...], str]:
    """Return what a step takes of L1's time and memory, in words: task, network, recipe and loss -> "1.10 the time"."""
    known = study.runs.groupby(ROW, sort=False)[["steps_per_second", "memory"]].median()
    found: dict[tuple[str, ...], str] = {}
    for key, (speed, memory) in zip(known.index, known.to_numpy(), strict=True):
        base = (*key[:-1], study.references[0])
        speed_1, memory_1 = known.loc[base] if base in known.index else (0, 0)
        parts = [f"{speed_1 / speed:.2f} {TIMES} the time"] if speed > 0 and speed_1 > 0 else []
        parts += [f"{memory / memory_1:.2f} {TIMES} the memory"] if memory > 0 and memory_1 > 0 else []
        found[cast("tuple[str, ...]", key)] = ", ".join(parts) or UNKNOWN
    return found


def lay_out(study: Study) -> list[Table]:
    """Format `at_matched_psnr`: a table per task, network, recipe and test set, SPLoss's alphas first."""
    cost, tables, rows = costs(study), list[Table](), at_matched_psnr(study)
    names = [name for name in PERCEPTUAL if name in set(rows["metric"])]
    alphas = alphas_of(study)
    for key, part in rows.groupby([*TRAINED, "dataset"], sort=False):
        task, network, recipe, dataset = map(str, cast("tuple[str, ...]", key))
        cells = {(row["loss"], row["metric"]): row for row in records(part)}
        losses = sorted(dict.fromkeys(part["loss"]), key=lambda loss: alphas.get(loss, math.inf))
        lines = [
            [
                Cell(study.titles[loss]),
                Cell(_beside(loss, alphas, [cells[loss, name] for name in names if (loss, name) in cells])),
                *(Cell(change(study, found) if (found := cells.get((loss, m))) else "—") for m in ("psnr", *names)),
                Cell(cost[task, network, recipe, loss]),
            ]
            for loss in losses
        ]
        images, marked = int(part["images"].max()), any(MARK in cell.text for line in lines for cell in line)
        tables.append(
            Table(
                f"At matched PSNR: {name_title(network)} for {name_title(task)}, "
                f"{study.params.recipes[recipe].steps:,} steps, on {name_title(dataset)} ({count(images, 'image')}, "
                f"{count(int(part['seeds'].min()), 'seed')}). SPLoss is beside L1, every other loss beside the best "
                f"that SPLoss reaches, at any {ALPHA}, at its PSNR or more.",
                ["loss", "beside", "PSNR against L1", *map(metric_title, names), "a step, against L1's"],
                lines,
                labels=1,
                notes=[*([MARKED] if marked else []), *image_notes(study, task, dataset, metrics=("psnr", *names))],
                words=True,
            )
        )
    return tables


def _beside(loss: str, alphas: dict[str, float], rows: list[dict[str, Any]]) -> str:
    if loss in alphas:
        return "L1"
    if not rows or rows[0]["place"] in (ABOVE, BELOW):
        return beyond(rows[0]) if rows else "—"
    found = dict.fromkeys(f"{row['alpha']:.2g}" for row in rows)
    return f"{ALPHA} {', '.join(found)}"


def beyond(row: dict[str, Any]) -> str:
    """State why a loss beyond the curve has no number."""
    if row["place"] == BELOW:
        return f"costs more PSNR than {ALPHA} {row['end']:g}"
    return f"keeps more PSNR than any {ALPHA}"
