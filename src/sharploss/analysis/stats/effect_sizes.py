"""How large a difference is beside its spread, how often it is for the better, and how surely it is none of chance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sharploss.analysis.measures import badness

Floats = npt.NDArray[np.float64]


class Effect(NamedTuple):
    """What a paired comparison shows beside its mean.

    Attributes:
        improvement: probability of improvement: the share of images and seeds whose score is better than the
            baseline's, equal ones counting half; 0.5 is no effect. (2 * improvement - 1 is Cliff's delta of the pairs.)
        effect: Cohen's d of paired samples (d_z): mean difference over its standard deviation across images, seeds
            averaged; signed as the difference is; NaN with one image, infinite where all differences are equal.
        p: two-sided p-value of the paired t-test across images, and across seeds where there are several
            (`p_value`); NaN with one image and one seed.
    """

    improvement: float
    effect: float
    p: float


def effect(metric: str, values: Floats, baseline: Floats) -> Effect:
    """Describe a paired comparison by a metric, whose direction says what is better: (images, seeds) each, no NaN."""
    change = values - baseline
    return Effect(improvement(metric, values, baseline), cohens_d(change.mean(axis=1)), p_value(change))


def improvement(metric: str, values: Floats, baseline: Floats) -> float:
    """Return the share of pairs in which `values` is better than `baseline`; equal ones count half."""
    gain = badness(metric, baseline) - badness(metric, values)
    return float((gain > 0).mean() + (gain == 0).mean() / 2)


def cohens_d(differences: Floats) -> float:
    """Return mean over standard deviation (n - 1) of paired differences; NaN with fewer than two."""
    if len(differences) < 2:
        return math.nan
    mean, spread = float(differences.mean()), _spread(differences)
    return mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0


def p_value(differences: Floats) -> float:
    """Return the two-sided p-value of the t-test of a mean against zero.

    With one seed it is the one-sample t-test across images; with several, seeds count too (`standard_error`).

    Args:
        differences: (images, seeds) or (images,), no NaN.

    Returns:
        p; NaN with one image and one seed. Differences without any spread are certain (0), or none (1).
    """
    from scipy import special  # not scipy.stats, which takes a second to import

    mean, (error, freedom) = float(differences.mean()), standard_error(*margins(differences))
    if not freedom:
        return math.nan
    if not error:
        return 0.0 if mean else 1.0
    return float(2 * special.stdtr(freedom, -abs(mean) / error))


def margins(values: Floats) -> tuple[Floats, Floats]:
    """Return the means of every image, (images,), and of every seed, (seeds,), of (images, seeds) or (images,)."""
    table = values.reshape(len(values), -1)
    return table.mean(axis=1), table.mean(axis=0)


def standard_error(*parts: Floats) -> tuple[float, int]:
    """Return the standard error of a mean whose images and seeds were both drawn by chance, and its degrees of freedom.

    Squared, it is var(image means) / images + var(seed means) / seeds: images and seeds are crossed, each image meets
    each seed, so that neither can be averaged away before the test. It is the variance for two-way clusters without the
    part that both count (Cameron, Gelbach and Miller, Journal of Business & Economic Statistics 29(2), 2011): what is
    left of image and seed together counts twice, so that it errs on the large side. As there, Student's t has one
    degree of freedom less than there are clusters of the rarer kind. With one seed it is the standard error of a mean
    over images.

    Args:
        parts: means along each way of sampling, (n,). A part of one number has no spread and is left
            out: with one seed the error is that over images alone, with one image that over seeds alone.

    Returns:
        standard error, degrees of freedom; NaN and 0 where nothing was drawn twice.
    """
    drawn = [part for part in parts if len(part) > 1]
    if not drawn:
        return math.nan, 0
    return math.sqrt(sum(_spread(part) ** 2 / len(part) for part in drawn)), min(map(len, drawn)) - 1


def _spread(differences: Floats) -> float:
    """Return the standard deviation; 0 where all numbers are equal, which rounding of their mean would hide."""
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
