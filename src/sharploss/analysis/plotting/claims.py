"""Every claim at a glance: what its paper publishes and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.plotting.style import WIDTH, Look, legend_below, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOOKS: dict[str, Look] = {
    "supported": {"marker": "o", "color": "#0072b2"},
    "contradicted": {"marker": "X", "color": "#d55e00"},
    "undecided": {"marker": "D", "color": "#999999", "fillstyle": "none"},
    "not testable": {"marker": "_", "color": "#999999"},
}
"""Blue and vermilion of Okabe and Ito; the shapes tell the same without colour."""

SIDES = ("published", "measured")


def claims_figure(rows: pd.DataFrame) -> Figure:
    """Draw a column per claim, grouped by paper, with a mark for the published evidence and one for the measured.

    Args:
        rows: claim, paper, side (one of SIDES), verdict (a key of LOOKS).
    """
    papers = {str(paper): list(dict.fromkeys(part["claim"])) for paper, part in rows.groupby("paper", sort=False)}
    widths = [max(len(claims), 2.2) for claims in papers.values()]
    figure = new_figure(WIDTH, 1.6)
    panels = figure.subplots(1, len(papers), squeeze=False, width_ratios=widths, sharey=True)[0]
    for (paper, claims), axes in zip(papers.items(), panels, strict=True):
        _panel(axes, rows[rows["paper"] == paper], claims)
        axes.set_title(paper.replace(" and ", "\nand "), fontsize=7)
    legend_below(figure, {word: {"ls": "", "ms": 7, "mew": 1.6, **look} for word, look in LOOKS.items()})
    return figure


def _panel(axes: Axes, part: pd.DataFrame, claims: list[str]) -> None:
    for word, look in LOOKS.items():
        chosen = part[part["verdict"] == word]
        xs = [claims.index(str(claim)) for claim in chosen["claim"]]
        ys = [SIDES.index(str(side)) for side in chosen["side"]]
        axes.plot(xs, ys, ls="", ms=5.5, mew=1.4, **look)
    axes.set_xticks(range(len(claims)), claims, rotation=90, fontsize=7)
    axes.set_yticks(range(len(SIDES)), SIDES)
    axes.set(xlim=(-0.6, len(claims) - 0.4), ylim=(1.5, -0.5))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.axhline(0.5, color="#dddddd", lw=0.8)
