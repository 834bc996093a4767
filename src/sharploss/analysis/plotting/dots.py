"""Points with their intervals, a row per thing compared and a panel per measure."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from sharploss.analysis.measures import MINUS
from sharploss.analysis.plotting.style import Look, legend_below, looks_of, panel_figure, wrapped
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAR = "A change too far away to be drawn beside the others is written at the edge, with its interval."
"""For captions."""

TOO_FAR = 10
"""How many times as far as the median row a change or its interval reaches that is written instead of drawn."""

NAME = 26
"""Letters of a row's name in a line."""


def dots_figure(dots: pd.DataFrame, x: str, *, changes: bool = False, gone: dict[str, str] | None = None) -> Figure:
    """Draw a point on its interval for each row and series, rows from above in their order.

    Args:
        dots: panel (its title), row (its label), series (a marker and a colour each), value, low, high (NaN where
            there is no interval).
        x: label of the x axes.
        changes: whether the values are changes: there is a line at 0, and one that reaches much farther than the others
            of its panel is written at the edge.
        gone: rows without numbers, and why in a few words.
    """
    from matplotlib.ticker import MaxNLocator

    gone = gone or {}
    rows = list(dict.fromkeys([*map(str, dots["row"]), *gone]))
    looks = looks_of(dots["series"])
    labels = [wrapped(row, NAME) for row in rows]
    tall = max(1.2 + 0.8 * len(looks), 1.5 * max(label.count("\n") + 1 for label in labels))
    count, left = dots["panel"].nunique(), 0.08 * max(len(line) for label in labels for line in label.split("\n"))
    figure, panels = panel_figure(
        dots["panel"], min(4, count), 0.09 * (tall * len(rows) + 0.8) + 0.75, left, sharey=True
    )
    for title, axes in panels.items():
        part = dots[dots["panel"] == title]
        for row, far in zip(records(part), _far(part) if changes else [False] * len(part), strict=True):
            series = list(looks).index(row["series"])
            at = tall * rows.index(row["row"]) + series - (len(looks) - 1) / 2
            (_written if far else _point)(axes, row, at, looks[row["series"]])
        if changes:
            axes.axvline(0, color="black", lw=0.9, zorder=1)
        axes.set(xlabel=x, ylim=(tall * (len(rows) - 0.5) + 0.4, -tall / 2 - 0.4))
        axes.set_yticks([tall * at for at in range(len(rows))], labels)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    for row, why in gone.items():
        axes = next(iter(panels.values()))
        place: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "va": "center", "style": "italic"}
        axes.text(0.02, tall * rows.index(row), why, fontsize=7, **place)
    if len(looks) > 1:
        legend_below(figure, {name: {**look, "ls": ""} for name, look in looks.items()})
    return figure


def _far(part: pd.DataFrame) -> list[bool]:
    """Return which changes would squeeze all others of the panel into a line at zero."""
    reach = part[["value", "low", "high"]].abs().max(axis=1)
    near = reach[(reach > 0) & (reach < float("inf"))]
    return ((reach > TOO_FAR * near.median()) | (reach == float("inf"))).tolist()


def _written(axes: Axes, row: dict[str, Any], at: float, look: Look) -> None:
    """Mark a change at the edge that it lies beyond, and write it there."""
    right = row["value"] > 0
    interval = "" if isnan(row["low"]) else f" ({row['low']:.2g} to {row['high']:.2g})"
    text = f"{row['value']:+.2g}{interval}".replace("-", MINUS)
    edge = axes.get_yaxis_transform()
    axes.plot([float(right)], [at], ms=4.5, ls="", clip_on=False, transform=edge, **look)
    note: dict[str, Any] = {"fontsize": 7, "va": "center", "ha": "right" if right else "left"}
    axes.text(0.95 if right else 0.05, at, f"{text} →" if right else f"← {text}", transform=edge, **note)


def _point(axes: Axes, row: dict[str, Any], at: float, look: Look) -> None:
    axes.plot([row["low"], row["high"]], [at, at], color=look["color"], lw=1.3, solid_capstyle="butt")
    axes.plot([row["value"]], [at], ms=4.5, ls="", **look)
