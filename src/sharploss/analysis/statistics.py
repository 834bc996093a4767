"""Paired differences to the same network's L1, with bootstrap intervals over images and seeds."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
RESAMPLES = 10_000
FEW_IMAGES = 10
"""Below this many images an interval is flagged: it says little more than the range of the images."""

CELL = ["task", "network", "loss", "dataset", "metric", "protocol"]


class Interval(NamedTuple):
    """A mean and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Floats, level: float = 0.95, seed: int = 0) -> Interval:
    """Estimate the interval of a mean by resampling images and seeds.

    Percentile bootstrap, images and seeds drawn independently with replacement (crossed), widened for small samples
    (the "expanded percentile" interval: Hesterberg, What teachers should know about the bootstrap, The American
    Statistician 69(4), 2015), since the plain percentile interval is too narrow by sqrt(n/(n-1)) and ignores
    Student's t. With 4 images it spans nearly all resampled means, which is as it should be.

    Args:
        values: (images, seeds) or (images,), one difference each, no NaN.
        level: nominal coverage.
        seed: of the resampling; equal inputs give equal intervals.

    Returns:
        mean, low, high, in the unit of `values`. With one image and one seed low and high are NaN: one number has
        no spread.
    """
    table = values.reshape(len(values), -1)
    images, seeds = table.shape
    if table.size == 1:
        return Interval(float(table.mean()), float("nan"), float("nan"))
    by_image, by_seed = _weights(images, seed), _weights(seeds, seed + 1)
    means = np.einsum("bi,is,bs->b", by_image, table, by_seed, optimize=True)
    tail = _tail(images, level)
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(table.mean()), float(low), float(high))


@cache
def _weights(n: int, seed: int) -> Floats:
    """Give how often each of n items is drawn, as shares, for every resample: (RESAMPLES, n)."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n


@cache
def _tail(n: int, level: float) -> float:
    """Give the probability cut off at each end: smaller than (1 - level) / 2 for small n (Hesterberg 2015)."""
    from scipy import special  # not scipy.stats, which takes a second to import

    if n < 2:
        return (1 - level) / 2
    return float(special.ndtr(-np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + level) / 2)))


def differences(scores: pd.DataFrame, baseline: str = "l1") -> pd.DataFrame:
    """Compare every loss with the same network's baseline, image by image and seed by seed.

    Args:
        scores: Study.scores.
        baseline: the loss that the others are compared with.

    Returns:
        One row per task, network, loss, dataset, metric and protocol: baseline (its mean), difference (loss minus
        baseline, mean over images and seeds both have), low, high, images, seeds. Losses without a common image and
        seed have no row.
    """
    import pandas as pd

    paired = pair(scores, baseline)
    rows = _differences(paired) if len(paired) else []
    return pd.DataFrame(rows, columns=[*CELL, "baseline", "difference", "low", "high", "images", "seeds"])


def pair(scores: pd.DataFrame, baseline: str = "l1") -> pd.DataFrame:
    """Put the baseline's score of the same task, network, seed and image beside every other loss's score.

    Returns:
        The rows of `scores` that have a counterpart, with the columns `baseline` and `difference`.
    """
    same = ["task", "network", "seed", "dataset", "image", "metric", "protocol"]
    reference = scores.loc[scores["loss"] == baseline, [*same, "value"]].rename(columns={"value": "baseline"})
    paired = scores[scores["loss"] != baseline].merge(reference, on=same, how="inner")
    return paired.assign(difference=paired["value"] - paired["baseline"])


def _differences(paired: pd.DataFrame) -> list[list[object]]:
    # One pivot and plain arrays: pandas takes a millisecond for every small frame, and there are hundreds.
    tables = paired.pivot_table(index=[*CELL, "image"], columns="seed", values=["difference", "baseline"], sort=False)
    change, base = (tables[name].to_numpy(dtype=np.float64) for name in ("difference", "baseline"))
    places = tables.index.to_frame(index=False).groupby(CELL, sort=False).indices
    return [_difference(list(cast("tuple[str, ...]", key)), change[at], base[at]) for key, at in places.items()]


def _difference(key: list[str], change: Floats, base: Floats) -> list[object]:
    """Give a row from (images, seeds) differences and baselines, NaN where one of the two has no score."""
    seeds = ~np.isnan(change).all(axis=0)
    images = ~np.isnan(change[:, seeds]).any(axis=1)
    both = np.ix_(images, seeds)
    return [*key, float(base[both].mean()), *bootstrap_mean(change[both]), int(images.sum()), int(seeds.sum())]
