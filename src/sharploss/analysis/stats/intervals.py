"""Paired differences to the same network's baseline, with intervals over images and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from sharploss.analysis.measures import is_shown
from sharploss.analysis.stats.effect_sizes import Effect, effect, holm, margins, standard_error
from sharploss.config.protocols import WHOLE_SET

if TYPE_CHECKING:
    import pandas as pd


Floats = npt.NDArray[np.float64]
RESAMPLES = 10_000
LEVEL = 0.95
"""Nominal coverage of every interval."""

FEW_IMAGES = 10
"""Below this many images an interval is flagged: it leans on differences being not too unlike a bell curve."""

TRAINED = ["task", "network", "recipe"]
"""What has one baseline: nothing is ever compared across tasks, networks or recipes."""

ROW = [*TRAINED, "loss"]
"""What a row of a table stands for; its numbers are means over images and seeds."""

CELL = ["task", "network", "recipe", "loss", "dataset", "metric", "protocol"]
RESULTS = ["against", "baseline", "difference", "low", "high", *Effect._fields, "images", "seeds"]


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Floats) -> Interval:
    """Estimate the interval of a mean over images and seeds.

    With one seed: the wider, at each end, of Student's t interval and of a percentile bootstrap over images. The
    bootstrap alone cannot leave the range of the images (with 4 of them it holds the true mean of normal data 7 times
    in 8, not 19 in 20), while Student's t alone does not see skewness. So an interval never excludes zero where the
    t-test's p (`effect_sizes.p_value`) is above 1 - level.

    With several seeds: Student's t interval for crossed images and seeds (`effect_sizes.standard_error`), since three
    seeds are too few to be drawn from.

    Args:
        values: (images, seeds) or (images,), one difference each, no NaN.

    Returns:
        mean, low, high, in the unit of `values`. With one image and one seed low and high are NaN: one number has
        no spread. With one image and several seeds they are about seeds alone.
    """
    mean, (images, seeds) = float(values.mean()), margins(values)
    error, freedom = standard_error(images, seeds)
    if not freedom:
        return Interval(mean, float("nan"), float("nan"))
    drawn = _weights(len(images)) @ images if len(seeds) == 1 else None
    return Interval(mean, *widest(mean, error, freedom, drawn))


def widest(mean: float, error: float, freedom: int, drawn: Floats | None = None) -> tuple[float, float]:
    """Return low and high: Student's t interval, widened to the bootstrap's where that reaches further.

    Args:
        mean: the estimate.
        error: its standard error.
        freedom: degrees of freedom of the error, at least 1.
        drawn: resampled means, (resamples,), if any.
    """
    from scipy import special  # not scipy.stats, which takes a second to import

    reach = float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * error
    low, high = mean - reach, mean + reach
    if drawn is not None:
        cut = tail(freedom + 1)
        ends = np.quantile(drawn, [cut, 1 - cut])
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    return low, high


@cache
def _weights(n: int) -> Floats:
    """Return how often each of n items is drawn, as shares, for every resample: (RESAMPLES, n)."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES) / n


@cache
def tail(n: int) -> float:
    """Return the probability that a percentile interval over n images cuts off at each end.

    It is smaller than (1 - LEVEL) / 2 for small n (the "expanded percentile" interval: Hesterberg, What teachers should
    know about the bootstrap, The American Statistician 69(4), 2015), since the plain interval is too narrow by
    sqrt(n/(n-1)) and ignores Student's t.
    """
    from scipy import special  # not scipy.stats, which takes a second to import

    if n < 2:
        return (1 - LEVEL) / 2
    return float(special.ndtr(-np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + LEVEL) / 2)))


def differences(scores: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Compare every loss with the first of `baselines` that was trained alike, image by image and seed by seed.

    Returns:
        One row per task, network, recipe, loss, dataset, metric and protocol: against (the baseline's name), baseline
        (its mean), difference (loss minus baseline, mean over images and seeds both have), low, high, improvement,
        effect, p (`effect_sizes.Effect`), images, seeds. Losses without a common image and seed have no row.
    """
    import pandas as pd

    paired = pair(scores, baselines)
    return pd.DataFrame(_differences(paired) if len(paired) else [], columns=[*CELL, *RESULTS])


def pair(scores: pd.DataFrame, baselines: Sequence[str]) -> pd.DataFrame:
    """Join the baseline's score of the same task, network, recipe, seed and image to every other loss's score.

    Returns:
        The rows of `scores` that have a counterpart, with the columns `against`, `baseline` and `difference`.
    """
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
    """The images over which a measure's means are not taken.

    Attributes:
        kept: how many images the means are over.
        images: the others, on which some run has no finite score.
        exact: how many of them each row (network and loss) restored exactly, so that PSNR is infinite.
    """

    kept: int
    images: list[str]
    exact: dict[str, int]


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

    Args:
        compared: rows of `differences` of one suite. Those of measures that tables do not show (`measures.is_shown`:
            PSNR and SSIM under further protocols, say) are no tests of the table; their `p_holm` is NaN.
    """
    shown = [is_shown(measure) for measure in zip(compared["metric"], compared["protocol"], strict=True)]
    tested = compared.assign(p_holm=compared["p"].where(np.array(shown, dtype=bool)))
    tables = tested.groupby(["task", "dataset"], sort=False)["p_holm"]
    return tested.assign(p_holm=tables.transform(lambda p: holm(p.to_numpy(dtype=np.float64))))


def _differences(paired: pd.DataFrame) -> list[list[object]]:
    # One pivot and plain arrays: pandas takes a millisecond for every small frame, and there are hundreds.
    index = [*CELL, "against"]
    tables = paired.pivot_table(index=[*index, "image"], columns="seed", values=["difference", "baseline"], sort=False)
    change, base = (tables[name].to_numpy(dtype=np.float64) for name in ("difference", "baseline"))
    places = tables.index.to_frame(index=False).groupby(index, sort=False).indices
    return [_difference(list(cast("tuple[str, ...]", key)), change[at], base[at]) for key, at in places.items()]


def _difference(key: list[str], change: Floats, base: Floats) -> list[object]:
    """Return a row from (images, seeds) differences and baselines, NaN where one of the two has no score."""
    seeds = ~np.isnan(change).all(axis=0)
    images = ~np.isnan(change[:, seeds]).any(axis=1)
    both = np.ix_(images, seeds)
    mine, reference = change[both], base[both]
    found = effect(key[CELL.index("metric")], reference + mine, reference)
    return [*key, float(reference.mean()), *mean_interval(mine), *found, int(images.sum()), int(seeds.sum())]
