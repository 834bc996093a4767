"""How a measure (a metric under a protocol) is titled, rounded and ordered in tables and figures."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from sharploss.config.protocols import MAIN, METRIC_INFO, PROTOCOLS

Floats = npt.NDArray[np.float64]
Measure = tuple[str, str]
Values = TypeVar("Values", float, "npt.NDArray[np.float64]", "pd.Series[float]")

MINUS, TIMES, ALPHA = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{GREEK SMALL LETTER ALPHA}"

SHOWN = (
    "psnr", "ssim", "ms_ssim", "lpips", "niqe", "fid", "gradient_variance_ratio", "blurred_edge_share", "overshoot"
)  # fmt: skip
"""The metrics that tables show; csv files hold all."""

ARROWS = {"higher": "↑", "lower": "↓", "one": "→1"}


def fidelity(protocols: Iterable[str]) -> Measure:
    """Return the PSNR that stands for fidelity, of the protocols that something is measured under."""
    found = set(protocols)
    return ("psnr", next((protocol for protocol in MAIN if protocol in found), MAIN[0]))


def default_protocol(metric: str) -> str:
    """Return the name of the protocol that a metric would have been measured under."""
    return METRIC_INFO[metric]["protocols"][0] if metric in METRIC_INFO else ""


def is_shown(measure: Measure) -> bool:
    """Return whether tables show a measure: of PSNR and SSIM one protocol counts, of the others all."""
    metric, protocol = measure
    known = metric in SHOWN or metric not in METRIC_INFO
    return known and (metric not in ("psnr", "ssim") or protocol in MAIN)


def metric_title(metric: str) -> str:
    """Return a metric's name as readers know it."""
    return METRIC_INFO[metric]["title"] if metric in METRIC_INFO else metric


def title(measure: Measure) -> str:
    """Return a measure's name with its protocol, as "PSNR Y"."""
    metric, protocol = measure
    name = PROTOCOLS[protocol]["title"] if protocol in PROTOCOLS else protocol
    return f"{metric_title(metric)} {name}".strip()


def heading(measure: Measure) -> str:
    """Return a measure's column heading: name, protocol, unit and which way is better ("→1": the closer to 1)."""
    unit = METRIC_INFO[measure[0]]["unit"] if measure[0] in METRIC_INFO else ""
    return f"{title(measure)}{f' ({unit})' if unit else ''} {ARROWS[direction(measure[0])]}"


def direction(metric: str) -> str:
    """Return "higher", "lower" or "one": what is better; an unknown metric counts as "higher"."""
    return METRIC_INFO[metric]["direction"] if metric in METRIC_INFO else "higher"


def column(measure: Measure) -> str:
    """Return a measure's name in files: "psnr_y"; dots become underscores, which DVC reads as nesting."""
    return "_".join(part for part in measure if part).replace(".", "_")


def number(metric: str, value: float, *, sign: bool = False) -> str:
    """Return a value rounded as its metric is usually printed, with a true minus sign; "∞" for an infinite one."""
    if math.isinf(value):
        return "∞"
    decimals = METRIC_INFO[metric]["decimals"] if metric in METRIC_INFO else 3
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return text.replace("-", MINUS)


def interval(metric: str, mean: float, low: float | None, high: float | None) -> str:
    """Return a difference with its 95 % interval, "+0.12 [+0.03, +0.20]"; without one where it has none (NaN, None)."""
    ends = [number(metric, end, sign=True) for end in (low, high) if end is not None and not math.isnan(end)]
    return number(metric, mean, sign=True) + (f" [{', '.join(ends)}]" if ends else "")


def badness(metric: str, values: Values) -> Values:
    """Return numbers of which the smallest is best: for a single value, an array or a column."""
    found = {"higher": -values, "lower": values, "one": abs(values - 1)}[direction(metric)]
    return cast("Values", found)


def is_better(metric: str, value: float, other: float) -> bool:
    """Return whether `value` is strictly better than `other`."""
    return badness(metric, value) < badness(metric, other)
