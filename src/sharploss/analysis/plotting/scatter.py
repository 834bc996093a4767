"""One measure against another, a point per loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import GREY, Look, legend_below, looks_of, panel_figure, wrapped
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

JOINED: Look = {"color": GREY, "lw": 0.9, "marker": ".", "ms": 4, "zorder": 1}


def scatter_figure(points: pd.DataFrame, x: str, y: str, line: str, notes: dict[str, str] | None = None) -> Figure:
    """Draw a panel per network, a marker per loss.

    Args:
        points: network, loss ("" for a point without a marker of its own), x, y, along (its place on a line, NaN if
            none runs through it), faint (whether it stands back).
        x: label of the x axes.
        y: label of the y axes.
        line: what the line means, for the legend.
        notes: network -> what cannot be drawn beside the others, in words; a network may have nothing else.
    """
    from matplotlib.ticker import MaxNLocator

    figure, panels = panel_figure([*points["network"], *(notes or {})], 2, 3.1)
    looks = looks_of(points.loc[points["loss"] != "", "loss"])
    for index, (network, axes) in enumerate(panels.items()):
        part = points[points["network"] == network]
        joined = part[part["along"].notna()].sort_values("along", kind="stable")
        axes.plot(joined["x"].to_numpy(), joined["y"].to_numpy(), **JOINED)
        for row in records(part[part["loss"] != ""]):
            alpha = 0.4 if row["faint"] else 1.0
            axes.plot([row["x"]], [row["y"]], ms=6.5, ls="", zorder=2, alpha=alpha, **looks[row["loss"]])
        axes.margins(0.08)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        note = wrapped((notes or {}).get(network, ""), 40)
        axes.set(xlabel=f"{x}\n{note}".strip(), ylabel=y if index % 2 == 0 else "")
    told = {line: JOINED} if points["along"].notna().any() else {}
    legend_below(figure, {loss: {**look, "ls": ""} for loss, look in looks.items()} | told)
    return figure
