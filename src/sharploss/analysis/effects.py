"""How large a difference is beside its spread, how often it is for the better, and how surely it is none of chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharploss.analysis.measures import direction

Floats = npt.NDArray[np.float64]


class Effect(NamedTuple):
    """What a paired comparison shows beside its mean.

    Attributes:
        improvement: probability of improvement: the share of images and seeds whose score is better than the
            baseline's, equal ones counting half; 0.5 is no effect. (2 * improvement - 1 is Cliff's delta of the pairs.)
        effect: Cohen's d of paired samples (d_z): mean difference over its standard deviation across images, seeds
            averaged; signed as the difference is; NaN with one image, infinite where all differences are equal.
        p: two-sided p-value of the paired t-test across images, seeds averaged; NaN with one image.
    """

    improvement: float
    effect: float
    p: float


def effect(metric: str, values: Floats, baseline: Floats) -> Effect:
    """Describe a paired comparison.

    Args:
        metric: name, which tells what is better.
        values: (images, seeds), no NaN.
        baseline: the same shape.
    """
    images = (values - baseline).mean(axis=1)
    return Effect(improvement(metric, values, baseline), cohens_d(images), p_value(images))


def improvement(metric: str, values: Floats, baseline: Floats) -> float:
    """Give the share of pairs in which `values` is better than `baseline`; equal ones count half."""
    gain = badness(metric, baseline) - badness(metric, values)
    return float((gain > 0).mean() + (gain == 0).mean() / 2)


def badness(metric: str, values: Floats) -> Floats:
    """Turn values into numbers of which the smallest is best."""
    return {"higher": -values, "lower": values, "one": np.abs(values - 1)}[direction(metric)]


def cohens_d(differences: Floats) -> float:
    """Give mean over standard deviation (n - 1) of paired differences; NaN with fewer than two."""
    if len(differences) < 2:
        return math.nan
    mean, spread = float(differences.mean()), _spread(differences)
    return mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0


def p_value(differences: Floats) -> float:
    """Give the two-sided p-value of the one-sample t-test against zero; NaN with fewer than two numbers."""
    from scipy import special  # not scipy.stats, which takes a second to import

    if len(differences) < 2:
        return math.nan
    d = cohens_d(differences)
    return float(2 * special.stdtr(len(differences) - 1, -abs(d) * math.sqrt(len(differences))))


def _spread(differences: Floats) -> float:
    """Give the standard deviation; 0 where all numbers are equal, which rounding of their mean would hide."""
    return 0.0 if np.ptp(differences) == 0 else float(differences.std(ddof=1))


def holm(p: Floats) -> Floats:
    """Correct p-values for being tested together (Holm, Scandinavian Journal of Statistics 6, 1979).

    Args:
        p: (n,); NaN stands for what could not be tested and is not counted.

    Returns:
        (n,): a value below a level is significant at that level whatever else was tested.
    """
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0) if len(order) else []
    return adjusted
