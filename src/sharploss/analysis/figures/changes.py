"""What losses change: points with their intervals around no change, a row per loss, a panel per measure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.figures.style import colours, markers, new_figure
from sharploss.analysis.layout import records
from sharploss.analysis.measures import Measure, title

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETTER = {"higher": "better →", "lower": "← better", "one": ""}


def changes_figure(changes: pd.DataFrame, measures: list[Measure], against: str, gone: dict[str, str] | None = None) -> Figure:
    """Draw the changes.

    Args:
        changes: row (its label), series (a marker and a colour each), metric, protocol, difference, low, high (NaN
            where there is no interval).
        measures: the panels, in order.
        against: what the changes are measured against, for the axis.
        gone: rows without numbers, and why in a few words.
    """
    labels = [*dict.fromkeys(changes["row"]), *(gone or {})]
    series = list(dict.fromkeys(changes["series"]))
    figure = new_figure(min(7.0, 1.75 * len(measures) + 1.5), 0.105 * len(labels) * max(2, len(series)) + 1.0)
    panels = list(figure.subplots(1, len(measures), squeeze=False, sharey=True)[0])
    looks = {name: {"color": colour} for name, colour in colours(["l1", *series]).items()}
    shapes = markers(series)
    for measure, axes in zip(measures, panels, strict=True):
        part = changes[(changes["metric"] == measure[0]) & (changes["protocol"] == measure[1])]
        for row in records(part):
            name = row["series"]
            at = labels.index(row["row"]) + _shift(series.index(name), len(series))
            _point(axes, row, at, {**looks[name], "marker": shapes[name]})
        _finish(axes, measure, labels, against)
    for label, why in (gone or {}).items():
        panels[0].annotate(why, (0.02, labels.index(label)), xycoords=("axes fraction", "data"), fontsize=7, va="center", style="italic")
    if len(series) > 1:
        _legend(figure, series, looks, shapes)
    return figure


def _shift(index: int, count: int) -> float:
    """Give the place of a series within its row, which spans 0.6."""
    return 0.0 if count == 1 else -0.3 + 0.6 * index / (count - 1)


def _point(axes: Axes, row: dict[str, Any], at: float, look: dict[str, Any]) -> None:
    axes.plot([row["low"], row["high"]], [at, at], color=look["color"], lw=1.3, solid_capstyle="butt")
    axes.plot([row["difference"]], [at], ms=4.5, ls="", **look)


def _finish(axes: Axes, measure: Measure, labels: list[str], against: str) -> None:
    from matplotlib.ticker import MaxNLocator

    from sharploss.analysis.measures import direction

    axes.axvline(0, color="black", lw=0.9, zorder=1)
    axes.set_title(f"{title(measure)}\n{BETTER[direction(measure[0])]}", fontsize=8)
    axes.set_xlabel(f"change against {against}", fontsize=8)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="x", labelsize=7)


def _legend(figure: Figure, series: list[str], looks: dict[str, Any], shapes: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="", ms=5, marker=shapes[name], label=name, **looks[name]) for name in series]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(series)), frameon=False)
