"""The answer in words, computed from the numbers: which loss is sharpest, what it costs, how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sharploss.analysis.measures import Measure, badness, fidelity, interval, metric_title, number
from sharploss.analysis.stats.intervals import TRAINED
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import Cell, Table, base_title, count, image_notes, images_of, records
from sharploss.analysis.tables.tables import first_tested, pairing_rows, with_recipes
from sharploss.config.protocols import MAIN

if TYPE_CHECKING:
    import pandas as pd

SHARPNESS = ("gradient_variance_ratio", "blurred_edge_share", "lpips", "niqe")
"""Metrics that say how sharp an output looks; the first one picks the loss that the headline names."""

CHEAP = 0.1
"""Loss of PSNR in dB up to which a loss counts as cheap: what papers call a negligible difference."""

MANY = 5
"""How many losses a sentence names one by one."""


class Answer(NamedTuple):
    """The answer for one task and network (with its recipe where there are several), mostly in words.

    `loss` is the sharpest by the first of SHARPNESS; `gain`, `price` and `psnr` (dB; 0 for the baseline itself, NaN
    without a run of it) are its changes against the baseline, `sure` whether their intervals exclude zero; `cheap` is
    the sharpest that loses at most CHEAP dB of PSNR, `others` the best by each other measure.
    """

    task: str
    network: str
    loss: str
    gain: str
    price: str
    psnr: float
    sure: str
    cheap: str
    others: str


def answers(study: Study, compared: pd.DataFrame) -> list[Answer]:
    """Answer the question for every task and network with several losses; `compared` is `study.compared`.

    Scores are those on a task's first test set. Of a loss that was trained alone there is nothing to say.
    """
    first = first_tested(study)
    scored = study.means.merge(first).merge(pairing_rows(study))
    keys = [*TRAINED, "loss", "metric", "protocol"]
    changes = {tuple(row[key] for key in keys): row for row in records(compared.merge(first))}
    asked = [m for m in study.measures if m[0] in SHARPNESS or (m[0] == "psnr" and m[1] in MAIN)]
    base = study.references[0]
    return [
        _answer(cast("tuple[str, ...]", key), part, changes, asked, base)
        for key, part in with_recipes(study.runs, scored).groupby([*TRAINED, "label"], sort=False)
        if part.loc[part["metric"].isin(SHARPNESS) & part["value"].notna(), "loss"].nunique() > 1
    ]


def _answer(
    key: tuple[str, ...], part: pd.DataFrame, changes: dict[Any, Any], asked: list[Measure], base: str
) -> Answer:
    *trained, label = key
    best = {measure: loss for measure in asked if (loss := _best(part, measure))}
    sharp = next(m for name in SHARPNESS for m in best if m[0] == name)
    true, loss = fidelity(protocol for metric, protocol in best if metric == "psnr"), best[sharp]
    gain, price = (changes.get((*trained, loss, *measure)) for measure in (sharp, true))
    prices = part["loss"].map(lambda name: changes.get((*trained, name, *true), {}).get("difference", 0.0))
    mine = part[(part["metric"] == sharp[0]) & (part["protocol"] == sharp[1]) & (part["loss"] == loss)]
    value = number(sharp[0], float(mine["value"].iloc[0]))
    return Answer(
        trained[0],
        label,
        loss,
        f"{value} ({_change(sharp[0], gain)} against {base_title(gain['against'])})" if gain else value,
        f"{_change('psnr', price)} dB" if price else "—",
        float(price["difference"]) if price else 0.0 if loss == base else float("nan"),
        f"sharpness {_sure(gain)}, PSNR {_sure(price)}" if gain and price else "—",
        _best(part[prices >= -CHEAP], sharp),
        "; ".join(f"{metric_title(metric)}: {name}" for (metric, _), name in best.items()),
    )


def _best(part: pd.DataFrame, measure: Measure) -> str:
    mine = part[(part["metric"] == measure[0]) & (part["protocol"] == measure[1]) & part["value"].notna()]
    return str(mine["loss"].iloc[int(badness(measure[0], mine["value"]).argmin())]) if len(mine) else ""


def _change(metric: str, row: dict[str, Any]) -> str:
    return interval(metric, row["difference"], row["low"], row["high"])


def _sure(row: dict[str, Any]) -> str:
    return "changed" if row["low"] > 0 or row["high"] < 0 else "within the spread of the images"


def answer_table(found: list[Answer]) -> Table:
    """Lay out the answers, a row per task and network."""
    columns = ["task", "network", "sharpest loss", "sharpness", "change of PSNR", "how sure", "best by each measure"]
    rows = [
        [
            Cell(one.task),
            Cell(one.network),
            Cell(one.loss, "best"),
            *map(Cell, (one.gain, one.price, one.sure, one.others)),
        ]
        for one in found
    ]
    caption = (
        "The sharpest loss per network on each task's first test set, by gradient-variance ratio (1 is as sharp as the "
        "target), and what it costs against the same network's baseline. In brackets: 95 % intervals over images."
    )
    return Table(caption, columns, rows, words=True)


def lead(found: list[Answer]) -> str:
    """State which loss came closest to the targets' sharpness, in how many trainings, and what that did to PSNR."""
    if not found:
        return "No two losses of one task, network and recipe have a score that tells how sharp they are."
    of = count(len(found), "comparison")
    return (
        f"Closest to the target's sharpness, in {of} (task, network, recipe), came "
        f"{_counted([one.loss for one in found])}{_price([one.psnr for one in found])}. Among the losses that give up "
        f"at most {CHEAP} dB of PSNR it was {_counted([one.cheap for one in found])}."
    )


def _counted(losses: list[str]) -> str:
    """Count how often each loss won, the most frequent first; the rare ones together."""
    counts = Counter(losses).most_common()
    rest = sum(n for _, n in counts[MANY:])
    return ", ".join([*(f"{loss} in {n}" for loss, n in counts[:MANY]), *([f"another one in {rest}"] if rest else [])])


def _price(changes: list[float]) -> str:
    known = [change for change in changes if not math.isnan(change)]
    if not any(known):
        return ""
    ends = dict.fromkeys(number("psnr", end, sign=True) for end in (min(known), max(known)))
    return f"; against the baseline that changed PSNR by {' to '.join(ends)} dB"


def control(numbers: pd.DataFrame) -> str:
    """State whether SPLoss with alpha 0 scored exactly as L1, which it must; `numbers` is `tables.alpha_control`."""
    if numbers.empty:
        return "This study has no run with alpha 0 beside one with L1."
    total, largest = int(numbers["scores"].sum()), float(numbers["largest_difference"].max())
    if largest == 0:
        return f"Passed: all {total} scores are identical, to the last bit."
    return f"Failed: of {total} scores some differ, by up to {largest:.3g}. Explain that before trusting this study."


def caveat(study: Study) -> str:
    """State what this study is too small to tell."""
    first = first_tested(study).iloc[0]
    images = images_of(study, first["task"], first["dataset"])
    seeds = study.runs.groupby([*TRAINED, "loss"])["seed"].nunique()  # each suite can have seeds of its own
    fewest, most, steps = int(seeds.min()), int(seeds.max()), study.runs["step"][study.runs["step"] > 0]
    least, longest = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
    span = f"{longest:,}" if least == longest else f"{least:,} to {longest:,}"
    trained = count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    unknown = (
        "With one seed, how much a number would change in a second training is unknown, and differences smaller than "
        "that mean nothing."
        if fewest == 1
        else f"Intervals are over images and the {trained}."
    )
    left = image_notes(study, metrics=("psnr", *SHARPNESS))
    return " ".join(
        [
            f"This is what {count(images, 'test image')}, {trained} and {span} training steps a run show: "
            "a comparison at small budgets, equal within a suite, not a replication of the papers' trainings.",
            unknown,
            *left[:MANY],
            *([f"The tables name {count(len(left) - MANY, 'more measure')} with fewer images."] if left[MANY:] else []),
        ]
    )
