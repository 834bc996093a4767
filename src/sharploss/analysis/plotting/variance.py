"""Variance of gradients patch by patch, ranked by that of the ground truth (after the GV paper's Figure 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import GREY, WIDTH, Look, legend_below, looks_of, new_figure
from sharploss.config.protocols import REFERENCES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DIRECTIONS = {"x": "horizontal", "y": "vertical"}


def variance_figure(curves: pd.DataFrame) -> Figure:
    """Draw a row per network: variances for both directions of gradients, then their share of the target's; log scales.

    Args:
        curves: network, line (the loss, or what the unrestored image is called), direction ("x", "y"), rank (0 to 1),
            target, output (variances, above 0).
    """
    networks = [name for name in dict.fromkeys(curves["network"]) if name]
    looks = {"target": {"color": "black"}} | looks_of(curves["line"])
    looks |= {name: {**looks[name], "color": GREY} for name in REFERENCES if name in looks}
    figure = new_figure(WIDTH, 1.65 * len(networks) + 0.55)
    grid = figure.subplots(len(networks), 4, squeeze=False, sharex=True)
    for network, row in zip(networks, grid, strict=True):
        part = curves[curves["network"].isin([network, ""])]
        for place, direction in enumerate(DIRECTIONS):
            chosen = part[part["direction"] == direction]
            _curves(row[place], chosen, looks, share=False)
            _curves(row[place + 2], chosen, looks, share=True)
        row[0].set_ylabel(network)
    for place, axes in enumerate(grid[0]):
        what = "variance" if place < 2 else "share"
        axes.set_title(f"{what}, {list(DIRECTIONS.values())[place % 2]}", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("patches, ranked", fontsize=8)
    legend_below(figure, looks, 6)
    return figure


def _curves(axes: Axes, part: pd.DataFrame, looks: dict[str, Look], *, share: bool) -> None:
    for index, (name, line) in enumerate(part.groupby("line", sort=False)):
        rank, target = line["rank"].to_numpy(), line["target"].to_numpy()
        whole = target if share else 1.0
        if index == 0:
            axes.plot(rank, target / whole, lw=1.1, zorder=1, **looks["target"])
        axes.plot(
            rank, line["output"].to_numpy() / whole, lw=1.1, ms=3.5, markevery=(3 * index, 12), **looks[str(name)]
        )
    axes.tick_params(labelsize=7)
    axes.set_yscale("log")  # of the share too: flat patches may have many times the target's variance
    axes.minorticks_off()
    if share:
        _whole_decades(axes)


def _whole_decades(axes: Axes) -> None:
    """Show at least a tenth to ten times the target's, and write plain numbers: 0.1, 1, 10."""
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.09), max(high, 11))
    axes.yaxis.set_major_formatter("{x:g}")
