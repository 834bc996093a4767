"""Mean ranks of losses with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import looks_of, new_figure, panels_of
from sharploss.analysis.tables.layout import records

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
    looks = looks_of(losses)
    columns = min(4, len(panels))
    figure = new_figure(1.5 * columns + 1.0, -(-len(panels) // columns) * (0.15 * len(losses) + 0.65))
    places = {loss: place for place, loss in enumerate(losses)}
    for panel, axes in zip(panels, panels_of(figure, len(panels), columns, sharey=True), strict=True):
        for row in records(ranked[ranked["panel"] == panel]):
            at, colour = places[row["loss"]], looks[row["loss"]]["color"]
            axes.plot([row["low"], row["high"]], [at, at], color=colour, lw=1.6, solid_capstyle="butt")
            axes.plot([row["rank"]], [at], color=colour, marker="o", ms=4)
        axes.set(xlabel="mean rank", yticks=range(len(losses)), yticklabels=losses)
        axes.set_title(panel, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_ylim(len(losses) - 0.5, -0.5)
    return figure
