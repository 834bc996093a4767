"""A matrix of cells: every claim at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sharploss.analysis.plotting.style import WIDTH, legend_below, new_figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

VERDICTS = {
    "supported": ("+", "#0072b2"),
    "contradicted": ("\N{MULTIPLICATION SIGN}", "#d55e00"),
    "no material difference": ("=", "#56b4e9"),
    "undecided": ("?", "#cccccc"),
    "not trained yet": ("\N{HORIZONTAL ELLIPSIS}", "#e4e4e4"),
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
