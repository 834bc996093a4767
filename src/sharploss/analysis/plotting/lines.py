"""Lines and points in panels: sweeps of a weight, leads while training, ranked variances, trade-offs."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from sharploss.analysis.plotting.style import GREY, Look, legend_below, log_scale, looks_of, panel_figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEVELS: list[Look] = [{"color": "black", "ls": "--", "lw": 1}, {"color": GREY, "ls": ":", "lw": 1.3}]


def lines_figure(
    lines: pd.DataFrame,
    x: str,
    y: str = "",
    *,
    columns: int = 4,
    log_x: bool = False,
    log_y: Collection[str] = (),
    zero: bool = False,
    levels: pd.DataFrame | None = None,
    notes: dict[str, str] | None = None,
) -> Figure:
    """Draw a panel per group of lines, a colour and a marker per line.

    Args:
        lines: panel (its title), line (its name; points joined in the order of the rows), x, y (means where an x has
            several, as of seeds); also low and high (a band around the line; NaN where there is none), where wanted.
        x: label of the x axes.
        y: label of the y axes.
        columns: of panels, at most.
        log_x: whether the x axes are logarithmic.
        log_y: the panels whose y axis is logarithmic.
        zero: whether to draw a line at 0 in panels that are not logarithmic.
        levels: panel, line, y: values to draw a line across at, for comparison.
        notes: panel -> what cannot be drawn beside the others, in words; a panel may have nothing else.
    """
    figure, panels = panel_figure([*lines["panel"], *(notes or {})], columns, 1.75 if columns > 2 else 2.9)
    looks = looks_of(lines["line"])
    across = {} if levels is None else dict(zip(dict.fromkeys(levels["line"]), LEVELS * len(levels), strict=False))
    for index, (title, axes) in enumerate(panels.items()):
        if levels is not None:
            for name, value in levels.loc[levels["panel"] == title, ["line", "y"]].itertuples(index=False):
                _level(axes, value, across[name])
        _draw(axes, lines[lines["panel"] == title], looks)
        if title in log_y:
            log_scale(axes)
        elif zero:
            axes.axhline(0, color="black", lw=0.9, zorder=1)
        if log_x:
            log_scale(axes, "x")
        note = wrapped((notes or {}).get(title, ""), 40)
        axes.set(xlabel=f"{x}\n{note}".strip(), ylabel=y if index % columns == 0 else "")
    legend_below(figure, looks | across)
    return figure


def _draw(axes: Axes, part: pd.DataFrame, looks: dict[str, Look]) -> None:
    for name, rows in part.groupby("line", sort=False):
        numbers = rows[[key for key in ("y", "low", "high") if key in rows]].astype("float64")
        line = numbers.groupby(rows["x"], sort=False).mean()
        line = line.where(np.isfinite(line))
        xs, points = line.index.to_numpy(), max(1, len(line) // 6)
        if "low" in line:
            band = (line["low"].to_numpy(), line["high"].to_numpy())
            axes.fill_between(xs, *band, color=looks[str(name)]["color"], alpha=0.15, lw=0)
        size = 4 if len(line) > 1 else 6
        axes.plot(xs, line["y"].to_numpy(), lw=1.2, ms=size, markevery=points, **looks[str(name)])


def _level(axes: Axes, value: float, look: Look) -> None:
    """Draw a line across, and make room for it: by itself it may come to lie on the edge of the axes."""
    axes.axhline(value, **look)
    axes.update_datalim([(axes.dataLim.x0, value)], updatex=False)
    axes.autoscale_view()
