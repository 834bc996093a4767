"""Mean ranks of losses with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.figures.style import colours, new_figure
from sharploss.analysis.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def ranks_figure(ranked: pd.DataFrame) -> Figure:
    """Draw a panel per scope, losses down in the order of the first panel; to the left is better.

    Args:
        ranked: panel (its title), loss, rank, low, high.
    """
    panels = list(dict.fromkeys(ranked["panel"]))
    losses = list(dict.fromkeys(ranked["loss"]))
    palette = colours(losses)
    figure = new_figure(2.0 * len(panels) + 1.0, 0.24 * len(losses) + 1.1)
    places = {loss: place for place, loss in enumerate(losses)}
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], strict=True):
        for row in records(ranked[ranked["panel"] == panel]):
            at, colour = places[row["loss"]], palette[row["loss"]]
            axes.plot([row["low"], row["high"]], [at, at], color=colour, lw=1.6, solid_capstyle="butt")
            axes.plot([row["rank"]], [at], color=colour, marker="o", ms=5)
        axes.set(title=panel, xlabel="mean rank", yticks=range(len(losses)), yticklabels=losses)
        axes.set_ylim(len(losses) - 0.5, -0.5)
    return figure
