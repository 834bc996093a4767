"""Changes with their intervals, a row per thing compared and a panel per measure."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sharploss.analysis.plotting.style import LineStyle, legend_below, line_styles, panel_figure, widen, wrapped
from sharploss.analysis.tables.layout import records

TOO_FAR = 10
"""How many times as far as the median row's a change or its interval may reach; what is farther is marked there."""

NAME = 26  # letters of a row's name in a line


def dots_figure(dots: pd.DataFrame, x: str) -> Figure:
    """Draw a point on its interval for each row and series, rows from above in their order, and a line at 0.

    `dots`: panel (its title), row (its label), series (a marker and a colour each), value, low, high (NaN where there
    is no interval); where wanted, least (the panel's smallest effect, a grey band, in which points are hollow).
    """
    rows, looks = list(dict.fromkeys(map(str, dots["row"]))), line_styles(dots["series"])
    labels = [wrapped(row, NAME) for row in rows]
    tall = max(1.2 + 0.8 * len(looks), 1.5 * max(label.count("\n") + 1 for label in labels))
    count, left = dots["panel"].nunique(), 0.08 * max(len(line) for label in labels for line in label.split("\n"))
    height = 0.09 * (tall * len(rows) + 0.8) + 0.75
    figure, panels = panel_figure(dots["panel"], min(4, count), height, left, sharey=True)
    for title, axes in panels.items():
        part = dots[dots["panel"] == title]
        least = float(part["least"].min()) if "least" in part else 0.0
        for row in records(_within_reach(part)):
            look, series = looks[row["series"]], list(looks).index(row["series"])
            at = tall * rows.index(str(row["row"])) + series - (len(looks) - 1) / 2
            axes.plot([row["low"], row["high"]], [at, at], color=look["color"], lw=1.3, solid_capstyle="butt")
            hollow: LineStyle = {"mfc": "white"} if -least <= row["low"] and row["high"] <= least else {}
            axes.plot([row["value"]], [at], ms=4.5, ls="", **(look | hollow))
        axes.axvline(0, color="black", lw=0.9, zorder=1)
        axes.axvspan(-least, least, color="#dddddd", lw=0, zorder=0.5)
        widen(axes, 6 * least, "x")
        axes.set(xlabel=x, ylim=(tall * (len(rows) - 0.5) + 0.4, -tall / 2 - 0.4))
        axes.set_yticks([tall * at for at in range(len(rows))], labels)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    if len(looks) > 1:
        legend_below(figure, {name: {**look, "ls": ""} for name, look in looks.items()})
    return figure


def _within_reach(part: pd.DataFrame) -> pd.DataFrame:
    """Move to the end of the axis what would squeeze all other changes of a panel into a line at zero."""
    columns = ["value", "low", "high"]
    changes = part[columns].astype("float64")
    reach = changes.abs().max(axis=1)
    limit = TOO_FAR * reach[(reach > 0) & (reach < float("inf"))].median()
    part = part.copy()
    part[columns] = changes.clip(-limit, limit)
    return part
