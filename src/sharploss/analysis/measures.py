"""How a measure (a metric under a protocol) is titled, rounded and ordered in tables and figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.load import Study

Measure = tuple[str, str]

MINUS, TIMES, ALPHA = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}", "\N{GREEK SMALL LETTER ALPHA}"

METRIC_INFO: dict[str, dict[str, str]] = {
    "psnr": {"title": "PSNR", "direction": "higher"},
    "ssim": {"title": "SSIM", "direction": "higher"},
    "lpips": {"title": "LPIPS", "direction": "lower"},
    "niqe": {"title": "NIQE", "direction": "lower"},
    "gradient_variance_ratio": {"title": "Gradient-variance ratio", "direction": "one"},
    "blurred_edge_share": {"title": "Blurred-edge share", "direction": "lower"},
}
DEFAULT_PROTOCOL = {"lpips": "alex_v0.1", "niqe": "y"}
DECIMALS = {"psnr": 2, "ssim": 4, "lpips": 4}
UNITS = {"psnr": "dB"}
ARROWS = {"higher": "↑", "lower": "↓", "one": "→1"}
PROTOCOL_TITLES = {"y": "Y", "rgb": "RGB", "grey": "grey", "alex_v0.1": "Alex v0.1"}


def measures_of(study: Study) -> list[Measure]:
    """List the study's measures, known metrics first in their fixed order, those not measured included."""
    found = list(dict.fromkeys(zip(study.scores["metric"], study.scores["protocol"], strict=True)))
    found += [(metric, DEFAULT_PROTOCOL.get(metric, "")) for metric in study.not_measured]
    order = list(METRIC_INFO)
    return sorted(found, key=lambda measure: order.index(measure[0]) if measure[0] in order else len(order))


def metric_title(metric: str) -> str:
    """Give a metric's name as readers know it."""
    return METRIC_INFO[metric]["title"] if metric in METRIC_INFO else metric


def title(measure: Measure) -> str:
    """Give a measure's name with its protocol, as "PSNR Y"."""
    metric, protocol = measure
    return f"{metric_title(metric)} {PROTOCOL_TITLES.get(protocol, protocol)}".strip()


def heading(measure: Measure) -> str:
    """Give a measure's column heading: name, protocol, unit and which way is better ("→1": the closer to 1)."""
    unit = UNITS.get(measure[0])
    return f"{title(measure)}{f' ({unit})' if unit else ''} {ARROWS[direction(measure[0])]}"


def direction(metric: str) -> str:
    """Give "higher", "lower" or "one": what is better; an unknown metric counts as "higher"."""
    return METRIC_INFO[metric]["direction"] if metric in METRIC_INFO else "higher"


def column(measure: Measure) -> str:
    """Give a measure's name in files: "psnr_y"; dots become underscores, which DVC reads as nesting."""
    return "_".join(part for part in measure if part).replace(".", "_")


def number(metric: str, value: float, *, sign: bool = False) -> str:
    """Round a value as its metric is usually printed, with a true minus sign."""
    text = f"{value:{'+' if sign else ''}.{DECIMALS.get(metric, 3)}f}"
    return text.replace("-", MINUS)


def badness(metric: str, values: pd.Series[float]) -> pd.Series[float]:
    """Turn values into numbers of which the smallest is best."""
    return {"higher": -values, "lower": values, "one": (values - 1).abs()}[direction(metric)]


def is_better(metric: str, value: float, other: float) -> bool:
    """Say whether `value` is strictly better than `other`."""
    sense = direction(metric)
    if sense == "one":
        return abs(value - 1) < abs(other - 1)
    return value > other if sense == "higher" else value < other
