"""Fidelity against perception: PSNR over LPIPS, with the losses that no other one beats joined."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from sharploss.analysis.plotting.labels import label_points
from sharploss.analysis.plotting.style import WIDTH, arrange, legend_below, looks_of, new_figure, panels_of
from sharploss.analysis.tables.layout import records

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pareto_figure(points: pd.DataFrame) -> Figure:
    """Draw a panel per network; to the left looks closer to the target, upwards is closer pixel by pixel.

    Args:
        points: network, loss, psnr (dB), lpips, front (whether no other loss beats it).
    """
    networks, looks = list(dict.fromkeys(points["network"])), looks_of(points["loss"])
    figure = new_figure(WIDTH / 2 * min(2, len(networks)), 3.1 * -(-len(networks) // 2) + 0.18 * -(-len(looks) // 4))
    panels = panels_of(figure, len(networks), 2)
    parts = [points[points["network"] == network] for network in networks]
    for index, (part, axes) in enumerate(zip(parts, panels, strict=True)):
        front = part[part["front"]].sort_values("lpips")
        axes.plot(front["lpips"].to_numpy(), front["psnr"].to_numpy(), color="#888888", lw=1, ls="--", zorder=1)
        for row in records(part):
            alpha = 1.0 if row["front"] else 0.45
            axes.plot([row["lpips"]], [row["psnr"]], ms=6.5, ls="", zorder=2, alpha=alpha, **looks[row["loss"]])
        axes.margins(0.2, 0.16)
        axes.set(title=networks[index], xlabel="LPIPS", ylabel="PSNR (dB)" if index % 2 == 0 else "")
    legend_below(figure, {loss: {**look, "ls": ""} for loss, look in looks.items()})
    arrange(figure)
    for part, axes in zip(parts, panels, strict=True):
        _label_front(axes, part)
    return figure


def _label_front(axes: Axes, part: pd.DataFrame) -> None:
    front = part[part["front"]].sort_values("lpips")
    places = front[["lpips", "psnr"]].to_numpy()
    along = [tuple(spot) for start, end in pairwise(places) for spot in np.linspace(start, end, 8)]
    points = [tuple(spot) for spot in part[["lpips", "psnr"]].to_numpy()]
    label_points(axes, [tuple(spot) for spot in places], list(front["loss"]), [*points, *along])
