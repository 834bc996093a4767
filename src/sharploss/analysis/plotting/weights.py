"""A term's weight against what it brings, with the loss without the term for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.measures import ALPHA, Measure, heading
from sharploss.analysis.plotting.style import WIDTH, colours, legend_below, level, markers, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def weights_figure(searches: pd.DataFrame, measures: list[Measure]) -> Figure:
    """Draw a panel per measure, a line per search; the dashed line is the loss without the term.

    Args:
        searches: line (its name), metric, protocol, weight (above 0; of the line "sploss" its alpha), value, low, high,
            against, baseline; lines with one baseline each, as `searches.weight_searches` gives them for one task,
            network, recipe and test set.
        measures: the panels, in order.
    """
    names = list(dict.fromkeys(searches["line"]))
    palette, shapes = colours(["l1", *names]), markers(names)
    figure = new_figure(min(WIDTH, 2.3 * len(measures) + 0.2), 2.3)
    panels = figure.subplots(1, len(measures), squeeze=False)[0]
    for measure, axes in zip(measures, panels, strict=True):
        part = searches[(searches["metric"] == measure[0]) & (searches["protocol"] == measure[1])]
        for name in names:
            look: dict[str, Any] = {"color": palette[name], "marker": shapes[name]}
            _line(axes, part[part["line"] == name], look)
        for against, value in part.groupby("against")["baseline"].first().items():
            level(axes, float(value), color="black", ls="--", lw=1, label=str(against))
        axes.set_title(heading(measure), fontsize=8)
        axes.set(xscale="log", xlabel=f"weight ({ALPHA} of SPLoss)" if "sploss" in names else "weight")
        axes.tick_params(labelsize=7)
    legend_below(figure, palette, shapes, " and ".join(dict.fromkeys(searches["against"])))
    return figure


def _line(axes: Axes, part: pd.DataFrame, look: dict[str, Any]) -> None:
    xs = part["weight"].to_numpy()
    band: dict[str, Any] = {"color": look["color"], "alpha": 0.15, "lw": 0}
    axes.fill_between(xs, part["low"].to_numpy(), part["high"].to_numpy(), **band)
    axes.plot(xs, part["value"].to_numpy(), lw=1.3, ms=5, **look)
