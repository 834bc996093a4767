"""The answer in words, computed from the numbers: which loss is sharpest, what it costs, how sure that is."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sharploss.analysis.load import Study
from sharploss.analysis.measures import Measure, badness, fidelity, measures_of, metric_title, number
from sharploss.analysis.stats.baselines import references
from sharploss.analysis.stats.intervals import TRAINED, means
from sharploss.analysis.tables.layout import base_title, count, image_notes, images_of, interval, records
from sharploss.analysis.tables.tables import first_tested, pairing_rows, with_recipes
from sharploss.config.protocols import MAIN

if TYPE_CHECKING:
    import pandas as pd

SHARPNESS = ("gradient_variance_ratio", "blurred_edge_share", "lpips", "niqe")
"""Metrics that say how sharp an output looks; the first one picks the loss that the headline names."""

CHEAP = 0.1
"""Loss of PSNR in dB up to which a loss counts as cheap: what papers call a negligible difference."""


MANY = 5
"""How many networks or losses a sentence names one by one."""


class Answer(NamedTuple):
    """The answer for one task and network.

    Attributes:
        task: name.
        network: name, with the recipe where it was trained by several.
        loss: the sharpest one by the first of SHARPNESS.
        gain: its sharpness beside that of L1, in words.
        price: its change of PSNR (Y) against L1, in words.
        psnr: the same as a number, in dB; 0 for L1 itself, NaN without an L1 run.
        verdict: whether both intervals exclude zero, in words.
        cheap: the sharpest loss among those that lose at most CHEAP dB of PSNR against L1.
        others: metric title -> the best loss by that metric, for every measure of sharpness and PSNR.
    """

    task: str
    network: str
    loss: str
    gain: str
    price: str
    psnr: float
    verdict: str
    cheap: str
    others: dict[str, str]


def answers(study: Study, compared: pd.DataFrame) -> list[Answer]:
    """Answer the question for every task and network, on the first test set.

    Args:
        study: the study.
        compared: `study.compared`.
    """
    first = first_tested(study)
    scored = means(study.scores.merge(first)).merge(pairing_rows(study))
    changes = {
        (row["task"], row["network"], row["recipe"], row["loss"], row["metric"], row["protocol"]): row
        for row in records(compared.merge(first))
    }
    bases = references(study)
    asked = [m for m in measures_of(study) if m[0] in SHARPNESS or (m[0] == "psnr" and m[1] in MAIN)]
    return [
        _answer(cast("tuple[str, ...]", key), part, changes, asked, bases)
        for key, part in with_recipes(study.runs, scored).groupby([*TRAINED, "label"], sort=False)
    ]


def _answer(
    key: tuple[str, ...], part: pd.DataFrame, changes: dict[Any, Any], asked: list[Measure], bases: list[str]
) -> Answer:
    task, network, recipe, label = key
    best = {measure: _best(part, measure) for measure in asked}
    best = {measure: loss for measure, loss in best.items() if loss}
    sharp = next(m for name in SHARPNESS for m in best if m[0] == name)
    true = fidelity(protocol for metric, protocol in best if metric == "psnr")
    gain = changes.get((task, network, recipe, best[sharp], *sharp))
    price = changes.get((task, network, recipe, best[sharp], *true))
    return Answer(
        task,
        label,
        best[sharp],
        _gain(part, best[sharp], sharp, gain),
        f"{_change('psnr', price)} dB" if price else "nothing" if best[sharp] in bases else "—",
        0.0 if best[sharp] == bases[0] else float(price["difference"]) if price else float("nan"),
        _verdict(best[sharp], gain, price),
        _best(part[part["loss"].map(lambda loss: _is_cheap(changes.get((task, network, recipe, loss, *true))))], sharp),
        {metric_title(metric): loss for (metric, _), loss in best.items()},
    )


def _is_cheap(price: dict[str, Any] | None) -> bool:
    return price is None or price["difference"] >= -CHEAP


def _best(part: pd.DataFrame, measure: Measure) -> str:
    mine = part[(part["metric"] == measure[0]) & (part["protocol"] == measure[1])]
    return str(mine["loss"].iloc[int(badness(measure[0], mine["value"]).argmin())]) if len(mine) else ""


def _gain(part: pd.DataFrame, loss: str, measure: Measure, change: dict[str, Any] | None) -> str:
    mine = part[(part["metric"] == measure[0]) & (part["protocol"] == measure[1])].set_index("loss")["value"]
    value = number(measure[0], float(mine[loss]))
    return f"{value} ({_change(measure[0], change)} against {base_title(change['against'])})" if change else value


def _change(metric: str, row: dict[str, Any] | None) -> str:
    return interval(metric, row["difference"], row["low"], row["high"]) if row else ""


def _verdict(loss: str, gain: dict[str, Any] | None, price: dict[str, Any] | None) -> str:
    if loss == "l1":
        return "No loss was sharper than L1."
    if gain is None or price is None:
        return "There is no L1 run to compare with."
    sharper = "The gain holds on these images" if _certain(gain) else "The gain is within the spread of these images"
    costly = "so does the change of PSNR" if _certain(price) else "the change of PSNR is within their spread"
    if not _certain(gain) and not _certain(price):
        return f"{sharper}, and so is the change of PSNR."
    return f"{sharper}; {'the change of PSNR holds' if not _certain(gain) else costly}."


def _certain(row: dict[str, Any]) -> bool:
    return row["low"] > 0 or row["high"] < 0


def lead(found: list[Answer]) -> str:
    """State which loss came closest to the targets' sharpness, for which networks, and what that did to PSNR."""
    winners = _networks_of([(answer.loss, _who(answer, found)) for answer in found])
    if len(winners) > 1 and len(found) > MANY:
        return (
            f"No single loss came closest to the target's sharpness: of {len(found)} trainings (task, network, recipe) "
            f"it was {_counted([answer.loss for answer in found])}. Among the losses that give up at most {CHEAP} dB "
            f"it was {_counted([answer.cheap for answer in found])}."
        )
    if len(winners) == 1:
        networks = winners[found[0].loss]
        who = f"all {len(networks)} networks" if len(networks) > 1 else networks[0]
        first = f"{found[0].loss} came closest to the target's sharpness, for {who}"
    else:
        first = f"No single loss came closest to the target's sharpness: it was {_listed(winners)}"
    return f"{first}{_price([answer.psnr for answer in found])}.{_second(found)}"


def _who(answer: Answer, found: list[Answer]) -> str:
    """Name a network, and its task where there are several."""
    several = len({other.task for other in found}) > 1
    return f"{answer.network} ({answer.task})" if several else answer.network


def _second(found: list[Answer]) -> str:
    """State which loss is sharpest at little cost, where that is another one."""
    if all(answer.cheap == answer.loss for answer in found):
        return ""
    cheap = _networks_of([(answer.cheap, _who(answer, found)) for answer in found])
    return f" Among the losses that give up at most {CHEAP} dB it was {_listed(cheap)}."


def _networks_of(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Group networks by loss, each network once."""
    return {loss: list(dict.fromkeys(net for other, net in pairs if other == loss)) for loss, _ in pairs}


def _listed(winners: dict[str, list[str]]) -> str:
    return ", ".join(f"{loss} for {' and '.join(networks)}" for loss, networks in winners.items())


def _counted(losses: list[str]) -> str:
    """Count how often each loss won, the most frequent first; the rare ones together."""
    counts = Counter(losses).most_common()
    common = [f"{loss} in {n}" for loss, n in counts[:MANY]]
    rest = sum(n for _, n in counts[MANY:])
    return ", ".join([*common, *([f"another one in {rest}"] if rest else [])])


def _price(changes: list[float]) -> str:
    low, high = min(changes), max(changes)
    if math.isnan(sum(changes)) or low == high == 0:
        return ""
    ends = dict.fromkeys([number("psnr", low, sign=True), number("psnr", high, sign=True)])
    return f"; against L1 that changed PSNR by {' to '.join(ends)} dB"


def control(numbers: pd.DataFrame) -> str:
    """State whether SPLoss with alpha 0 scored exactly as L1, which it must.

    Args:
        numbers: `tables.alpha_control(study)`.
    """
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
    fewest, most, steps = int(seeds.min()), int(seeds.max()), int(study.runs["step"].max())
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
            f"This is what {count(images, 'test image')}, {trained} and {steps:,} training steps show: "
            f"a comparison at one small, equal budget, not a replication of the papers' trainings. {unknown}",
            *left[:MANY],
            *([f"The tables name {count(len(left) - MANY, 'more measure')} with fewer images."] if left[MANY:] else []),
        ]
    )
