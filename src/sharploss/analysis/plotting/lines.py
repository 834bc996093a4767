"""Lines in panels: sweeps of a weight, ranked variances; and gains against the budget."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sharploss.analysis.plotting import style
from sharploss.analysis.plotting.style import LineStyle
from sharploss.analysis.stats.smallest import SMALLEST

LEVELS: list[LineStyle] = [{"color": "black", "ls": "--", "lw": 1}, {"color": style.MUTED, "ls": ":", "lw": 1.3}]


def lines_figure(
    lines: pd.DataFrame,
    x: str,
    y: str = "",
    *,
    columns: int = 4,
    log_x: bool = False,
    log_y: Collection[str] = (),
    levels: pd.DataFrame | None = None,
    least: dict[str, float] | None = None,
    reference: str = "",
) -> Figure:
    """Draw a panel of at most `columns` across per group of lines, a colour and a marker per line.

    `lines`: panel (its title), line (its name; points joined in the order of the rows), x, y (means where an x has
    several, as of seeds); also low and high (a band around the line; NaN where there is none), where wanted. `log_y`
    names the panels whose y axis is logarithmic. `levels`: panel, line, y: values to draw a line across at; one far off
    is named at the edge. `least`: panel -> the smallest effect, a grey band about the first level. `reference`: the
    line that is black.
    """
    figure, panels = style.panel_figure(lines["panel"], columns, 1.75 if columns > 2 else 2.9)
    looks = style.line_styles(lines["line"], reference)
    across = {} if levels is None else dict(zip(dict.fromkeys(levels["line"]), LEVELS * len(levels), strict=False))
    for index, (title, axes) in enumerate(panels.items()):
        _draw(axes, lines[lines["panel"] == title], looks)
        middles, notes = list[float](), [x]
        if levels is not None:
            ends = axes.get_ylim()
            for name, value in levels.loc[levels["panel"] == title, ["line", "y"]].itertuples(index=False):
                notes.append(_level(axes, str(name), value, across[name], ends))
                middles.append(value)
        effect = (least or {}).get(title, 0.0)
        if effect and middles:
            axes.axhspan(middles[0] - effect, middles[0] + effect, color="#dddddd", lw=0, zorder=0.5)
            style.widen(axes, 6 * effect)
        if title in log_y:
            style.log_scale(axes)
        if log_x:
            style.log_scale(axes, "x")
        axes.set(xlabel="\n".join(filter(None, notes)), ylabel=y if index % columns == 0 else "")
    style.legend_below(figure, looks | across)
    return figure


def _draw(axes: Axes, part: pd.DataFrame, looks: dict[str, LineStyle]) -> None:
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


def _level(axes: Axes, name: str, value: float, look: LineStyle, ends: tuple[float, float]) -> str:
    """Draw a line across, with room for it; return in words what lies more than half an axis beyond its `ends`."""
    half = (ends[1] - ends[0]) / 2
    if not ends[0] - half <= value <= ends[1] + half:
        arrow = "\N{DOWNWARDS ARROW}" if value < ends[0] else "\N{UPWARDS ARROW}"
        return f"{name}: {value:.4g} {arrow}" if np.isfinite(value) else ""
    axes.axhline(value, **look)
    axes.update_datalim([(axes.dataLim.x0, value)], updatex=False)
    axes.autoscale_view()
    return ""


def budget_figure(courses: pd.DataFrame, ends: pd.DataFrame, y: str, reference: str = "") -> Figure:
    """Draw gains against steps: a thin line for each training, and a mark where it ends, joined over the budgets.

    `courses`: line (the loss), training, x (steps), y. `ends`: line, x, y, tie (hollow: equal to the
    reference, whose line is black).
    """
    figure, looks = style.new_figure(style.WIDTH, 3.2), style.line_styles(ends["line"], reference)
    axes = figure.subplots()
    for key, part in courses.groupby(["line", "training"], sort=False):
        colour = looks[str(key[0])]["color"]  # pyright: ignore[reportIndexIssue]
        axes.plot(part["x"], part["y"], color=colour, lw=0.9, alpha=0.6)
    for line, part in ends.groupby("line", sort=False):
        look = looks[str(line)]
        axes.plot(part["x"], part["y"], color=look["color"], lw=1.4, ls="--")
        for tie, marks in part.groupby("tie"):
            hollow: LineStyle = {"mfc": "white"} if tie else {}
            axes.plot(marks["x"], marks["y"], ls="", ms=6, **(look | hollow))
    axes.set(xlabel="steps", ylabel=y)
    style.log_scale(axes, "x")
    drawn = np.concatenate([courses["y"].to_numpy(dtype=np.float64), ends["y"].to_numpy(dtype=np.float64)])
    axes.set_ylim(style.spread(max(0.0, float(drawn.min())), float(drawn.max()), 6 * SMALLEST["psnr"], 0.05))
    style.legend_below(figure, looks)
    return figure
