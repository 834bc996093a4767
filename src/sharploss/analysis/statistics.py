"""Paired differences to the same network's baseline, with bootstrap intervals over images and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sharploss.analysis.effects import Effect, effect, holm

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
RESAMPLES = 10_000
FEW_IMAGES = 10
"""Below this many images an interval is flagged: it says little more than the range of the images."""

TRAINED = ["task", "network", "recipe"]
"""What has one baseline: nothing is ever compared across tasks, networks or recipes."""

CELL = ["task", "network", "recipe", "loss", "dataset", "metric", "protocol"]
BASELINES = ("l1", "mprnet_original", "esrgan")
"""Losses that others are compared with: of each task, network and recipe the first one that was trained."""

RESULTS = ["against", "baseline", "difference", "low", "high", *Effect._fields, "images", "seeds"]


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


def differences(scores: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> pd.DataFrame:
    """Compare every loss with the baseline of the same network and recipe, image by image and seed by seed.

    Args:
        scores: Study.scores.
        baselines: the losses that the others are compared with: the first one that was trained.

    Returns:
        One row per task, network, recipe, loss, dataset, metric and protocol: against (the baseline's name), baseline
        (its mean), difference (loss minus baseline, mean over images and seeds both have), low, high, improvement,
        effect, p (`effects.Effect`), images, seeds. Losses without a common image and seed have no row.
    """
    import pandas as pd

    paired = pair(scores, baselines)
    rows = _differences(paired) if len(paired) else []
    return pd.DataFrame(rows, columns=[*CELL, *RESULTS])


def pair(scores: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> pd.DataFrame:
    """Put the baseline's score of the same task, network, recipe, seed and image beside every other loss's score.

    Returns:
        The rows of `scores` that have a counterpart, with the columns `against`, `baseline` and `difference`.
    """
    chosen = base_losses(scores, baselines)
    joined = scores.merge(chosen, on=TRAINED, how="inner")
    same = [*TRAINED, "seed", "dataset", "image", "metric", "protocol"]
    reference = joined.loc[joined["loss"] == joined["against"], [*same, "value"]].rename(columns={"value": "baseline"})
    paired = joined[joined["loss"] != joined["against"]].merge(reference, on=same, how="inner")
    return paired.assign(difference=paired["value"] - paired["baseline"])


def base_losses(scores: pd.DataFrame, baselines: Sequence[str] = BASELINES) -> pd.DataFrame:
    """Give the baseline of each task, network and recipe that has one: columns TRAINED and `against`."""
    found = scores.loc[scores["loss"].isin(baselines), [*TRAINED, "loss"]].drop_duplicates()
    order = found["loss"].map({name: place for place, name in enumerate(baselines)})
    first = found.assign(order=order).sort_values("order", kind="stable").drop_duplicates(TRAINED)
    return first[[*TRAINED, "loss"]].rename(columns={"loss": "against"})


def corrected(compared: pd.DataFrame) -> pd.DataFrame:
    """Add `p_holm`: the p-values of every table (a task and a test set) corrected together, after Holm.

    Args:
        compared: rows of `differences` that are shown, and so tested, together.
    """
    tables = compared.groupby(["task", "dataset"], sort=False)["p"]
    return compared.assign(p_holm=tables.transform(lambda p: holm(p.to_numpy(dtype=np.float64))))


def _differences(paired: pd.DataFrame) -> list[list[object]]:
    # One pivot and plain arrays: pandas takes a millisecond for every small frame, and there are hundreds.
    index = [*CELL, "against"]
    tables = paired.pivot_table(index=[*index, "image"], columns="seed", values=["difference", "baseline"], sort=False)
    change, base = (tables[name].to_numpy(dtype=np.float64) for name in ("difference", "baseline"))
    places = tables.index.to_frame(index=False).groupby(index, sort=False).indices
    return [_difference(list(cast("tuple[str, ...]", key)), change[at], base[at]) for key, at in places.items()]


def _difference(key: list[str], change: Floats, base: Floats) -> list[object]:
    """Give a row from (images, seeds) differences and baselines, NaN where one of the two has no score."""
    seeds = ~np.isnan(change).all(axis=0)
    images = ~np.isnan(change[:, seeds]).any(axis=1)
    both = np.ix_(images, seeds)
    mine, reference = change[both], base[both]
    found = effect(key[CELL.index("metric")], reference + mine, reference)
    return [*key, float(reference.mean()), *bootstrap_mean(mine), *found, int(images.sum()), int(seeds.sum())]
