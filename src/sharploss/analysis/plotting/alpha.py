"""Every measure against SPLoss's alpha, with L1 and the unrestored image for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.measures import ALPHA, Measure, heading
from sharploss.analysis.plotting.style import (
    COLOURS,
    GREY,
    WIDTH,
    legend_below,
    level,
    looks_of,
    new_figure,
    panels_of,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def alpha_figure(levels: pd.DataFrame, measures: list[Measure]) -> Figure:
    """Draw a panel per measure.

    Args:
        levels: metric, protocol, alpha, value, low, high (the paired interval of the difference to L1, added to L1's
            value), l1, unrestored; one network, one test set.
        measures: the panels, in order.
    """
    columns = len(measures) if len(measures) <= 4 else min(4, -(-len(measures) // 2))
    rows = -(-len(measures) // columns)
    figure = new_figure(WIDTH / 4 * columns if columns > 1 else 3.4, 1.75 * rows + 0.4)
    panels = panels_of(figure, len(measures), columns)
    for measure, axes in zip(measures, panels, strict=True):
        _panel(axes, levels[(levels["metric"] == measure[0]) & (levels["protocol"] == measure[1])], measure)
    first = figure.axes[0].get_legend_handles_labels()
    figure.legend(*first, loc="outside lower center", ncols=4, frameon=False)
    return figure


def beside_figure(changes: pd.DataFrame, measures: list[Measure]) -> Figure:
    """Draw how every measure changes from alpha 0 on: measured and published in one panel.

    Args:
        changes: line (its name), metric, protocol, alpha, change, low, high (NaN where there is no interval, as of
            published numbers).
        measures: the panels, in order.
    """
    looks = looks_of(changes["line"])
    columns = min(4, len(measures))
    rows = -(-len(measures) // columns)
    figure = new_figure(WIDTH, 1.75 * rows + 0.25 + 0.2 * -(-len(looks) // 2))
    panels = panels_of(figure, len(measures), columns)
    for measure, axes in zip(measures, panels, strict=True):
        part = changes[(changes["metric"] == measure[0]) & (changes["protocol"] == measure[1])]
        axes.axhline(0, color="black", lw=0.9, zorder=1)
        for name, line in part.groupby("line", sort=False):
            look, xs = looks[str(name)], line["alpha"].to_numpy()
            axes.fill_between(
                xs, line["low"].to_numpy(), line["high"].to_numpy(), color=look["color"], alpha=0.15, lw=0
            )
            axes.plot(xs, line["change"].to_numpy(), lw=1.2, ms=4.5, **look)
        axes.set_title(heading(measure), fontsize=8)
        axes.set(xlabel=ALPHA, xticks=range(0, 11, 2))
        axes.tick_params(labelsize=7)
    panels[0].set_ylabel(f"change from {ALPHA} = 0", fontsize=8)
    legend_below(figure, looks, 3)
    return figure


def _panel(axes: Axes, part: pd.DataFrame, measure: Measure) -> None:
    axes.set_title(wrapped(heading(measure), 20), fontsize=8)
    axes.tick_params(labelsize=7)
    if part.empty:
        return
    band: dict[str, Any] = {"color": COLOURS[0], "alpha": 0.18, "lw": 0, "label": "95 % interval (paired)"}
    axes.fill_between(part["alpha"].to_numpy(), part["low"].to_numpy(), part["high"].to_numpy(), **band)
    axes.plot(part["alpha"].to_numpy(), part["value"].to_numpy(), color=COLOURS[0], marker="o", label="SPLoss")
    level(axes, part["l1"].iloc[0], color="black", ls="--", lw=1, label="L1")
    level(axes, part["unrestored"].iloc[0], color=GREY, ls=":", lw=1.2, label="unrestored")
    axes.set(xlabel=f"{ALPHA} (penalty)", ylabel="", xticks=range(0, int(part["alpha"].max()) + 1, 2))
