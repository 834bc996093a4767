"""Variance of gradients patch by patch, ranked by that of the ground truth (after the GV paper's Figure 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import GREY, WIDTH, colours, markers, new_figure

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
    names = list(dict.fromkeys(curves["line"]))
    palette = {
        name: GREY if name in ("bicubic", "input") else colour for name, colour in colours(["l1", *names]).items()
    }
    palette |= {"target": (0.0, 0.0, 0.0)}
    shapes = markers(["target", *names])
    figure = new_figure(WIDTH, 1.65 * len(networks) + 0.55)
    grid = figure.subplots(len(networks), 4, squeeze=False, sharex=True)
    for network, row in zip(networks, grid, strict=True):
        part = curves[curves["network"].isin([network, ""])]
        for place, direction in enumerate(DIRECTIONS):
            chosen = part[part["direction"] == direction]
            _curves(row[place], chosen, palette, shapes, share=False)
            _curves(row[place + 2], chosen, palette, shapes, share=True)
        row[0].set_ylabel(network)
    for place, axes in enumerate(grid[0]):
        what = "variance" if place < 2 else "share"
        axes.set_title(f"{what}, {list(DIRECTIONS.values())[place % 2]}", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("patches, ranked", fontsize=8)
    _legend(figure, palette, shapes, ["target", *names])
    return figure


def _curves(axes: Axes, part: pd.DataFrame, palette: dict[str, Any], shapes: dict[str, str], *, share: bool) -> None:
    for index, (name, line) in enumerate(part.groupby("line", sort=False)):
        rank, target = line["rank"].to_numpy(), line["target"].to_numpy()
        look: dict[str, Any] = {"lw": 1.1, "ms": 3.5, "markevery": (3 * index, 12)}
        if index == 0:
            truth = target / target if share else target
            axes.plot(rank, truth, color=palette["target"], lw=1.1, zorder=1)
        values = line["output"].to_numpy() / target if share else line["output"].to_numpy()
        axes.plot(rank, values, color=palette[str(name)], marker=shapes[str(name)], **look)
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


def _legend(figure: Figure, palette: dict[str, Any], shapes: dict[str, str], names: list[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=palette[name], marker="" if name == "target" else shapes[name], ms=4, label=name)
        for name in names
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), frameon=False)
