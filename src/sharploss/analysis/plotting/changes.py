"""What losses change: points with their intervals around no change, a row per loss, a panel per measure."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from sharploss.analysis.measures import MINUS, Measure, title
from sharploss.analysis.plotting.style import WIDTH, Look, legend_below, looks_of, new_figure
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAR = "A change too far away to be drawn beside the others is written at the edge, with its interval."
"""For captions."""

TOO_FAR = 10
"""How many times as far as the median row a change or its interval reaches that is written instead of drawn."""

BETTER = {"higher": "better →", "lower": "← better", "one": ""}


def changes_figure(
    changes: pd.DataFrame, measures: list[Measure], against: str, gone: dict[str, str] | None = None
) -> Figure:
    """Draw the changes; one that reaches much farther than the others of its panel is written at the edge.

    Args:
        changes: row (its label), series (a marker and a colour each), metric, protocol, difference, low, high (NaN
            where there is no interval).
        measures: the panels, in order.
        against: what the changes are measured against, for the axis.
        gone: rows without numbers, and why in a few words.
    """
    places = _places(changes, list(gone or {}))
    looks = looks_of(changes["series"])
    several = len(looks) > 1
    height = 0.125 * (max(places.values()) + 1) + 0.75 + 0.2 * several * -(-len(looks) // 4)
    figure = new_figure(min(WIDTH, 1.75 * len(measures) + 1.5), height)
    panels = list(figure.subplots(1, len(measures), squeeze=False, sharey=True)[0])
    for measure, axes in zip(measures, panels, strict=True):
        part = changes[(changes["metric"] == measure[0]) & (changes["protocol"] == measure[1])]
        for row, beyond in zip(records(part), _far(part), strict=True):
            (_written if beyond else _point)(axes, row, places[row["row"], row["series"]], looks[row["series"]])
        _finish(axes, measure, places, against)
    for label, why in (gone or {}).items():
        look: dict[str, Any] = {"fontsize": 7, "va": "center", "style": "italic"}
        panels[0].annotate(why, (0.02, places[label, ""]), xycoords=("axes fraction", "data"), **look)
    if several:
        legend_below(figure, {name: {**look, "ls": ""} for name, look in looks.items()})
    return figure


def _places(changes: pd.DataFrame, gone: list[str]) -> dict[tuple[str, str], float]:
    """Return for each row and series a place from above, with a gap between rows."""
    pairs = list(dict.fromkeys(zip(changes["row"], changes["series"], strict=True)))
    rows = list(dict.fromkeys(row for row, _ in pairs))
    places: dict[tuple[str, str], float] = {}
    for row in [*rows, *gone]:
        start = max(places.values(), default=-1.6) + 1.6
        mine = [pair for pair in pairs if pair[0] == row] or [(row, "")]
        places |= {pair: start + index for index, pair in enumerate(mine)}
    return places


def _far(part: pd.DataFrame) -> list[bool]:
    """Return which changes would squeeze all others of the panel into a line at zero."""
    reach = part[["difference", "low", "high"]].abs().max(axis=1)
    return (reach > TOO_FAR * reach[reach > 0].median()).tolist()


def _written(axes: Axes, row: dict[str, Any], at: float, look: Look) -> None:
    """Mark a change at the edge that it lies beyond, and write it there."""
    right = row["difference"] > 0
    interval = "" if isnan(row["low"]) else f" ({row['low']:.2g} to {row['high']:.2g})"
    text = f"{row['difference']:+.2g}{interval}".replace("-", MINUS)
    axes.plot([float(right)], [at], ms=4.5, ls="", clip_on=False, transform=axes.get_yaxis_transform(), **look)
    note: dict[str, Any] = {"fontsize": 7, "va": "center", "ha": "right" if right else "left"}
    axes.annotate(
        f"{text} →" if right else f"← {text}",
        (float(right), at),
        xycoords=axes.get_yaxis_transform(),
        xytext=(-5 if right else 5, 0),
        textcoords="offset points",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3},
        **note,
    )


def _point(axes: Axes, row: dict[str, Any], at: float, look: Look) -> None:
    axes.plot([row["low"], row["high"]], [at, at], color=look["color"], lw=1.3, solid_capstyle="butt")
    axes.plot([row["difference"]], [at], ms=4.5, ls="", **look)


def _finish(axes: Axes, measure: Measure, places: dict[tuple[str, str], float], against: str) -> None:
    from textwrap import fill

    from matplotlib.ticker import MaxNLocator

    from sharploss.analysis.measures import direction

    axes.axvline(0, color="black", lw=0.9, zorder=1)
    axes.set_title(f"{fill(title(measure), 20)}\n{BETTER[direction(measure[0])]}".strip(), fontsize=8)
    axes.set_xlabel(f"change against {against}", fontsize=8)
    rows = {row: [place for (label, _), place in places.items() if label == row] for row, _ in places}
    axes.set_yticks([sum(at) / len(at) for at in rows.values()], list(rows))
    axes.set_ylim(max(places.values()) + 0.9, -0.9)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="x", labelsize=7)
