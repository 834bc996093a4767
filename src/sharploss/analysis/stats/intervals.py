"""Paired differences to the same network's baseline, with intervals over images and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from sharploss.analysis.measures import Floats, is_shown
from sharploss.analysis.stats import effect_sizes as effects
from sharploss.analysis.stats.effect_sizes import Variance
from sharploss.analysis.stats.smallest import counts
from sharploss.config.protocols import WHOLE_SET

FEW_IMAGES = 10
"""Below this many images an interval is flagged: it leans on differences being not too unlike a bell curve."""

TRAINED = ["task", "network", "recipe"]
"""What has one baseline: nothing is ever compared across tasks, networks or recipes."""

ROW = [*TRAINED, "loss"]  # what a row of a table stands for; its numbers are means over images and seeds
CELL = ["task", "network", "recipe", "loss", "dataset", "metric", "protocol"]
RESULTS = [
    "against", "baseline", "difference", "low", "high", "improvement", "effect", "p", "images", "seeds", "smallest",
    "spread",
]  # fmt: skip


def differences(
    scores: pd.DataFrame, baselines: Sequence[str], spreads: Mapping[tuple[str, ...], Variance]
) -> pd.DataFrame:
    """Compare every loss with the first of `baselines` that was trained alike, image by image and seed by seed.

    The squared standard error is var(image means) / images + var(seeds) / seeds: images and seeds are crossed, each
    image meets each seed. The variance of seeds is that of both sides' trainings, pooled (`spreads`:
    `evidence.seed_spreads`); where no second seed shows it, it is assumed. The 95 % interval is Student's t with
    Satterthwaite's degrees of freedom. One row per task, network, recipe, loss, dataset, metric and protocol: against
    (the baseline's name), baseline (its mean), difference (loss minus baseline, mean over images and seeds both have),
    low, high, improvement, effect (Cohen's d over images), p, images, seeds, smallest (the smallest difference that
    counts; infinite on sets where the metric does not), spread ("own": of these seeds and others, "borrowed": of others
    alone, "assumed"). Losses without a common image and seed have no row.
    """
    paired = pair(scores, baselines)
    return pd.DataFrame(_differences(paired, spreads) if len(paired) else [], columns=[*CELL, *RESULTS])


def pair(scores: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Join the score of the baseline of the same task, network, recipe, seed and image to every other loss's score."""
    chosen = base_losses(scores, baselines)
    scores = scores[np.isfinite(scores["value"])]  # of infinite PSNR there is no difference
    joined = scores.merge(chosen, on=TRAINED, how="inner")
    same = [*TRAINED, "seed", "dataset", "image", "metric", "protocol"]
    reference = joined.loc[joined["loss"] == joined["against"], [*same, "value"]].rename(columns={"value": "baseline"})
    paired = joined[joined["loss"] != joined["against"]].merge(reference, on=same, how="inner")
    return paired.assign(difference=paired["value"] - paired["baseline"])


def base_losses(scores: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Return the baseline of each task, network and recipe that has one: columns TRAINED and `against`."""
    found = scores.loc[scores["loss"].isin(baselines), [*TRAINED, "loss"]].drop_duplicates()
    order = found["loss"].map({name: place for place, name in enumerate(baselines)})
    first = found.assign(order=order).sort_values("order", kind="stable").drop_duplicates(TRAINED)
    return first[[*TRAINED, "loss"]].rename(columns={"loss": "against"})


def means(scores: pd.DataFrame) -> pd.DataFrame:
    """Average scores over images and seeds: one row per cell (`CELL`), with value and n, the number of images."""
    return scores.groupby(CELL, sort=False).agg(value=("value", "mean"), n=("image", "nunique")).reset_index()


class LeftOut(NamedTuple):
    """The images over which a measure's means are not taken."""

    kept: int  # how many images the means are over
    images: list[str]  # the others, on which some run has no finite score
    exact: dict[str, int]  # how many of them each row (network and loss) restored exactly, so that PSNR is infinite


def left_out(every: pd.DataFrame, shared: pd.DataFrame) -> dict[tuple[str, str, str, str], LeftOut]:
    """Find what means leave out: (task, dataset, metric, protocol) -> LeftOut, where some image is left out."""
    every, where = every[every["image"] != WHOLE_SET], ["task", "dataset", "metric", "protocol"]
    images = {key: set(part) for key, part in every.groupby(where[:2])["image"]}
    kept = {key: set(part) for key, part in shared.groupby(where)["image"]}
    found: dict[tuple[str, str, str, str], LeftOut] = {}
    for key, part in every.groupby(where, sort=False):
        place = cast("tuple[str, str, str, str]", key)
        tested, used = images[place[:2]], kept.get(key, set[str]())
        if tested - used:
            exact = part[np.isinf(part["value"])]
            names = (exact["network"] + " " + exact["loss"]).str.strip()
            counts = {str(name): int(n) for name, n in exact.groupby(names, sort=False)["image"].nunique().items()}
            found[place] = LeftOut(len(used), sorted(tested - used), counts)
    return found


def corrected(compared: pd.DataFrame) -> pd.DataFrame:
    """Add `p_holm`: the p-values of every table (a task and a test set) corrected together, after Holm.

    `compared` are rows of `differences` of one suite; those of measures that tables do not show are no tests (NaN).
    """
    shown = [is_shown(measure) for measure in zip(compared["metric"], compared["protocol"], strict=True)]
    tested = compared.assign(p_holm=compared["p"].where(np.array(shown, dtype=bool)))
    tables = tested.groupby(["task", "dataset"], sort=False)["p_holm"]
    return tested.assign(p_holm=tables.transform(lambda p: effects.holm(p.to_numpy(dtype=np.float64))))


def _differences(paired: pd.DataFrame, spreads: Mapping[tuple[str, ...], Variance]) -> list[list[object]]:
    # One pivot and plain arrays: pandas takes a millisecond for every small frame, and there are hundreds.
    index = [*CELL, "against"]
    tables = paired.pivot_table(index=[*index, "image"], columns="seed", values=["difference", "baseline"], sort=False)
    change, base = (tables[name].to_numpy(dtype=np.float64) for name in ("difference", "baseline"))
    places = tables.index.to_frame(index=False).groupby(index, sort=False).indices
    found: list[list[object]] = []
    for key, at in places.items():
        *cell, against = cast("tuple[str, ...]", key)
        sides = [tuple(cell), tuple(against if name == "loss" else of for name, of in zip(CELL, cell, strict=True))]
        found.append([*cell, against, *_difference(cell, change[at], base[at], [spreads.get(one) for one in sides])])
    return found


def _difference(cell: list[str], change: Floats, base: Floats, sides: list[Variance | None]) -> list[object]:
    """Return RESULTS from (images, seeds) differences and baselines, NaN where one of the two has no score."""
    seeds = ~np.isnan(change).all(axis=0)
    images = ~np.isnan(change[:, seeds]).any(axis=1)
    both, n = np.ix_(images, seeds), int(seeds.sum())
    mine, reference = change[both], base[both]
    metric, mean, means = cell[CELL.index("metric")], float(mine.mean()), mine.mean(axis=1)
    trainings = [side or effects.assumed(metric) for side in sides]
    of_trainings = effects.of_seeds(one._replace(value=one.value / n) for one in trainings)
    variance = effects.of_mean([effects.of_images(means)], of_trainings)
    better, effect = effects.improvement(metric, reference + mine, reference), effects.cohens_d(means)
    ends, p = effects.ends(mean, variance), effects.p_value(mean, variance)
    numbers = [float(reference.mean()), mean, *ends, better, effect, p]
    least = effects.smallest(metric, of_trainings) if counts(metric, cell[CELL.index("dataset")]) else np.inf
    return [*numbers, int(images.sum()), n, least, "assumed" if None in sides else "own" if n > 1 else "borrowed"]
