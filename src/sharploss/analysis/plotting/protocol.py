"""The same networks measured on two versions of a test set: what the protocol does to the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import GREY, WIDTH, new_figure
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION = "#0072b2", "#d55e00"


def protocol_figure(pairs: pd.DataFrame, names: tuple[str, str]) -> Figure:
    """Draw a panel per test set and a row per loss: PSNR both ways, joined, with the difference in words.

    Args:
        pairs: dataset, loss, usual, other (PSNR in dB under both protocols).
        names: what the two protocols are called.
    """
    sets, losses = list(dict.fromkeys(pairs["dataset"])), list(dict.fromkeys(pairs["loss"]))
    figure = new_figure(min(WIDTH, 3.1 * len(sets) + 0.8), 0.34 * len(losses) + 1.05)
    panels = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
    for dataset, axes in zip(sets, panels, strict=True):
        _panel(axes, pairs[pairs["dataset"] == dataset], losses)
        axes.set_title(dataset)
    handles = [axes_line for axes_line in panels[0].get_lines() if axes_line.get_marker() in ("o", "s")][:2]
    figure.legend(handles, names, loc="outside lower center", ncols=2, frameon=False)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, losses: list[str]) -> None:
    for row in records(part):
        at = losses.index(row["loss"])
        axes.plot([row["usual"]], [at], "o", color=BLUE, ms=6)
        axes.plot([row["other"]], [at], "s", color=VERMILION, ms=6)
        axes.plot([row["usual"], row["other"]], [at, at], color=GREY, lw=1, zorder=1)
        text = f"{row['other'] - row['usual']:+.2f} dB".replace("-", "\N{MINUS SIGN}")
        middle = (row["usual"] + row["other"]) / 2
        axes.annotate(text, (middle, at), xytext=(0, 5.5), textcoords="offset points", ha="center", fontsize=7.5)
    axes.set_yticks(range(len(losses)), losses)
    axes.set_ylim(len(losses) - 0.5, -0.6)
    axes.margins(x=0.12)
    axes.set_xlabel("PSNR Y (dB)")
