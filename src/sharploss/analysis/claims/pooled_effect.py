"""The mean of contrasts, over test sets or over all of a claim's cells, with its variance over images and seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sharploss.analysis.claims.contrasts import Contrast, Scored, Source
from sharploss.analysis.files import Effect
from sharploss.analysis.measures import Floats
from sharploss.analysis.stats.effect_sizes import Variance, assumed, ends, of_images, of_mean, of_seeds


class Estimate(NamedTuple):
    """A mean over contrasts, its variance, and the part of that which is of seeds."""

    mean: float
    variance: Variance
    seeds: Variance


def estimate(found: Sequence[tuple[Contrast, Scored]], source: Source) -> Estimate:
    """Average contrasts of one metric.

    They share images and seeds, so their errors do not cancel. Contrasts are added up image by image within each test
    set, whatever the task, network or loss (Set5 at x2 and at x4 is the same five images), before the variance over
    images is taken. What a training adds by chance it adds on every test set: its part is added up over all contrasts
    that it is in before it is squared. Its size is what seeds show (`evidence.seed_spreads`), or assumed.
    """
    mean, by_set = 0.0, dict[tuple[str, int], Floats]()
    trained, freedom = defaultdict[tuple[str, ...], float](float), math.inf
    for contrast, one in found:
        assert one.table is not None
        table = contrast.sense * one.table / len(found)
        mean += float(table.mean())
        images = _placed(table.mean(axis=1), one.places)
        key = contrast.cell.dataset, len(images)
        by_set[key] = by_set[key] + images if key in by_set else images
        for weight, cell in contrast.terms:
            if cell.network:
                spread = source.spreads.get(cell) or assumed(cell.metric)
                deviation = math.sqrt(spread.value / table.shape[1])
                trained[*cell[:3], cell.loss] += contrast.sense * weight * deviation / len(found)
                freedom = min(freedom, spread.freedom)
    seeds = of_seeds(Variance(part**2, freedom) for part in trained.values())
    return Estimate(mean, of_mean(map(of_images, by_set.values()), seeds), seeds)


def pooled(found: Sequence[tuple[Contrast, Scored]], source: Source, *, exact: bool) -> dict[str, Effect]:
    """Average the change of each metric over a claim's contrasts (`estimate`).

    Published numbers carry no spread: no interval. Nor is there one where a test set is a single image or number and no
    seeds were seen. Returns metric -> change (mean, in the metric's unit; + is up, whatever the claim says), low, high,
    smallest, largest (over contrasts), contrasts (how many).
    """
    by_metric = defaultdict[str, list[tuple[Contrast, Scored]]](list)
    for contrast, one in found:
        if one.table is not None:
            by_metric[contrast.cell.metric].append((contrast, one))
    return {metric: _effect(part, source, exact=exact) for metric, part in by_metric.items()}


def _effect(found: list[tuple[Contrast, Scored]], source: Source, *, exact: bool) -> Effect:
    changes = [contrast.sense * float(one.table.mean()) for contrast, one in found if one.table is not None]
    mean, variance, _ = estimate(found, source)
    low, high = (math.nan, math.nan) if exact else ends(mean, variance)
    numbers = {"change": mean, "low": low, "high": high, "smallest": min(changes), "largest": max(changes)}
    rounded = {name: None if math.isnan(value) else round(value, 9) for name, value in numbers.items()}
    return cast("Effect", {**rounded, "contrasts": len(found)})


def _placed(images: Floats, places: npt.NDArray[np.bool_]) -> Floats:
    """Put the values of a contrast where its images are among all of the test set, so that contrasts can be added up.

    An image without a value gets the mean of the others, whose spread is widened for what it does not add.
    """
    if len(images) in (1, len(places)):
        return images
    mean = images.mean()
    placed = np.full(len(places), mean)
    placed[places] = mean + (images - mean) * len(places) / len(images)
    return placed
