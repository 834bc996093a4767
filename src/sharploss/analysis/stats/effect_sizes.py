"""How large a difference is beside its spread, how often it is for the better, and how surely it is none of chance."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sharploss.analysis.measures import Floats, badness
from sharploss.analysis.stats.smallest import SMALLEST
from sharploss.utils.optional import optional_package

LEVEL = 0.95  # nominal coverage of every interval


class Variance(NamedTuple):
    """A variance and its degrees of freedom; infinite ones: it is taken as known, and no data showed it."""

    value: float
    freedom: float


def combined(parts: Iterable[Variance]) -> Variance:
    """Add up independent variances; the degrees of freedom are Satterthwaite's (Biometrics Bulletin 2, 1946)."""
    known = [part for part in parts if part.value > 0]
    total = math.fsum(part.value for part in known)
    doubt = math.fsum(part.value**2 / part.freedom for part in known)
    return Variance(total, total**2 / doubt if doubt else math.inf)


def of_images(means: Floats) -> Variance:
    """Return the variance of a mean over images, (n,); of one image there is none: not a number."""
    if len(means) < 2:
        return Variance(math.nan, 0)
    spread = 0.0 if np.ptp(means) == 0 else float(means.var(ddof=1))  # rounding of the mean would hide a zero
    return Variance(spread / len(means), len(means) - 1)


def assumed(metric: str) -> Variance:
    """Return the variance of a training's score where no second seed shows it: (smallest effect / (3 sqrt 2)) squared.

    So the smallest effect is three standard deviations of the difference of two trainings.
    """
    return Variance(SMALLEST.get(metric, 0.0) ** 2 / 18, math.inf)


def of_seeds(trainings: Iterable[Variance]) -> Variance:
    """Add up what independent trainings contribute to a mean; with the fewest degrees of freedom of any of them."""
    parts = [part for part in trainings if part.value > 0]
    return Variance(math.fsum(part.value for part in parts), min((part.freedom for part in parts), default=math.inf))


def of_mean(images: Iterable[Variance], seeds: Variance) -> Variance:
    """Return the variance of a mean over the images of some sets, and over seeds.

    A single image, or a number of a whole set, has no spread: without seeds that were seen the variance is not known.
    """
    parts = [*images, seeds]
    seen = seeds.value > 0 and math.isfinite(seeds.freedom)
    return combined(parts) if seen or not any(math.isnan(part.value) for part in parts) else Variance(math.nan, 0)


def smallest(metric: str, seeds: Variance) -> float:
    """Return the smallest difference that counts: the floor, or three standard deviations that seeds show if larger."""
    shown = 3 * math.sqrt(seeds.value) if math.isfinite(seeds.freedom) else 0.0
    return max(SMALLEST.get(metric, 0.0), shown)


def ends(mean: float, variance: Variance) -> tuple[float, float]:
    """Return the ends of Student's 95 % interval; NaN where the variance is not known."""
    special = optional_package("scipy.special")  # not scipy.stats, which takes a second to import
    if math.isnan(variance.value):
        return math.nan, math.nan
    quantile = float(special.stdtrit(variance.freedom, (1 + LEVEL) / 2))
    reach = quantile * math.sqrt(variance.value)
    return mean - reach, mean + reach


def p_value(mean: float, variance: Variance) -> float:
    """Return the two-sided p-value of the same t-test against zero: an interval without zero stands beside p < 0.05.

    NaN where the variance is not known; differences without any spread are certain (0), or none (1).
    """
    special = optional_package("scipy.special")  # not scipy.stats, which takes a second to import
    if math.isnan(variance.value):
        return math.nan
    if not variance.value:
        return 0.0 if mean else 1.0
    return float(2 * special.stdtr(variance.freedom, -abs(mean) / math.sqrt(variance.value)))


def improvement(metric: str, values: Floats, baseline: Floats) -> float:
    """Return the share of pairs in which `values` is better than `baseline`; equal ones count half.

    It is the probability of improvement: 0.5 is no effect (2 * improvement - 1 is Cliff's delta of the pairs).
    """
    gain = badness(metric, baseline) - badness(metric, values)
    return float((gain > 0).mean() + (gain == 0).mean() / 2)


def cohens_d(differences: Floats) -> float:
    """Return mean over standard deviation (n - 1) of paired differences, (n,): d_z; NaN with fewer than two."""
    if len(differences) < 2:
        return math.nan
    mean, spread = float(differences.mean()), math.sqrt(of_images(differences).value * len(differences))
    return mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0


def holm(p: Floats) -> Floats:
    """Correct p-values (n,) for being tested together (Holm, Scand. J. of Statistics 6, 1979); NaN is not counted."""
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0) if len(order) else []
    return adjusted
