"""The smallest effects that count, and where a metric counts at all: the one table of docs/study.md."""

from __future__ import annotations

SMALLEST = {"psnr": 0.03, "ssim": 0.001, "lpips": 0.003, "gradient_variance_ratio": 0.01, "niqe": 0.1}
"""Differences of a mean below these count for nothing, in the metric's unit; other metrics have no such floor."""

COUNTED_ON = {"niqe": ("b100", "urban100")}
"""The test sets that are large enough for a metric; other metrics count on every set."""

LEAST_GAIN = 0.3  # mean PSNR in dB that a run must gain over its input to count


def counts(metric: str, dataset: str) -> bool:
    """Return whether a metric counts on a test set."""
    return dataset in COUNTED_ON.get(metric, (dataset,))
