"""How often each loss beats its baseline, by measure, over everything that was trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import WIDTH, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def scoreboard_figure(board: pd.DataFrame) -> Figure:
    """Draw a row per loss and a column per measure; cells say in how many per cent of pairs it is better.

    Args:
        board: loss, measure (its title), share (0 to 1; 0.5 is no effect), cells (how many task-network-set cells stand
            behind it); losses and measures in the order shown.
    """
    from matplotlib.ticker import PercentFormatter

    share = board.pivot_table(index="loss", columns="measure", values="share", sort=False)
    cells = board.pivot_table(index="loss", columns="measure", values="cells", sort=False, aggfunc="max").max(axis=1)
    rows, columns = share.shape
    figure = new_figure(min(WIDTH, 0.62 * columns + 2.1), 0.2 * rows + 1.15)
    axes = figure.subplots()
    numbers = share.to_numpy(dtype="float64")
    image = axes.imshow(numbers, cmap="PuOr", vmin=0, vmax=1, aspect="auto")
    for row in range(rows):
        for column in range(columns):
            value = float(numbers[row, column])
            if value == value:  # noqa: PLR0124 - NaN: not measured
                colour = "white" if abs(value - 0.5) > 0.33 else "black"
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(
        range(columns),
        [str(name) for name in share.columns],
        rotation=40,
        ha="left",
        rotation_mode="anchor",
        fontsize=7,
    )
    axes.set_yticks(range(rows), [f"{loss} ({cells[loss]:g})" for loss in share.index], fontsize=7)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, label="better than its baseline", format=PercentFormatter(1.0))
    bar.ax.tick_params(labelsize=7)
    return figure
