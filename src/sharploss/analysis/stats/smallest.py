"""The smallest effects that count, and where a metric counts at all: the one table of docs/study.md."""

from __future__ import annotations

from collections.abc import Mapping

from sharploss.analysis.measures import is_better

BETTER, WORSE, EQUAL, OPEN = "better", "worse", "equal", "open"

SMALLEST = {"psnr": 0.03, "ssim": 0.001, "lpips": 0.003, "gradient_variance_ratio": 0.01, "niqe": 0.1}
"""Differences of a mean below these count for nothing, in the metric's unit; other metrics have no such floor."""

COUNTED_ON = {"niqe": ("b100", "urban100")}
"""The test sets that are large enough for a metric; other metrics count on every set."""

LEAST_GAIN = 0.3  # mean PSNR in dB that a run must gain over its input to count


def counts(metric: str, dataset: str) -> bool:
    """Return whether a metric counts on a test set."""
    return dataset in COUNTED_ON.get(metric, (dataset,))


def state(metric: str, row: Mapping[str, float], other: float) -> str:
    """Return BETTER or WORSE where a difference from `other` is sure and large enough, EQUAL where surely not."""
    low, high, least = row["low"], row["high"], row["smallest"]
    if (low > 0 or high < 0) and abs(row["difference"]) >= least:
        return BETTER if is_better(metric, other + row["difference"], other) else WORSE
    return EQUAL if low >= -least and high <= least else OPEN
