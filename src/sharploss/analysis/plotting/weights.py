"""A term's weight against what it brings, with the loss without the term for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.measures import Measure, heading
from sharploss.analysis.plotting.style import WIDTH, legend_below, level, looks_of, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def weights_figure(sweeps: pd.DataFrame, measures: list[Measure], axis: str = "weight") -> Figure:
    """Draw a panel per measure, a line per sweep; the dashed line is the loss without the term.

    Args:
        sweeps: line (its name), metric, protocol, weight (above 0), value, low, high, against, baseline; lines with one
            baseline each, as `stats.weight_sweep` returns them for one task, network, recipe and test set.
        measures: the panels, in order.
        axis: what the weights are.
    """
    looks = looks_of(sweeps["line"])
    figure = new_figure(min(WIDTH, 2.3 * len(measures) + 0.2), 2.3)
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for measure, axes in zip(measures, panels, strict=True):
        part = sweeps[(sweeps["metric"] == measure[0]) & (sweeps["protocol"] == measure[1])]
        for name, line in part.groupby("line", sort=False):
            look, xs = looks[str(name)], line["weight"].to_numpy()
            band = (line["low"].to_numpy(), line["high"].to_numpy())
            axes.fill_between(xs, *band, color=look["color"], alpha=0.15, lw=0)
            axes.plot(xs, line["value"].to_numpy(), lw=1.3, ms=5, **look)
        for value in part.groupby("against")["baseline"].first():
            level(axes, float(value), color="black", ls="--", lw=1)
        axes.set_title(heading(measure), fontsize=8)
        axes.set(xscale="log", xlabel=axis)
        axes.tick_params(labelsize=7)
    without = " and ".join(dict.fromkeys(sweeps["against"]))
    legend_below(figure, looks | {without: {"color": "black", "ls": "--", "lw": 1}}, 3)
    return figure
