"""Lines in panels, with their intervals: sweeps of a weight, training curves, ranked variances."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from sharploss.analysis.plotting.style import GREY, Look, legend_below, log_scale, looks_of, panel_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES: list[Any] = ["-", (0, (3, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1))]
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
) -> Figure:
    """Draw a panel per group of lines, a colour and a marker per line.

    Args:
        lines: panel (its title), line (its name), x, y (means where an x has several, as of seeds); also low and high
            (a band around the line; NaN where there is none) and dash (what dash patterns tell), where wanted.
        x: label of the x axes.
        y: label of the y axes.
        columns: of panels, at most.
        log_x: whether the x axes are logarithmic.
        log_y: the panels whose y axis is logarithmic.
        zero: whether to draw a line at 0 in panels that are not logarithmic.
        levels: panel, line, y: values to draw a line across at, for comparison.
    """
    figure, panels = panel_figure(lines["panel"], columns, 1.75 if columns > 2 else 2.6)
    looks, dashes = looks_of(lines["line"]), _dashes(lines)
    across = {} if levels is None else dict(zip(dict.fromkeys(levels["line"]), LEVELS * len(levels), strict=False))
    for index, (title, axes) in enumerate(panels.items()):
        if levels is not None:
            for name, value in levels.loc[levels["panel"] == title, ["line", "y"]].itertuples(index=False):
                _level(axes, value, across[name])
        _draw(axes, lines[lines["panel"] == title], looks, dashes)
        if title in log_y:
            log_scale(axes)
        elif zero:
            axes.axhline(0, color="black", lw=0.9, zorder=1)
        if log_x:
            log_scale(axes, "x")
        axes.set(xlabel=x, ylabel=y if index % columns == 0 else "")
    told = {name: {"color": GREY, "ls": dash} for name, dash in dashes.items() if len(dashes) > 1}
    legend_below(figure, looks | told | across)
    return figure


def _dashes(lines: pd.DataFrame) -> dict[str, Any]:
    names = dict.fromkeys(lines["dash"]) if "dash" in lines else [""]
    return {name: DASHES[index % len(DASHES)] for index, name in enumerate(names)}


def _draw(axes: Axes, part: pd.DataFrame, looks: dict[str, Look], dashes: dict[str, Any]) -> None:
    part = part if "dash" in part else part.assign(dash="")
    for key, rows in part.groupby(["line", "dash"], sort=False):
        name, dash = map(str, key)  # pyright: ignore[reportArgumentType]
        line = rows[[key for key in ("y", "low", "high") if key in rows]].astype("float64").groupby(rows["x"]).mean()
        line = line.where(np.isfinite(line))
        xs, points = line.index.to_numpy(), max(1, len(line) // 6)
        if "low" in line:
            band = (line["low"].to_numpy(), line["high"].to_numpy())
            axes.fill_between(xs, *band, color=looks[name]["color"], alpha=0.15, lw=0)
        axes.plot(xs, line["y"].to_numpy(), lw=1.2, ms=4, markevery=points, ls=dashes[dash], **looks[name])


def _level(axes: Axes, value: float, look: Look) -> None:
    """Draw a line across, and make room for it: by itself it may come to lie on the edge of the axes."""
    axes.axhline(value, **look)
    axes.update_datalim([(axes.dataLim.x0, value)], updatex=False)
    axes.autoscale_view()
