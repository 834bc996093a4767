"""Matrices of cells: how often each loss beats its baseline, and every claim at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import WIDTH, legend_below, new_figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

VERDICTS = {
    "supported": ("+", "#0072b2"),
    "contradicted": ("\N{MULTIPLICATION SIGN}", "#d55e00"),
    "undecided": ("?", "#cccccc"),
    "not testable": ("", "#f4f4f4"),
}
"""Signs tell the same as colours: blue and vermilion of Okabe and Ito, and greys."""


def claims_figure(rows: pd.DataFrame) -> Figure:
    """Draw a column per claim, grouped by paper, with a cell for the published evidence and one for the measured.

    Args:
        rows: claim, paper, side ("published" or "measured"), verdict (a key of VERDICTS).
    """
    import seaborn as sns
    from matplotlib.colors import ListedColormap

    rows = rows.assign(name=rows["paper"] + " " + rows["claim"], code=rows["verdict"].map(list(VERDICTS).index))
    codes = rows.pivot_table(index="side", columns="name", values="code", sort=False)
    signs = codes.replace(dict(enumerate(sign for sign, _ in VERDICTS.values())))
    figure = new_figure(WIDTH, 1.7)
    colours = ListedColormap([colour for _, colour in VERDICTS.values()])
    look: dict[str, Any] = {"vmin": -0.5, "vmax": len(VERDICTS) - 0.5, "cmap": colours, "cbar": False, "linewidths": 1}
    axes = sns.heatmap(codes, ax=figure.subplots(), annot=signs, fmt="", annot_kws={"fontsize": 8}, **look)
    axes.set(xlabel="", ylabel="")
    axes.set_xticks([at + 0.5 for at in range(codes.shape[1])], [wrapped(str(name), 16) for name in codes], rotation=90)
    axes.set_yticklabels(axes.get_yticklabels(), rotation=0)
    square = {"ls": "", "ms": 8}
    legend_below(
        figure, {f"{w} ({s})" if s else w: {**square, "marker": "s", "color": c} for w, (s, c) in VERDICTS.items()}
    )
    return figure


def scoreboard_figure(board: pd.DataFrame) -> Figure:
    """Draw a row per loss and a column per measure; cells say in how many per cent of pairs it is better.

    Args:
        board: loss, measure (its title), share (0 to 1; 0.5 is no effect), cells (how many task-network-set cells stand
            behind it); losses and measures in the order shown.
    """
    import seaborn as sns

    share = 100 * board.pivot_table(index="loss", columns="measure", values="share", sort=False)
    cells = board.groupby("loss")["cells"].max()
    labels = [wrapped(f"{loss} ({cells[loss]:g})", 34) for loss in share.index]
    height = sum(label.count("\n") + 1 for label in labels)
    figure = new_figure(min(WIDTH, 0.4 * share.shape[1] + 3.8), 0.2 * height + 1.6)
    look: dict[str, Any] = {"cmap": "PuOr", "vmin": 0, "vmax": 100, "annot_kws": {"fontsize": 7}, "cbar": False}
    axes = sns.heatmap(share, ax=figure.subplots(), annot=True, fmt=".0f", yticklabels=labels, **look)
    axes.set(xlabel="", ylabel="")
    axes.xaxis.tick_top()
    axes.set_xticks(axes.get_xticks(), list(map(str, share)), rotation=40, ha="left", rotation_mode="anchor")
    axes.tick_params(length=0)
    return figure
