"""What a loss buys against what it costs: SPLoss's curve, and labelled points that keep clear of each other."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sharploss.analysis.plotting.style import COLOURS, MUTED, new_figure, spread, wrapped
from sharploss.analysis.tables.layout import records

SIZE = (5.4, 4.5)  # inches: read at 560 pixels, and on a telephone at 350
ROOM = 0.3  # how much of an axis's span a reference may add to it; one farther off is named at the edge
REACHES = (8, 13, 19, 26, 36, 48, 62, 80, 100, 125, 155, 190)  # pixels between a point and its label that are tried
NEAR = 9  # pixels within which points share a label
WRAP = 24  # letters of a label's line


class Label(NamedTuple):
    """A text at a point (in the axes' units)."""

    text: str
    x: float
    y: float
    colour: str = "black"


def tradeoff_figure(
    points: pd.DataFrame, x: str, y: str, least: tuple[float, float], aside: dict[str, tuple[float, float]]
) -> Figure:
    """Draw losses as points, those with an alpha as a curve, what is equal to the first of the curve hollow.

    `points`: label, alpha (NaN beside the curve, which begins with the baseline), x, y, their intervals x_low, x_high,
    y_low, y_high, tie (equal to the baseline in both) and undecided (drawn grey).
    No axis shows less than six of `least`, the smallest effects in x and y, and the grey box reaches as far.
    `aside` are references by name, (x, y), which set no axis.
    """
    figure = new_figure(*SIZE)
    axes = figure.subplots()
    axes.set_xlabel(x, fontsize=11)
    axes.set_ylabel(y, fontsize=11)
    axes.tick_params(labelsize=10)
    curve = points[points["alpha"].notna()].sort_values("alpha", kind="stable")
    axes.set(xlim=_limits(points["x"], least[0], aside, 0), ylim=_limits(points["y"], least[1], aside, 1))
    for row in records(curve[:1]):
        corner = (row["x"] - least[0], row["y"] - least[1])
        axes.add_patch(Rectangle(corner, 2 * least[0], 2 * least[1], color="#dddddd", lw=0, zorder=0.5))
    axes.hlines(points["y"], points["x_low"], points["x_high"], color="#bbbbbb", lw=1)
    axes.vlines(points["x"], points["y_low"], points["y_high"], color="#bbbbbb", lw=1)
    axes.plot(curve["x"], curve["y"], color=COLOURS[0], lw=2, marker="o", ms=6, zorder=4)
    for row in records(points[points["alpha"].isna()]):
        fill = "white" if row["tie"] else "#aaaaaa" if row.get("undecided") else "black"
        axes.plot(row["x"], row["y"], "D", ms=6, mec="black", mfc=fill, mew=1.1, zorder=3)
    labels = [*_groups(axes, points[points["alpha"].isna()]), *(_edge(axes, name, at) for name, at in aside.items())]
    labels += [Label(row["label"], row["x"], row["y"], COLOURS[0]) for row in records(curve)]
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # the axes stay where labels were placed in them
    _place(axes, labels, points, curve)
    axes.annotate("", (0.03, 0.13), (0.09, 0.03), "axes fraction", arrowprops={"arrowstyle": "->", "color": MUTED})
    axes.text(0.1, 0.03, "better", fontsize=10, color=MUTED, transform=axes.transAxes)
    return figure


def _limits(
    values: pd.Series[float], least: float, aside: dict[str, tuple[float, float]], which: int
) -> tuple[float, float]:
    """Return the ends of an axis: of the losses, and of the references that are near enough."""
    known = values[np.isfinite(values.astype(float))]
    low, high = spread(float(known.min()), float(known.max()), 6 * least) if len(known) else (0.0, 1.0)
    room = ROOM * (high - low)
    near = [at[which] for at in aside.values() if low - room <= at[which] <= high + room]
    return spread(min([low, *near]), max([high, *near]), 6 * least, 0.08)


def _edge(axes: Axes, name: str, at: tuple[float, float]) -> Label:
    """Draw a reference where it is, or an arrow at the edge that it lies beyond, with its values."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    x, y = float(np.clip(at[0], left, right)), float(np.clip(at[1], low, high))
    if (x, y) == at:
        axes.plot(x, y, "s", ms=7, color=MUTED, zorder=3)
        return Label(name, x, y, MUTED)
    marker = ">" if at[0] > right else "<" if at[0] < left else "v" if at[1] < low else "^"
    axes.plot(x, y, marker, ms=9, color=MUTED, clip_on=False, zorder=5)
    return Label(f"{name}, off the axes:\n{at[1]:.2f} dB, {at[0]:.3f}", x, y, MUTED)


def _groups(axes: Axes, points: pd.DataFrame) -> list[Label]:
    """Return a label for each point, one for those that lie on each other, and one for all that are equal to L1."""
    groups, place = list[list[dict[str, Any]]](), axes.transData.transform
    for row in records(points):
        at = place((row["x"], row["y"]))
        alike = [group for group in groups if group[0]["tie"] == row["tie"]]
        near = [
            group for group in alike if any(np.hypot(*(at - place((other["x"], other["y"])))) < NEAR for other in group)
        ]
        mine = alike if row["tie"] else near
        if mine:
            mine[0].append(row)
        else:
            groups.append([row])
    labels = list[Label]()
    for group in groups:
        names = ", ".join(str(row["label"]).replace(" ", "\N{NO-BREAK SPACE}") for row in group)
        text = f"equal to L1: {names}" if group[0]["tie"] else names
        labels.append(Label(wrapped(text, WRAP), group[0]["x"], group[0]["y"]))
    return labels


def _place(axes: Axes, labels: list[Label], points: pd.DataFrame, curve: pd.DataFrame) -> None:
    """Write each label, the longest first, as near to its point as it covers no point, curve or other label."""
    to_pixels, scale = axes.transData.transform, 72 / axes.figure.dpi
    corners = curve[["x", "y"]].to_numpy(dtype=np.float64)
    along = [np.linspace(one, other, 12) for one, other in pairwise(corners)]
    dots = to_pixels(np.concatenate([points[["x", "y"]].to_numpy(dtype=np.float64), *along]))
    page = axes.get_window_extent()
    boxes = np.array([[page.x0, page.y0, page.x0 + page.width / 4, page.y0 + page.height / 7]])  # what says "better"
    for label in sorted(labels, key=lambda label: -len(label.text)):
        trial = axes.text(0, 0, label.text, fontsize=10)
        half = np.array([trial.get_window_extent().width, trial.get_window_extent().height]) / 2
        trial.remove()
        here, best = to_pixels((label.x, label.y)), (np.inf, 0.0, np.zeros(2))
        for reach, angle in product(REACHES, np.linspace(0, 2 * np.pi, 24, endpoint=False)):
            middle = here + (reach + half) * [np.cos(angle), np.sin(angle)]
            low, high = middle - half - 2, middle + half + 2
            out = max(page.x0 - low[0], high[0] - page.x1, page.y0 - low[1], high[1] - page.y1) > 0
            hits = int(((dots > low - 4) & (dots < high + 4)).all(axis=1).sum())
            over = int(((low < boxes[:, 2:]) & (high > boxes[:, :2])).all(axis=1).sum())
            cost = reach / 2 + 1000 * (out + over) + 60 * hits
            if cost < best[0]:
                best = (cost, float(reach), middle)
        boxes = np.vstack([boxes, [*(best[2] - half), *(best[2] + half)]])
        look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "zorder": 6}
        edge = np.clip(here, best[2] - half, best[2] + half)  # of the text: the line begins there
        line = {"arrowstyle": "-", "lw": 0.7, "color": label.colour, "shrinkA": 0, "shrinkB": 3}
        axes.annotate("", (label.x, label.y), xytext=tuple((edge - here) * scale), arrowprops=line, **look)
        look |= {"fontsize": 10, "color": label.colour}
        axes.annotate(label.text, (label.x, label.y), xytext=tuple((best[2] - here) * scale), **look)
