"""Matrices of cells: how often each loss beats its baseline, and every claim at a glance."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sharploss.analysis.plotting.style import WIDTH, legend_below, new_figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LUMINANCE, DARK = (0.2126, 0.7152, 0.0722), 0.5
"""Of R, G and B in how light a colour is, and below which text on it is white."""

VERDICTS = {
    "supported": ("+", "#0072b2"),
    "contradicted": ("\N{MULTIPLICATION SIGN}", "#d55e00"),
    "undecided": ("?", "#cccccc"),
    "not testable": ("", "#f4f4f4"),
}
"""Signs tell the same as colours: blue and vermilion of Okabe and Ito, and greys."""


def claims_figure(rows: pd.DataFrame) -> Figure:
    """Draw a column per claim, grouped by paper, with a cell for the published evidence and one for the measured.

    `rows` have claim, paper, side ("published" or "measured"), verdict (a key of VERDICTS).
    """
    from matplotlib.colors import ListedColormap

    rows = rows.assign(name=rows["paper"] + " " + rows["claim"], code=rows["verdict"].map(list(VERDICTS).index))
    codes = rows.pivot_table(index="side", columns="name", values="code", sort=False)
    figure, signs = new_figure(WIDTH, 1.7), [sign for sign, _ in VERDICTS.values()]
    colours = ListedColormap([colour for _, colour in VERDICTS.values()])
    axes = _cells(figure, codes, lambda code: signs[int(code)], 8, cmap=colours, vmin=-0.5, vmax=len(VERDICTS) - 0.5)
    axes.set_xticks([at + 0.5 for at in range(codes.shape[1])], [wrapped(str(name), 16) for name in codes], rotation=90)
    axes.set_yticks([0.5 + at for at in range(len(codes))], list(map(str, codes.index)))
    square = {"ls": "", "ms": 8, "marker": "s"}
    legend_below(figure, {f"{w} ({s})" if s else w: {**square, "color": c} for w, (s, c) in VERDICTS.items()})
    return figure


def scoreboard_figure(board: pd.DataFrame) -> Figure:
    """Draw a row per loss and a column per measure; cells say in how many per cent of pairs it is better.

    Args:
        board: loss, measure (its title), share (0 to 1; 0.5 is no effect), cells (how many task-network-set cells stand
            behind it); losses and measures in the order shown.
    """
    share = 100 * board.pivot_table(index="loss", columns="measure", values="share", sort=False)
    cells = board.groupby("loss")["cells"].max()
    labels = [wrapped(f"{loss} ({cells[loss]:g})", 34) for loss in share.index]
    height = sum(label.count("\n") + 1 for label in labels)
    figure = new_figure(min(WIDTH, 0.4 * share.shape[1] + 3.8), 0.2 * height + 1.6)
    axes = _cells(figure, share, "{:.0f}".format, 7, cmap="PuOr", vmin=0, vmax=100)
    axes.set_yticks([at + 0.5 for at in range(len(labels))], labels)
    axes.xaxis.tick_top()
    places = [at + 0.5 for at in range(share.shape[1])]
    axes.set_xticks(places, list(map(str, share)), rotation=40, ha="left", rotation_mode="anchor")
    return figure


def _cells(figure: Figure, values: pd.DataFrame, text: Callable[[float], str], size: float, **look: Any) -> Axes:
    """Colour a cell per value of a frame, with a text on it; one without a value stays empty."""
    axes, numbers = figure.subplots(), np.ma.masked_invalid(values.to_numpy(dtype=np.float64))
    mesh = axes.pcolormesh(numbers, edgecolor="white", linewidth=1, **look)
    for (row, column), value in np.ndenumerate(numbers):
        if np.isfinite(value):
            ink = "white" if np.dot(mesh.to_rgba(value)[:3], LUMINANCE) < DARK else "black"
            axes.text(column + 0.5, row + 0.5, text(value), color=ink, fontsize=size, ha="center", va="center")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return axes
